"""The query parameters of a request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, cast

from selfinspect.errors import BadRequestError
from selfinspect.times import asked_for
from selfinspect.web.answers import opaque

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

    from selfinspect.model import StatsSource

_DIGITS = re.compile(r"\d{1,9}", re.ASCII)
_NUMBER = re.compile(r"\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 60.0, 300.0


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


class Wait(NamedTuple):
    """What a request says about waiting.

    Attributes:
        for_change: whether to wait at all.
        seconds: how long at most.
        last_etag: the opaque part of the ETag that the client has; empty for one that has none and
            wants the present value at once, None for one that waits for the next change.
    """

    for_change: bool
    seconds: float
    last_etag: str | None


def wait_of(query: QueryParams) -> Wait:
    """`wait_for_change`, `timeout_sec` and `last_etag`, whose quotes and `W/` are optional.

    Raises:
        BadRequestError: one of them is invalid or repeated.
    """
    last = single(query, "last_etag")
    return Wait(
        boolean(query, "wait_for_change"),
        seconds(query, "timeout_sec", default=_WAIT_SECONDS, largest=_LONGEST_WAIT_SECONDS),
        None if last is None else opaque(last),
    )
