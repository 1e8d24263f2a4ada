"""Cursors: the name of a journal and the number of an event in it."""

from __future__ import annotations

import re
from typing import NamedTuple

from selfinspect.errors import BadRequestError

_CURSOR = re.compile(r"(?P<name>[0-9a-z]{1,64})-(?P<seq>[0-9]{1,18})")


class Cursor(NamedTuple):
    """Behind which event a reader goes on."""

    name: str
    seq: int

    def __str__(self) -> str:
        return f"{self.name}-{self.seq}"


def parse_cursor(text: str) -> Cursor:
    """A cursor as `str` writes it.

    Raises:
        BadRequestError: it is none that any journal gives out.
    """
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise BadRequestError(
            f"{text!r} is no cursor",
            hint="take `next` of /v1/events, or the id of a streamed event",
        )
    return Cursor(match["name"], int(match["seq"]))
