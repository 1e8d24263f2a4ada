"""Typed reads from an engine's JSON: what is absent or of another type is None."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from selfinspect.model import Json


_DEEPEST = 100
"""Arrays and objects in one another: who walks a document may do so by recursion."""
_TOO_DEEP = f"more than {_DEEPEST} arrays and objects stand in one another"
_64_BITS = range(-(2**63), 2**64)
_LONGEST_NUMBER = 18


def parsed(text: bytes | str) -> Json:
    """A document from its JSON.

    Raises:
        ValueError: it is none, or one of more depth than an engine has a use for.
    """
    try:
        document: Json = json.loads(text)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    level = [document]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in _children(node)]
        if not level:
            return document
    raise ValueError(_TOO_DEEP)


def member(document: Json, *path: str) -> Json:
    """What stands at a path of member names."""
    for name in path:
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document


def text(document: Json, *path: str) -> str | None:
    """A string with something in it."""
    value = member(document, *path)
    return value if isinstance(value, str) and value else None


def integer(document: Json, *path: str) -> int | None:
    """A whole number of 64 bits, as every engine's are."""
    value = member(document, *path)
    if isinstance(value, int) and not isinstance(value, bool) and value in _64_BITS:
        return value
    return None


def decimal(text: str | None) -> int | None:
    """A whole number that stands there as text: a port by an engine, a label by anybody."""
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


def _children(node: Json) -> Iterable[Json]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()
