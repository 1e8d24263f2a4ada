"""Typed reads from an engine's JSON: what is absent or of another type is None."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.model import Json


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
    """A whole number."""
    value = member(document, *path)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


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
