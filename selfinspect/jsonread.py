"""JSON of engines and agents: parsed within bounds of weight and depth, then read. Pure.

By type: a member that is absent, or of another type than its reader asks for, is None. Along a
URL's path: a member that is absent is an error, which lists those that there are.
"""

from __future__ import annotations

import json
import math
import re
import sys
from typing import TYPE_CHECKING, Final, TypeAlias

from selfinspect.errors import BadRequestError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

HEAVIEST: Final = 24 * 2**20
"""Bytes that a document may take once it is parsed, as estimated from its text."""

_DEEPEST = 100  # levels: whoever walks a document may do so by recursion
_TOO_DEEP = f"nested more than {_DEEPEST} levels deep"
_64_BITS = range(-(2**63), 2**64)
_LONGEST_NUMBER = 18
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
# The first byte of a character that takes four bytes in UTF-8, and so four in a string of CPython.
_WIDEST = re.compile(rb"[\xf0-\xff]")
_HALVES = re.compile("[\ud800-\udfff]")
# The same, or escaped; whole pairs match, too, which few writers escape.
_MAY_BE_HALVES = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


class TooHeavyError(ValueError):
    """Raised for a document that would take more memory than it may."""


def parsed(text: bytes | str, heaviest: int = HEAVIEST) -> Json:
    """A document from its JSON, such that it can be written as JSON and UTF-8 again.

    NaN and infinite numbers become null, and halves of surrogate pairs U+FFFD: RFC 8259 has no
    place for the former, and UTF-8 none for the latter.

    Args:
        text: the JSON.
        heaviest: bytes that the document may take, about: `{},{},{}` takes 20 times its length.

    Raises:
        ValueError: it is not JSON, or is nested deeper or weighs more than an engine's ever does.
    """
    if isinstance(text, bytes):
        text = decoded(text, heaviest)
    if weight(text, heaviest) > heaviest:
        raise TooHeavyError(_too_heavy(heaviest))
    try:
        document: Json = json.loads(text, parse_constant=lambda _: None, parse_float=_finite)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    _see_that_it_is_shallow(document)
    return _whole(document) if _MAY_BE_HALVES.search(text) else document


def decoded(body: bytes, heaviest: int = HEAVIEST) -> str:
    """The text of a JSON body, which may have halves of surrogate pairs.

    Args:
        body: in UTF-8.
        heaviest: bytes that the document may take.

    Raises:
        ValueError: it is not UTF-8, or may take more: CPython gives each character of a string as
            many bytes as its widest needs.
    """
    wide = not body.isascii()
    if wide and len(body) * 2 * (4 if _WIDEST.search(body) else 2) > heaviest:
        raise TooHeavyError(_too_heavy(heaviest))
    return body.decode("utf-8-sig", "surrogatepass")


def weight(text: str, heaviest: int) -> int:
    """Bytes that a document takes once it is parsed, about; never less than its text.

    Args:
        text: its JSON.
        heaviest: a first estimate above this is repeated without the marks inside of strings.
    """
    seems = _weight(text, {})
    return seems if seems <= heaviest else _weight(text, _in_strings(text))


def _too_heavy(heaviest: int) -> str:
    return f"it would take more than {heaviest >> 20} MiB of memory"


def _weight(text: str, in_strings: Mapping[str, int]) -> int:
    """The weight of CPython's objects, of the references to them, and of the text.

    Args:
        text: the JSON.
        in_strings: how often each mark is inside of a string, where it means nothing.
    """
    count = {mark: text.count(mark) - in_strings.get(mark, 0) for mark in '{[,:"'}
    strings = max(0, count['"'] // 2 - count[":"])
    others = max(0, count[","] - strings)
    return (
        150 * count["{"]
        + 72 * count["["]
        + 45 * count[":"]
        + 57 * strings
        + 36 * others
        + sys.getsizeof(text) * (1 if text.isascii() else 2)
    )


def _in_strings(text: str) -> Mapping[str, int]:
    """How often each mark of JSON is inside of a string, where it means nothing."""
    count = dict.fromkeys('{[,:"', 0)
    for string in _STRING.finditer(text):
        inner = string[0]
        for mark in "{[,:":
            count[mark] += inner.count(mark)
        count['"'] += inner.count('"') - 2
    return count


def _see_that_it_is_shallow(document: Json) -> None:
    level = [document]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _whole(node: Json) -> Json:
    """The document with each half of a surrogate pair replaced."""
    if isinstance(node, str):
        return _HALVES.sub("\ufffd", node)
    if isinstance(node, list):
        return [_whole(each) for each in node]
    if isinstance(node, dict):
        return {_HALVES.sub("\ufffd", name): _whole(each) for name, each in node.items()}
    return node


def _children(node: Json) -> Iterable[Json]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def member(document: Json, *path: str) -> Json:
    """The member at a path of names; None where the path leads nowhere."""
    for name in path:
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document


def text(document: Json, *path: str) -> str | None:
    """A string that is not empty."""
    value = member(document, *path)
    return value if isinstance(value, str) and value else None


def integer(document: Json, *path: str) -> int | None:
    """A whole number of 64 bits, as every engine's are."""
    value = member(document, *path)
    if isinstance(value, int) and not isinstance(value, bool) and value in _64_BITS:
        return value
    return None


def decimal(text: str | None) -> int | None:
    """A whole number written as text: a port by an engine, a label by anybody."""
    if text and text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER:
        return int(text)
    return None


def boolean(document: Json, *path: str) -> bool | None:
    """True or false."""
    value = member(document, *path)
    return value if isinstance(value, bool) else None


def mapping(document: Json, *path: str) -> dict[str, Json]:
    """An object; an empty one where there is none."""
    value = member(document, *path)
    return value if isinstance(value, dict) else {}


def sequence(document: Json, *path: str) -> list[Json]:
    """An array; an empty one where there is none."""
    value = member(document, *path)
    return value if isinstance(value, list) else []


def texts(document: Json, *path: str) -> tuple[str, ...]:
    """The strings of an array."""
    return tuple(value for value in sequence(document, *path) if isinstance(value, str))


def text_mapping(document: Json, *path: str) -> Mapping[str, str]:
    """The members of an object that are strings."""
    return {
        name: value for name, value in mapping(document, *path).items() if isinstance(value, str)
    }


def segments(raw_path: bytes, prefix: str) -> tuple[str, ...]:
    """The rest of a raw path after a prefix: split at `/` first, then percent-decoded.

    So `%2F` is part of a member's name.

    Raises:
        BadRequestError: a segment is not UTF-8.
        NotFoundError: the path does not begin with the prefix, character by character.
    """
    from urllib.parse import unquote_to_bytes  # noqa: PLC0415 - the app's client drills nothing

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
