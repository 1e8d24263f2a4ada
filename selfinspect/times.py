"""RFC 3339 times to the nanosecond, as engines and selfinspect write them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from selfinspect.duration import parse_duration
from selfinspect.errors import BadRequestError

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_UNIX = re.compile(r"(\d{1,11})(?:\.(\d{1,9}))?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SECOND = 10**9
"""In nanoseconds, which is what moments are counted in."""


def nanoseconds(text: str) -> int:
    """Nanoseconds since the Unix epoch of an RFC 3339 time; digits past nine are dropped.

    Go's zero time, `0001-01-01T00:00:00Z`, is a time like any other and comes out negative.

    Raises:
        ValueError: the text is not an RFC 3339 time.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    day, clock, fraction, zone = match.groups()
    offset = "+00:00" if zone in "Zz" else zone
    since = datetime.fromisoformat(f"{day}T{clock}{offset}") - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + int((fraction or "").ljust(9, "0"))


def asked_for(name: str, value: str, now: int) -> int:
    """Nanoseconds since the Unix epoch of a time that a person asked for.

    Args:
        name: of the parameter or option, for the message.
        value: RFC 3339, Unix seconds, or a duration back from now.
        now: nanoseconds since the Unix epoch.

    Raises:
        BadRequestError: it is none of the three.
    """
    if match := _UNIX.fullmatch(value):
        return int(match[1]) * SECOND + int((match[2] or "").ljust(9, "0"))
    try:
        # A plus sign in a query is a space, and most people leave the one of `+02:00` as it is.
        return nanoseconds(re.sub(r" (?=\d\d:\d\d$)", "+", value))
    except ValueError:
        pass
    try:
        return now - round(parse_duration(value) * SECOND)
    except (ValueError, OverflowError) as error:
        raise BadRequestError(
            f"{name} {value!r} is not a time",
            hint=f"{name} takes RFC 3339, Unix seconds, or a duration back from now such as 5m",
        ) from error


def rfc3339(since: int) -> str:
    """The time so many nanoseconds after the Unix epoch, in UTC with nine digits and `Z`."""
    seconds, fraction = divmod(since, SECOND)
    return f"{(_EPOCH + timedelta(seconds=seconds)):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def unix(since: int) -> str:
    """The same as the Engine API takes it: seconds since the Unix epoch, with nine decimals."""
    seconds, fraction = divmod(since, SECOND)
    return f"{seconds}.{fraction:09d}"


def moment(text: object) -> int | None:
    """Nanoseconds since the Unix epoch of an engine's time; None for junk and Go's zero time."""
    if not isinstance(text, str):
        return None
    try:
        since = nanoseconds(text)
    except ValueError:
        return None
    return since if since > 0 else None


def normalized(text: object) -> str | None:
    """An engine's time as `rfc3339` writes it; None for junk and Go's zero time."""
    since = moment(text)
    return None if since is None else rfc3339(since)
