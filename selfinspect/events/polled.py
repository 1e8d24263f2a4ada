"""The engine's events by asking again and again: behind a proxy that holds back what is live.

nginx with its default buffering keeps even the headers of `/events` until 1460 bytes are there;
an answer that has an end, `/events?since=&until=`, gets through at once.
"""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Self

from selfinspect.errors import EngineUnreachableError
from selfinspect.events.history import past_events, when
from selfinspect.events.stream import EventStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from selfinspect.engine.client import Client
    from selfinspect.engine.connection import Connection
    from selfinspect.model import Json

LISTENED, UNHEARD = 10.0, 60.0
"""Seconds between two questions, while somebody listens and while nobody does."""

_STREAM_AGAIN = 600.0
"""Seconds after which the live streams are tried again: the proxy may have been mended."""

_PROXY_PATIENCE = 5.0
"""Seconds for the headers of a live stream from a proxy: an engine sends them at once."""

_LATE = 2 * 10**9
"""Nanoseconds for which an event may be missing from the engine's history."""


class PolledEvents:
    """What `EventStream` brings, later: at most as late as the time between two questions.

    Belongs to one thread, but for `cancel` and `hurry`.

    Args:
        client: the engine's client, for one container.
        listening: whether somebody waits for events now.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        client: Client,
        *,
        listening: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._listening = listening
        self._clock = clock
        self._begun = self._asked = clock()
        self._until = time.time_ns()
        self._told: dict[str, int] = {}
        self._changed = threading.Event()
        self._cancelled = False
        self.ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def past(self, since: int, now: int) -> list[Json]:
        """The events that the engine holds, see `past_events`; `take` brings those after them."""
        events = past_events(self._client, since, now)
        self._asked, self._until = self._clock(), now
        oldest = now - 2 * _LATE
        self._told = {key: moment for key, moment in self._told.items() if moment >= oldest}
        self._told |= {_key(raw): when(raw) for raw in events if when(raw) >= oldest}
        return events

    def take(self, within: float | None = None) -> list[Json]:
        """What happened since the last question; waits until the next is due.

        Args:
            within: ask after so many seconds, whether it is due or not; not at all after 0.

        Raises:
            EngineError: the engine does not tell any more.
        """
        if within is not None:
            if within > 0:
                self._changed.wait(within)
            return self._news() if within > 0 and not self._cancelled else []
        while not self._cancelled:
            self._changed.clear()
            left = self._asked + (LISTENED if self._listening() else UNHEARD) - self._clock()
            if left > 0:
                self._changed.wait(left)
                continue
            events = self._news()
            # After a last question, for opening the streams again may take a while.
            self.ended = self._clock() - self._begun >= _STREAM_AGAIN
            if events or self.ended:
                return events
        self.ended = True
        return []

    def hurry(self) -> None:
        """Somebody began to listen. Call from any thread."""
        self._changed.set()

    def cancel(self) -> None:
        """Ask no more, from any thread."""
        self._cancelled = True
        self._changed.set()

    def _news(self) -> list[Json]:
        now, known = time.time_ns(), frozenset(self._told)
        events = self.past(max(min(self._until, now) - _LATE, 0), now)
        return [raw for raw in events if _key(raw) not in known]


def open_events(client: Client, *, listening: Callable[[], bool]) -> EventStream | PolledEvents:
    """The container's events as they happen, or by asking where a proxy holds those back.

    Raises:
        EngineError: the engine does not tell.
    """
    try:
        return EventStream(client, patience(client.connection))
    except EngineUnreachableError as error:
        if not held_back(client, error):
            raise
    return PolledEvents(client, listening=listening)


def patience(connection: Connection) -> float | None:
    """Seconds for the headers of a live stream, None for as long as any answer may take."""
    return _PROXY_PATIENCE if connection.proxy else None


def held_back(client: Client, error: EngineUnreachableError) -> bool:
    """Whether live events did not begin to come, and those of the past do.

    Raises:
        EngineError: those do not come, either, for a reason of their own.
    """
    if error.outcome != "timeout":
        return False
    now = time.time_ns()
    try:
        past_events(client, now - _LATE, now)
    except EngineUnreachableError:
        return False
    return True


def _key(raw: Json) -> str:
    return json.dumps(raw, sort_keys=True)
