"""Into a JSON document along a URL's path, and what stands there as an answer's body."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from selfinspect.errors import BadRequestError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selfinspect.model import Json


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
