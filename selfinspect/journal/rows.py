"""Events as rows of the journal's table, and the conditions that select them. Pure."""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from selfinspect import times
from selfinspect.errors import BadRequestError
from selfinspect.frozen import dataclass
from selfinspect.model import Actor, Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selfinspect.model import EventSource, Occurrence

_LEAST, _LARGEST = -(2**63), 2**63 - 1

ALL = _LARGEST
"""As a number of events: however many there are."""


class DamagedError(Exception):
    """Raised when a stored event is not as it was written."""


class Row(NamedTuple):
    """One event, with its members in the order of the table's columns."""

    seq: int
    run: int | None
    time: str
    type: str
    action: str
    actor_id: str
    actor_name: str | None
    attributes: str
    source: EventSource
    nanoseconds: int
    key: bytes

    def event(self, cursor: str) -> Event:
        """The event, with the cursor that leads on from it.

        Raises:
            DamagedError: the row is not as `row` made it.
        """
        try:
            times.nanoseconds(self.time)
            attributes = json.loads(self.attributes)
        except (ValueError, TypeError, RecursionError) as error:
            raise DamagedError(f"event {self.seq} is damaged: {error}") from error
        if not isinstance(attributes, dict):
            raise DamagedError(f"event {self.seq} is damaged: its attributes are not an object")
        run: object = self.run or 0
        name = self.actor_name or ""
        texts: list[object] = [self.type, self.action, self.actor_id, name, self.source]
        if not (isinstance(run, int) and all(isinstance(text, str) for text in texts)):
            raise DamagedError(f"event {self.seq} is damaged: a member has the wrong type")
        return Event(
            cursor=cursor,
            seq=self.seq,
            run=self.run,
            time=self.time,
            type=self.type,
            action=self.action,
            actor=Actor(self.actor_id, self.actor_name),
            attributes=attributes,
            source=self.source,
        )


TABLE = """CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    run INTEGER,
    time TEXT NOT NULL,
    type TEXT NOT NULL,
    action TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    actor_name TEXT,
    attributes TEXT NOT NULL,
    source TEXT NOT NULL,
    nanoseconds INTEGER NOT NULL,
    key BLOB NOT NULL UNIQUE
)"""
_MARKS = ", ".join("?" * len(Row._fields))
INSERT = f"INSERT INTO events VALUES ({_MARKS}) ON CONFLICT DO NOTHING"  # noqa: S608


def row(seq: int, run: int | None, occurrence: Occurrence) -> Row:
    """The row of an occurrence, with its number and its run's."""
    actor = occurrence.actor
    return Row(
        seq=seq,
        run=run,
        time=occurrence.time,
        type=_storable(occurrence.type),
        action=_storable(occurrence.action),
        actor_id=_storable(actor.id),
        actor_name=None if actor.name is None else _storable(actor.name),
        attributes=json.dumps(dict(occurrence.attributes), separators=(",", ":")),
        source=occurrence.source,
        nanoseconds=_bounded(occurrence.nanoseconds),
        key=digest(occurrence),
    )


def digest(occurrence: Occurrence) -> bytes:
    """Identify an occurrence by a digest of its key.

    The key itself may hold secrets: the command line of an exec as the engine wrote it.
    """
    return blake2b(json.dumps(occurrence.key).encode(), digest_size=16).digest()


def _bounded(nanoseconds: int) -> int:
    """Limit a time to 64 bits, which hold those of the years 1678 to 2261."""
    return max(_LEAST, min(nanoseconds, _LARGEST))


def _storable(text: str) -> str:
    """Escape halves of surrogate pairs, which JSON can contain and UTF-8 cannot."""
    return text.encode(errors="backslashreplace").decode()


@dataclass(frozen=True, slots=True)
class Query:
    """What events have to match; None matches every one.

    Attributes:
        since: the earliest time, nanoseconds since the Unix epoch.
        until: the latest.
        type: what the event is about, `container` for one.
        action: what happened.
    """

    since: int | None = None
    until: int | None = None
    type: str | None = None
    action: str | None = None

    def parameters(self) -> dict[str, str | int | None]:
        """The values that `MATCHES` names."""
        return {
            "since": None if self.since is None else _bounded(self.since),
            "until": None if self.until is None else _bounded(self.until),
            "type": self.type,
            "action": self.action,
        }


MATCHES = """
    (:since IS NULL OR nanoseconds >= :since) AND (:until IS NULL OR nanoseconds <= :until)
    AND (:type IS NULL OR type = :type) AND (:action IS NULL OR action = :action)
"""
"""A query as an SQL condition on the journal's table."""


def newest_of_each(actions: Sequence[str]) -> str:
    """An SQL condition for the newest events of each action in each run, newest first.

    Its parameters: the lowest `seq`, the actions (none: all of them), how many of each, and how
    many at all.
    """
    among = f"AND action IN ({', '.join('?' * len(actions))})" if actions else ""
    return f"""
        seq IN (
            SELECT seq FROM (
                SELECT seq, row_number() OVER (PARTITION BY run, action ORDER BY seq DESC) AS place
                FROM events WHERE seq >= ? {among}
            ) WHERE place <= ?
        ) ORDER BY seq DESC LIMIT ?
    """  # noqa: S608


_CURSOR = re.compile(r"(?P<name>[0-9a-z]{1,64})-(?P<seq>[0-9]{1,18})")


class Cursor(NamedTuple):
    """The event after which a reader continues: the journal's name, and the event's number."""

    name: str
    seq: int

    def __str__(self) -> str:
        return f"{self.name}-{self.seq}"


def parse_cursor(text: str) -> Cursor:
    """A cursor as `str` writes it.

    Raises:
        BadRequestError: no journal gives out such a cursor.
    """
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise BadRequestError(
            f"{text!r} is not a cursor",
            hint="take `next` of /v1/events, or the id of a streamed event",
        )
    return Cursor(match["name"], int(match["seq"]))
