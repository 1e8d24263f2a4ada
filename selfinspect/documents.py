"""Records as the documents that HTTP answers and the command line prints. Pure.

Into a JSON document along a URL's path, and what stands there as an answer's body.
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
from selfinspect.model import CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selfinspect.model import Access, Json, Reach, Self, Snapshot


_SHORT = 12


def as_document(record: object) -> Json:
    """A record as a JSON document: objects, arrays and scalars."""
    if is_dataclass(record):
        return {each.name: as_document(getattr(record, each.name)) for each in fields(record)}
    if isinstance(record, Mapping):
        return {name: as_document(value) for name, value in record.items()}
    if isinstance(record, tuple | list):
        return [as_document(value) for value in record]
    scalar: Json = record  # type: ignore[assignment]
    return scalar


def identity_document(snapshot: Snapshot) -> Json:
    """What `/v1/identity` answers, and `selfinspect id --json` prints."""
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
    """What `/v1/engine` answers: the engine, and the limits of our access to it.

    Args:
        snapshot: what is known now.
        reach: the engine that answered last, None where none ever did.
    """
    engine = reach.engine if reach else None
    learnt = reach.capabilities if reach else {}
    failure = snapshot.failure
    away = failure is not None and not (failure.denied or failure.no_target)
    return {
        "endpoint": engine.endpoint if engine else None,
        "product": engine.product if engine else None,
        "version": engine.version if engine else None,
        "api_version": engine.api_version if engine else None,
        "min_api_version": reach.min_api_version if reach else None,
        "os": reach.os if reach else None,
        "kernel": reach.kernel if reach else None,
        "encrypted": reach.encrypted if reach else None,
        "reachable": reach is not None and not away,
        "capabilities": {
            **{name: learnt.get(name, "unknown") for name in CAPABILITIES},
            "memory_events": _memory_events(snapshot),
        },
        "tried": _tried(snapshot),
    }


def _memory_events(snapshot: Snapshot) -> Access:
    """Whether the kernel says when memory is short: to a container it does on cgroup v2 alone."""
    if snapshot.self is None:
        return "unknown"
    return "unsupported" if snapshot.self.memory_events is None else "allowed"


def _tried(snapshot: Snapshot) -> Json:
    return [{"endpoint": one.endpoint, "outcome": one.said} for one in snapshot.tried]


def refused(snapshot: Snapshot) -> IdentityError:
    """Why there is nothing to say about ourselves: the identity does not stand."""
    kind = AmbiguousIdentityError if snapshot.identity.candidates else IdentityError
    return kind(
        snapshot.identity.reason or "the identity is still being resolved",
        hint="selfinspect id --explain shows the evidence; --container settles it",
    )


def unused(identifier: str, reason: str | None = None) -> IdentityError:
    """Why an ID that is only assumed is not used."""
    said = f"only assumed to be {identifier[:_SHORT]}"
    return IdentityError(
        f"{said}: {reason}" if reason else said,
        hint="an engine proves it: mount its socket; where no container shares another's network,"
        " --assume (SELFINSPECT_ASSUME=1) uses it",
    )


def standing(snapshot: Snapshot) -> Self:
    """What there is to say about ourselves.

    Raises:
        IdentityError: it is not known which container this is.
    """
    if snapshot.self is None:
        raise refused(snapshot)
    return snapshot.self


def engine_missing(snapshot: Snapshot) -> EngineError:
    """Why an answer that only an engine can give cannot be given."""
    failure = snapshot.failure
    if failure is None:
        return EngineUnreachableError("the engine has not been asked yet")
    if failure.denied:
        return EngineDeniedError(failure.detail, code=403, capability="inspect", hint=failure.hint)
    return EngineUnreachableError(failure.detail, hint=failure.hint)


def segments(raw_path: bytes, prefix: str) -> tuple[str, ...]:
    """What follows a prefix of a raw path: split at `/` first, then percent-decoded.

    So `%2F` is part of a member's name.

    Raises:
        BadRequestError: a segment is not UTF-8.
        NotFoundError: the path does not begin with the prefix, as it is written.
    """
    head, rest = raw_path[: len(prefix)], raw_path[len(prefix) :]
    if head != prefix.encode() or rest[:1] not in (b"", b"/"):
        raise NotFoundError(f"{raw_path.decode('latin-1')} is no path here")
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
        NotFoundError: there is no such member; its detail lists those there.
    """
    for depth, name in enumerate(path):
        if isinstance(document, dict) and name in document:
            document = document[name]
        elif isinstance(document, list) and (index := _index(name, len(document))) is not None:
            document = document[index]
        else:
            raise _missing(document, path[:depth], name)
    return document


def as_json(document: Json) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(
        errors="backslashreplace"
    )


def as_text(scalar: Json) -> bytes:
    """A scalar, raw, and a newline: null an empty line, booleans `true` and `false`."""
    if scalar is None:
        return b"\n"
    text = scalar if isinstance(scalar, str) else json.dumps(scalar)
    return text.encode(errors="backslashreplace") + b"\n"


def _index(name: str, length: int) -> int | None:
    """A decimal index below a length; it has no leading zero and no sign."""
    if name.isascii() and name.isdecimal() and len(name) <= len(str(length)):
        index = int(name)
        return index if index < length and name == str(index) else None
    return None


def _missing(document: Json, path: Sequence[str], name: str) -> NotFoundError:
    place = "/" + "/".join(path)
    if isinstance(document, dict):
        members = list(document)
        there = "its members are " + ", ".join(members) if members else "it has no members"
    elif isinstance(document, list):
        members = [str(index) for index in range(len(document))]
        there = f"its indices are 0 to {len(members) - 1}" if members else "it is empty"
    else:
        members, there = [], "it is null" if document is None else "it is a single value"
    return NotFoundError(f"no member {name!r} at {place}: {there}", path=place, members=members)
