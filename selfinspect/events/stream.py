"""The container's events as they arrive: from the engine's live streams, or by polling.

Polling is for proxies that hold live events back: nginx with its default buffering keeps even the
headers of `/events` until 1460 bytes are there. An answer that has an end, `/events?since=&until=`,
gets through at once.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack, contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Self

from selfinspect.background import in_background
from selfinspect.errors import EngineError, EngineUnreachableError
from selfinspect.events.history import past_events
from selfinspect.events.translate import decoded, when
from selfinspect.times import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selfinspect.engine.api.client import Client
    from selfinspect.engine.api.connection import Connection
    from selfinspect.engine.http.stream import Stream
    from selfinspect.model import Json

LISTENED, UNHEARD = 10.0, 60.0
"""Seconds between two polls, while somebody listens and while nobody does."""

_STREAM_AGAIN = 600.0
"""Seconds after which the live streams are tried again: the proxy may have been reconfigured."""

_PROXY_PATIENCE = 5.0
"""Seconds for the headers of a live stream from a proxy: an engine sends them at once."""

_LATE = 2 * SECOND
"""Nanoseconds for which an event may be missing from the engine's history."""

_BACKLOG = 16 * 2**20
_OWN_COST = 256
"""Bytes that waiting events may take, and what each takes beside its JSON: more than any engine
holds. An engine that sends more is disconnected, and asked for the past when followed again.
"""


class Audience:
    """How many wait for events or changes now: polling is more frequent while somebody does.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._size = self._of_health = 0
        self._changed = threading.Condition()

    @property
    def interval(self) -> float:
        """Seconds between two polls now."""
        return LISTENED if self._size else UNHEARD

    @property
    def sees_health(self) -> bool:
        """Whether any of them is to see each health check."""
        return self._of_health > 0

    @contextmanager
    def joined(self, *, sees_health: bool = False) -> Iterator[None]:
        """One more waits for as long as the context lasts.

        Args:
            sees_health: whether a health check is to be seen that changes nothing but the log.
        """
        with self._changed:
            self._size += 1
            self._of_health += sees_health
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._size -= 1
                self._of_health -= sees_health

    def wait(self, left: Callable[[], float]) -> None:
        """Wait while any seconds are left; asks again when somebody joins and after `wake`."""
        with self._changed:
            while (seconds := left()) > 0:
                self._changed.wait(seconds)

    def wake(self) -> None:
        """Let all who wait ask again how long."""
        with self._changed:
            self._changed.notify_all()


def open_events(client: Client, audience: Audience) -> LiveEvents | PolledEvents:
    """The container's events as they happen, or by polling where a proxy holds those back.

    Raises:
        EngineError: the engine does not let us subscribe.
    """
    try:
        return LiveEvents(client, patience(client.connection))
    except EngineUnreachableError as error:
        if not held_back(client, error):
            raise
    return PolledEvents(client, audience)


class LiveEvents:
    """Both streams, open from entry on: what happens after that is not missed.

    Two, because the engine's filter for a container misses its networks and volumes, and a
    subscription by type alone would bring every container's events to every agent. Each is read
    as fast as the engine writes it, for an engine drops what a slow reader leaves behind.

    Args:
        client: the engine's client, for one container.
        patience: seconds for the streams' headers, None for as long as any answer may take.

    Raises:
        EngineError: the engine does not let us subscribe.
    """

    def __init__(self, client: Client, patience: float | None = None) -> None:
        self._client = client
        self._arrived: SimpleQueue[tuple[Json, int] | None] = SimpleQueue()
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
            self._closing.callback(in_background("events", self._read, stream).join)
        self._closing.callback(self.cancel)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def past(self, since: int, now: int) -> list[Json]:
        """The events that the engine holds, see `past_events`."""
        return past_events(self._client, since, now)

    def take(self, within: float | None = None) -> list[Json]:
        """The events that have arrived, ordered by their times; waits for the first.

        Empty where nothing came in time, or where the streams have ended.

        Args:
            within: seconds to wait, None for ever.

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
            if found is None:
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
        """Whether all that came was taken, and nothing more will come."""
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
            self._failure = error
        finally:
            self.cancel()
            self._arrived.put(None)

    def _count(self, cost: int) -> int:
        """Bytes of waiting events, after adding so many, or taking them away."""
        with self._counting:
            self._backlog += cost
            return self._backlog


class PolledEvents:
    """What `LiveEvents` brings, late by at most the time between two polls.

    Belongs to one thread, but for `cancel`.

    Args:
        client: the engine's client, for one container.
        audience: who waits for events now.
        clock: monotonic seconds.
    """

    def __init__(
        self, client: Client, audience: Audience, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._audience = audience
        self._clock = clock
        self._begun = self._asked = clock()
        self._until = time.time_ns()
        self._seen: dict[str, int] = {}
        self._cancelled = threading.Event()
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
        self._seen = {key: moment for key, moment in self._seen.items() if moment >= oldest}
        self._seen |= {_key(raw): when(raw) for raw in events if when(raw) >= oldest}
        return events

    def take(self, within: float | None = None) -> list[Json]:
        """The events since the last poll; waits until the next is due.

        Args:
            within: poll after so many seconds, whether it is due or not; not at all after 0.

        Raises:
            EngineError: the engine does not return them any more.
        """
        if within is not None:
            self.ended = within > 0 and self._cancelled.wait(within)
            return [] if within <= 0 or self.ended else self._news()
        events: list[Json] = []
        while not (events or self.ended):
            self._audience.wait(self._left)
            if self._cancelled.is_set():
                self.ended = True
            else:
                events = self._news()
                # After a last poll, for opening the streams again may take a while.
                self.ended = self._clock() - self._begun >= _STREAM_AGAIN
        return events

    def cancel(self) -> None:
        """Poll no more, from any thread."""
        self._cancelled.set()
        self._audience.wake()

    def _left(self) -> float:
        """Seconds until the next poll is due, none once cancelled."""
        if self._cancelled.is_set():
            return 0.0
        return self._asked + self._audience.interval - self._clock()

    def _news(self) -> list[Json]:
        now, seen = time.time_ns(), frozenset(self._seen)
        events = self.past(max(min(self._until, now) - _LATE, 0), now)
        return [raw for raw in events if _key(raw) not in seen]


def patience(connection: Connection) -> float | None:
    """Seconds for the headers of a live stream, None for as long as any answer may take."""
    return _PROXY_PATIENCE if connection.proxy else None


def held_back(client: Client, error: EngineUnreachableError) -> bool:
    """Whether the live streams timed out although past events are returned.

    Raises:
        EngineError: past events are refused, for a reason of their own.
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
