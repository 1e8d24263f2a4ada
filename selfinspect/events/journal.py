"""The events of this container in the order of their arrival, the newest ones kept."""

from __future__ import annotations

import re
import secrets
import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from selfinspect.errors import BadRequestError
from selfinspect.model import Event

if TYPE_CHECKING:
    from selfinspect.events.translate import Occurrence

_CURSOR = re.compile(r"(?P<name>[0-9a-z]{1,64})-(?P<seq>[0-9]{1,18})")


class Page(NamedTuple):
    """Events after a cursor, oldest first.

    `next` is the cursor to go on from. `gap` says that the cursor was of another journal or
    of an event no longer kept, so that the page begins with the oldest held.
    """

    events: tuple[Event, ...]
    next: str
    gap: bool


class Journal:
    """Gives each event its `seq`, rising by one from 1, and keeps the newest of them.

    In memory: it ends with the agent. Safe to use from several threads.
    """

    def __init__(self, limit: int) -> None:
        self._name = secrets.token_hex(2)
        self._events: deque[Event] = deque(maxlen=limit)
        self._keys: deque[tuple[int, str, str, str, str]] = deque(maxlen=512)
        self._last = 0
        self._lock = threading.Lock()

    def append(self, occurrence: Occurrence) -> Event | None:
        """The event, now in its place; None where it stands there already."""
        with self._lock:
            if occurrence.key in self._keys:
                return None
            self._keys.append(occurrence.key)
            self._last += 1
            event = Event(
                cursor=self._cursor(self._last),
                seq=self._last,
                run=None,
                time=occurrence.time,
                type=occurrence.type,
                action=occurrence.action,
                actor=occurrence.actor,
                attributes=occurrence.attributes,
                source=occurrence.source,
            )
            self._events.append(event)
            return event

    def after(self, cursor: str | None, limit: int | None = None) -> Page:
        """The events that follow a cursor; all that are held without one.

        Raises:
            BadRequestError: the cursor is none that any journal gives out.
        """
        with self._lock:
            seq, gap = self._position(cursor)
            events = tuple(event for event in self._events if event.seq > seq)[:limit]
            return Page(events, events[-1].cursor if events else self._cursor(self._last), gap)

    def _position(self, cursor: str | None) -> tuple[int, bool]:
        if cursor is None:
            return 0, False
        match = _CURSOR.fullmatch(cursor)
        if match is None:
            raise BadRequestError(
                f"{cursor!r} is no cursor",
                hint="take `next` of /v1/events, or the id of a streamed event",
            )
        seq, oldest = int(match["seq"]), self._events[0].seq if self._events else 1
        if match["name"] != self._name or seq > self._last:
            return 0, True
        return seq, seq < oldest - 1

    def _cursor(self, seq: int) -> str:
        return f"{self._name}-{seq}"
