"""Rows of the journal and the statements that write and read them."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from selfinspect import times
from selfinspect.frozen import dataclass
from selfinspect.model import Actor, Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selfinspect.model import EventSource, Occurrence

_LEAST, _LARGEST = -(2**63), 2**63 - 1


class DamagedError(Exception):
    """Raised when what a journal holds is not what was written there."""


class Row(NamedTuple):
    """One event, its members in the order of the table's columns."""

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
        """The event, under the cursor that leads on from it.

        Raises:
            DamagedError: the row is not as `row` made it.
        """
        try:
            times.nanoseconds(self.time)
            attributes = json.loads(self.attributes)
        except (ValueError, TypeError, RecursionError) as error:
            raise DamagedError(f"event {self.seq} is damaged: {error}") from error
        if not isinstance(attributes, dict):
            raise DamagedError(f"event {self.seq} is damaged: its attributes are none")
        texts = (self.type, self.action, self.actor_id, self.actor_name or "", self.source)
        if not (_are(int, self.run or 0) and _are(str, *texts)):
            raise DamagedError(f"event {self.seq} is damaged: something in it is of another kind")
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


TABLE = """
CREATE TABLE events (
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
);
"""
_MARKS = ", ".join("?" * len(Row._fields))
INSERT = f"INSERT INTO events VALUES ({_MARKS}) ON CONFLICT DO NOTHING"  # noqa: S608


def row(seq: int, run: int | None, occurrence: Occurrence) -> Row:
    """An occurrence at its place."""
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
        nanoseconds=bounded(occurrence.nanoseconds),
        key=digest(occurrence),
    )


def digest(occurrence: Occurrence) -> bytes:
    """What tells an occurrence from others.

    Its key holds the command line of an exec as the engine wrote it, secrets and all: a digest
    does as well.
    """
    return blake2b(json.dumps(occurrence.key).encode(), digest_size=16).digest()


def bounded(nanoseconds: int) -> int:
    """A time as far as 64 bits reach: those of the years 1678 to 2261 are as they were."""
    return max(_LEAST, min(nanoseconds, _LARGEST))


def _are(kind: type, *values: object) -> bool:
    return all(isinstance(value, kind) for value in values)


def _storable(text: str) -> str:
    """A text without halves of characters, which JSON can spell and UTF-8 cannot."""
    return text.encode(errors="backslashreplace").decode()


ALL = 2**63 - 1
"""As a number of events: however many there are."""


@dataclass(frozen=True, slots=True)
class Query:
    """What an event has to match; None matches every one.

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
            "since": None if self.since is None else bounded(self.since),
            "until": None if self.until is None else bounded(self.until),
            "type": self.type,
            "action": self.action,
        }


MATCHES = """
    (:since IS NULL OR nanoseconds >= :since) AND (:until IS NULL OR nanoseconds <= :until)
    AND (:type IS NULL OR type = :type) AND (:action IS NULL OR action = :action)
"""
"""A query as a condition of SQL on the journal's table."""


def newest_of_each(actions: Sequence[str]) -> str:
    """The same for the newest events of each action in each run, newest first.

    Its parameters are the lowest `seq`, the actions (all, where none are named), how many of each
    and how many at all.
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
