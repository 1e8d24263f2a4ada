"""Records as the JSON documents that HTTP answers and the command line prints. Pure.

Here are the documents of the identity and of the engine, and the errors for what a document cannot
say yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

from selfinspect.errors import (
    AmbiguousIdentityError,
    EngineDeniedError,
    EngineError,
    EngineUnreachableError,
    IdentityError,
)
from selfinspect.jsonread import mapping
from selfinspect.model import CAPABILITIES, SHORT_ID

if TYPE_CHECKING:
    from selfinspect.model import Access, Json, Reach, Self, Snapshot


ENGINE_MEMBERS = ("endpoint", "product", "version", "api_version")
_REACH = ("min_api_version", "os", "kernel", "encrypted")


def as_document(record: object) -> Json:
    """A record as a JSON document: objects, arrays and scalars.

    Raises:
        TypeError: something in it has no form in JSON.
    """
    if record is None or isinstance(record, str | int | float):
        return record
    if is_dataclass(record):
        return {each.name: as_document(getattr(record, each.name)) for each in fields(record)}
    if isinstance(record, Mapping):
        return {name: as_document(value) for name, value in record.items()}
    if isinstance(record, tuple | list):
        return [as_document(value) for value in record]
    raise TypeError(f"{type(record).__name__} has no form in JSON")


def identity_document(snapshot: Snapshot) -> Json:
    """The answer of `/v1/identity`, which `selfinspect id --json` prints."""
    identity = snapshot.identity
    return {
        "id": identity.id,
        "name": identity.name,
        "level": identity.level,
        "method": identity.method,
        "reason": identity.reason,
        "engine": as_document(snapshot.engine),
        "candidates": as_document(identity.candidates),
        "tried": _tried(snapshot),
    }


def engine_document(snapshot: Snapshot, reach: Reach | None) -> Json:
    """The answer of `/v1/engine`: the engine, and the limits of our access to it.

    Args:
        snapshot: the present one.
        reach: the engine that answered last, None where none ever did.
    """
    engine = mapping(as_document(reach.engine if reach else None))
    access = mapping(as_document(reach))
    learnt = mapping(access, "capabilities")
    failure = snapshot.failure
    away = failure is not None and not (failure.denied or failure.no_target)
    return {
        **{name: engine.get(name) for name in ENGINE_MEMBERS},
        **{name: access.get(name) for name in _REACH},
        "reachable": reach is not None and not away,
        "capabilities": {
            **{name: learnt.get(name, "unknown") for name in CAPABILITIES},
            "memory_events": _memory_events(snapshot),
        },
        "failure": as_document(failure),
        "tried": _tried(snapshot),
    }


def _memory_events(snapshot: Snapshot) -> Access:
    """Whether the kernel reports memory shortage to us: it does so on cgroup v2 alone."""
    if snapshot.self is None:
        return "unknown"
    return "unsupported" if snapshot.self.memory_events is None else "allowed"


def _tried(snapshot: Snapshot) -> Json:
    return [{"endpoint": one.endpoint, "outcome": one.said} for one in snapshot.tried]


def standing(snapshot: Snapshot) -> Self:
    """The document about ourselves.

    Raises:
        IdentityError: we cannot say which container this is, or not yet.
    """
    if snapshot.self is None:
        raise unresolved(
            snapshot.identity.reason,
            named=bool(snapshot.identity.candidates),
            no_engine=snapshot.failure.detail if snapshot.failure else None,
        )
    return snapshot.self


def unresolved(reason: str | None, *, named: bool, no_engine: str | None = None) -> IdentityError:
    """The error for no identity.

    Args:
        reason: why there is none.
        named: whether evidence names any container.
        no_engine: why no engine could be asked.
    """
    cause = f"{no_engine}; " if no_engine else ""
    kind = AmbiguousIdentityError if named else IdentityError
    return kind(
        reason or "no evidence of a container was found",
        hint=f"{cause}selfinspect id --explain shows the evidence; --container settles it",
    )


def unused(identifier: str, reason: str | None = None) -> IdentityError:
    """The error for an ID that is only assumed, and so not used."""
    said = f"only assumed to be {identifier[:SHORT_ID]}"
    return IdentityError(
        f"{said}: {reason}" if reason else said,
        hint="mount the engine's socket, so that it can be proven; or, where no container shares"
        " another's network, give --assume (SELFINSPECT_ASSUME=1)",
    )


def engine_missing(snapshot: Snapshot) -> EngineError:
    """The error for an answer that only an engine can give."""
    failure = snapshot.failure
    if failure is None:
        return EngineUnreachableError("the engine has not been asked yet")
    if failure.denied:
        return EngineDeniedError(failure.detail, code=403, capability="inspect", hint=failure.hint)
    return EngineUnreachableError(failure.detail, hint=failure.hint)
