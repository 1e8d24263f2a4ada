"""The engine's two event streams of one container, merged as they arrive.

The engine's events by asking again and again: behind a proxy that holds back what is live.

nginx with its default buffering keeps even the headers of `/events` until 1460 bytes are there;
an answer that has an end, `/events?since=&until=`, gets through at once.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Self

from selfinspect.errors import EngineError, EngineUnreachableError
from selfinspect.events.history import decoded, past_events, when

if TYPE_CHECKING:
    from collections.abc import Callable

    from selfinspect.engine.api.client import Client
    from selfinspect.engine.api.connection import Connection
    from selfinspect.engine.http.stream import Stream
    from selfinspect.model import Json

_BACKLOG = 16 * 2**20
_OWN_COST = 256
"""Bytes that events may take which wait, and what each takes beside its own: more than any
engine holds. Who sends more is broken off, and asked for the past when it is followed again.
"""


class EventStream:
    """Both streams, open from entry on: what happens after that is not missed.

    Two, because the engine's filter for a container misses its networks and volumes, and a
    subscription by type alone would bring every container's events to every agent. Each is read
    as fast as the engine writes it, for an engine drops what a slow reader leaves behind.

    Args:
        client: whom to ask, for which container.
        patience: seconds for the streams' headers, None for as long as any answer may take.

    Raises:
        EngineError: the engine does not let us subscribe.
    """

    def __init__(self, client: Client, patience: float | None = None) -> None:
        self._client = client
        self._arrived: SimpleQueue[tuple[Json, int] | EngineError | None] = SimpleQueue()
        self._backlog = 0
        self._counting = threading.Lock()
        with ExitStack() as opened:
            self._streams = tuple(
                opened.enter_context(subscribe(patience=patience))
                for subscribe in (client.own_events, client.surrounding_events)
            )
            self._closing = opened.pop_all()
        self._open = len(self._streams)
        self._failure: EngineError | None = None

    def __enter__(self) -> Self:
        for stream in self._streams:
            reader = threading.Thread(target=self._read, args=(stream,), name="events", daemon=True)
            reader.start()
            self._closing.callback(reader.join)
        self._closing.callback(self.cancel)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def past(self, since: int, now: int) -> list[Json]:
        """The events that the engine holds, see `past_events`."""
        return past_events(self._client, since, now)

    def hurry(self) -> None:
        """Somebody began to listen: nothing can come sooner than at once."""

    def take(self, within: float | None = None) -> list[Json]:
        """What has arrived, by its times; waits for something, for ever or so many seconds.

        Empty where nothing came within that time, or where there is no more to come.

        Raises:
            EngineUnreachableError: a stream broke off, and all before that was taken.
        """
        taken: list[Json] = []
        size = 0
        while self._open and size < _BACKLOG:
            try:
                found = self._arrived.get(block=not taken, timeout=within)
            except Empty:
                break
            if isinstance(found, EngineError):
                self._failure = found
            elif found is None:
                self._open -= 1
            else:
                event, cost = found
                taken.append(event)
                size += cost
        self._count(-size)
        if self._failure is not None and not taken:
            raise self._failure
        return sorted(taken, key=when)

    @property
    def ended(self) -> bool:
        """Whether all that came has been taken, and nothing more will come."""
        return not self._open and self._failure is None

    def cancel(self) -> None:
        """End both streams, from any thread."""
        for stream in self._streams:
            stream.cancel()

    def _read(self, stream: Stream) -> None:
        try:
            for line in stream.lines():
                event, cost = decoded(line)
                cost += _OWN_COST
                if self._count(cost) > _BACKLOG:
                    raise EngineUnreachableError("more events at once than an engine holds")
                self._arrived.put((event, cost))
        except EngineError as error:
            self._arrived.put(error)
        finally:
            self.cancel()
            self._arrived.put(None)

    def _count(self, cost: int) -> int:
        """What waits to be taken, with so much more or less."""
        with self._counting:
            self._backlog += cost
            return self._backlog


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
