"""Records as the JSON documents that HTTP answers and the command line prints. Pure.

Here are the documents of the identity and of the engine, the errors for what a document cannot say
yet, and the way into a document along a URL's path.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from selfinspect.errors import (
    AmbiguousIdentityError,
    BadRequestError,
    EngineDeniedError,
    EngineError,
    EngineUnreachableError,
    IdentityError,
    NotFoundError,
)
from selfinspect.jsonread import mapping
from selfinspect.model import CAPABILITIES, SHORT_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        raise unresolved(snapshot.identity.reason, named=bool(snapshot.identity.candidates))
    return snapshot.self


def unresolved(reason: str | None, *, named: bool) -> IdentityError:
    """The error for no identity.

    Args:
        reason: why there is none.
        named: whether evidence names any container.
    """
    kind = AmbiguousIdentityError if named else IdentityError
    return kind(
        reason or "no evidence of a container was found",
        hint="selfinspect id --explain shows the evidence; --container settles it",
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


def segments(raw_path: bytes, prefix: str) -> tuple[str, ...]:
    """The rest of a raw path after a prefix: split at `/` first, then percent-decoded.

    So `%2F` is part of a member's name.

    Raises:
        BadRequestError: a segment is not UTF-8.
        NotFoundError: the path does not begin with the prefix, character by character.
    """
    head, rest = raw_path[: len(prefix)], raw_path[len(prefix) :]
    if head != prefix.encode() or rest[:1] not in (b"", b"/"):
        raise NotFoundError(f"no such path: {raw_path.decode('latin-1')}")
    try:
        return tuple(unquote_to_bytes(part).decode() for part in rest.split(b"/")[1:])
    except UnicodeDecodeError as error:
        raise BadRequestError(
            "a path segment is not UTF-8 once percent-decoded",
            hint="percent-encode the UTF-8 bytes of the member's name",
        ) from error


def drill(document: Json, path: Sequence[str]) -> Json:
    """The member at a path: of an object by its name, of an array by its decimal index.

    Raises:
        NotFoundError: there is no such member; the detail lists those that there are.
    """
    for depth, name in enumerate(path):
        if isinstance(document, dict) and name in document:
            document = document[name]
        elif isinstance(document, list) and (index := _index(name, len(document))) is not None:
            document = document[index]
        else:
            raise _missing(document, path[:depth], name)
    return document


def as_text(scalar: Json) -> bytes:
    """A scalar as it is, and a newline: null is an empty line, booleans are `true` and `false`."""
    if scalar is None:
        return b"\n"
    text = scalar if isinstance(scalar, str) else json.dumps(scalar)
    return text.encode(errors="backslashreplace") + b"\n"


def _index(name: str, length: int) -> int | None:
    """A decimal index below a length, without a leading zero or a sign; None for any other text."""
    if name.isascii() and name.isdecimal() and len(name) <= len(str(length)):
        index = int(name)
        return index if index < length and name == str(index) else None
    return None


def _missing(document: Json, path: Sequence[str], name: str) -> NotFoundError:
    if isinstance(document, dict):
        there = f"its members are {', '.join(document)}" if document else "it has no members"
    elif isinstance(document, list):
        there = f"its indices are 0 to {len(document) - 1}" if document else "it is empty"
    else:
        there = "it is null" if document is None else "it is a single value"
    return NotFoundError(f"no member {name!r} at /{'/'.join(path)}: {there}")
