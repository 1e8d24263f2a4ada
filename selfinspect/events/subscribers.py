"""All who wait for news: open streams, some of them of events, and requests held for a change."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from selfinspect.errors import TooManyStreamsError
from selfinspect.events.stream import Audience

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from selfinspect.model import Event

_QUEUED = 256


class Subscription:
    """The events published since it was opened. Belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self.overflowed = False

    def offer(self, *events: Event) -> None:
        """Queue events; a subscriber that is far behind gets no more, and may resume later.

        Events that come together are queued whole: there was no time to take any of them.
        """
        if self.overflowed:
            return
        if self._queue.qsize() < _QUEUED:
            for event in events:
                self._queue.put_nowait(event)
        else:
            self.overflowed = True
            self.end()

    def end(self) -> None:
        """Let the iteration end once what is queued has been taken."""
        self._queue.put_nowait(None)

    async def events(self, keep_alive: float) -> AsyncIterator[Event | None]:
        """Each event as it comes, and None after every `keep_alive` seconds without one."""
        while True:
            try:
                async with asyncio.timeout(keep_alive):
                    event = await self._queue.get()
            except TimeoutError:
                yield None
                continue
            if event is None:
                return
            yield event


class Ended(Protocol):
    """A stream that ends when the agent stops."""

    def end(self) -> None:
        """End it soon."""


class Subscribers:
    """All open streams, those of events and others. Belongs to the event loop's thread.

    Args:
        limit: how many may be open at once.
        audience: counts them among those who wait.
    """

    def __init__(self, limit: int = 256, audience: Audience | None = None) -> None:
        self._limit = limit
        self._audience = audience or Audience()
        self._open: set[Ended] = set()
        self._to_events: set[Subscription] = set()
        self._published: deque[tuple[Event, ...]] = deque()

    def __len__(self) -> int:
        return len(self._open)

    def publish(self, *events: Event) -> None:
        """Queue events that came together for every subscriber.

        What is published next waits for a turn of the loop, in which these can be taken.
        """
        self._published.append(events)
        if len(self._published) == 1:
            self._deliver()

    def _deliver(self) -> None:
        for subscription in self._to_events:
            subscription.offer(*self._published[0])
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._published.popleft()
        if self._published:
            self._deliver()

    def end(self) -> None:
        """End every stream: the agent stops."""
        for stream in self._open:
            stream.end()

    @contextmanager
    def subscription(self) -> Iterator[Subscription]:
        """A subscription to events for as long as the context lasts.

        Raises:
            TooManyStreamsError: the limit of open streams is reached.
        """
        subscription = Subscription()
        with self.place(subscription):
            self._to_events.add(subscription)
            try:
                yield subscription
            finally:
                self._to_events.discard(subscription)

    @contextmanager
    def place(self, stream: Ended) -> Iterator[None]:
        """A place among the open streams for as long as the context lasts.

        Raises:
            TooManyStreamsError: the limit of open streams is reached.
        """
        if len(self._open) >= self._limit:
            raise TooManyStreamsError(
                f"{self._limit} streams are open already",
                hint="close one, or ask without a stream",
            )
        self._open.add(stream)
        try:
            with self._audience.joined(sees_health=True):
                yield
        finally:
            self._open.discard(stream)


class Waiting:
    """All requests that wait now. Belongs to the event loop's thread.

    Args:
        limit: how many may wait at once.
        audience: counts them among those who wait.
    """

    def __init__(self, limit: int = 1024, audience: Audience | None = None) -> None:
        self._limit = limit
        self._audience = audience or Audience()
        self._bells: set[asyncio.Event] = set()
        self._ended = False

    def __len__(self) -> int:
        return len(self._bells)

    def changed(self) -> None:
        """Let every request check whether its own wait is over."""
        for bell in self._bells:
            bell.set()

    def end(self) -> None:
        """End every wait, also those that would begin later: the agent stops."""
        self._ended = True
        self.changed()

    async def until(
        self,
        over: Callable[[], bool],
        receive: Callable[[], Awaitable[Mapping[str, object]]],
        longest: float,
        *,
        sees_health: bool = False,
    ) -> None:
        """Return once the wait is over, the client has hung up, or the agent stops.

        Args:
            over: whether it is; checked at once, and after each change.
            receive: the next that the client sends, as ASGI has it.
            longest: seconds after which to return in any case.
            sees_health: whether a health check may end it that changes nothing but the log.

        Raises:
            TooManyStreamsError: the limit is reached.
        """
        if over():
            return
        if len(self._bells) >= self._limit:
            raise TooManyStreamsError(
                f"{self._limit} requests wait for a change already",
                hint="ask without wait_for_change, or follow /v1/events/stream",
            )
        bell = asyncio.Event()
        self._bells.add(bell)
        gone = asyncio.ensure_future(_hung_up(receive))
        gone.add_done_callback(lambda _: bell.set())
        try:
            with suppress(TimeoutError), self._audience.joined(sees_health=sees_health):
                async with asyncio.timeout(longest):
                    while not (self._ended or gone.done() or over()):
                        await bell.wait()
                        bell.clear()
        finally:
            gone.cancel()
            self._bells.discard(bell)


async def _hung_up(receive: Callable[[], Awaitable[Mapping[str, object]]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
