"""The engine's two event streams of one container, merged as they arrive."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Self

from selfinspect.errors import EngineError, EngineUnreachableError
from selfinspect.events.history import decoded, past_events, when

if TYPE_CHECKING:
    from selfinspect.engine.client import Client
    from selfinspect.engine.stream import Stream
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
