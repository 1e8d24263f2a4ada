"""The query parameters of a request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from selfinspect.errors import BadRequestError
from selfinspect.times import asked_for

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

    from selfinspect.model import StatsSource

_DIGITS = re.compile(r"\d{1,9}", re.ASCII)
_NUMBER = re.compile(r"\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


def single(query: QueryParams, name: str) -> str | None:
    """The value of a parameter, None where it is not given.

    Raises:
        BadRequestError: it is given more than once.
    """
    values = query.getlist(name)
    if len(values) > 1:
        raise BadRequestError(
            f"{name} is given {len(values)} times", hint=f"{name} takes a single value"
        )
    return values[0] if values else None


def invalid(name: str, value: str | None, takes: str) -> BadRequestError:
    """The error for a value that a parameter does not take.

    Args:
        name: the parameter.
        value: what was given.
        takes: what it takes instead.
    """
    return BadRequestError(f"{name} {value!r} is invalid", hint=f"{name} takes {takes}")


def number(query: QueryParams, name: str, *, default: int, largest: int) -> int:
    """A whole number from 1 to the largest.

    Raises:
        BadRequestError: it is invalid or repeated.
    """
    text = single(query, name)
    if text is None:
        return default
    if not (_DIGITS.fullmatch(text) and 1 <= int(text) <= largest):
        raise invalid(name, text, f"a number from 1 to {largest}")
    return int(text)


def boolean(query: QueryParams, name: str) -> bool:
    """`true` or `false`, the default.

    Raises:
        BadRequestError: it is invalid or repeated.
    """
    text = single(query, name)
    if text not in (None, "true", "false"):
        raise invalid(name, text, "true or false")
    return text == "true"


def source_of(query: QueryParams) -> StatsSource | None:
    """`engine` or `kernel`; None where it is not given.

    Raises:
        BadRequestError: it is invalid or repeated.
    """
    text = single(query, "source")
    if text not in (None, "engine", "kernel"):
        raise invalid("source", text, "engine or kernel")
    return cast("StatsSource | None", text)


def seconds(
    query: QueryParams, name: str, *, default: float, largest: float, smallest: float = 0.0
) -> float:
    """A number of seconds from the smallest to the largest, as JSON writes numbers.

    Raises:
        BadRequestError: it is invalid or repeated.
    """
    text = single(query, name)
    if text is None:
        return default
    if not (_NUMBER.fullmatch(text) and smallest <= float(text) <= largest):
        raise invalid(name, text, f"seconds from {smallest:g} to {largest:g}")
    return float(text)


def moment(query: QueryParams, name: str, now: int) -> int | None:
    """A time in nanoseconds since the Unix epoch; None where it is not given.

    Raises:
        BadRequestError: it is not a time (see `times.asked_for`), or repeated.
    """
    text = single(query, name)
    return None if text is None else asked_for(name, text, now)
