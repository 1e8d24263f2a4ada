"""Samples for whoever listens: one ticker for all, and none while nobody does."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from selfinspect.errors import SelfinspectError
from selfinspect.stats.sample import with_percent
from selfinspect.web.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from selfinspect.events.subscribers import Subscribers
    from selfinspect.model import Sample


class Listener:
    """Who wants a sample every so often; too slow a one misses some, and gets the newest.

    Args:
        interval: seconds.
        due: when the first sample is wanted, by the event loop's clock.
    """

    def __init__(self, interval: float, due: float) -> None:
        self._interval = interval
        self.due = due
        self._news = asyncio.Event()
        self._newest: Sample | None = None
        self._last: Sample | None = None
        self._ended = False

    def offer(self, sample: Sample | None, now: float) -> None:
        """A sample, compared with the one before it; None where there is none now."""
        missed = max(0.0, now - self.due) // self._interval
        self.due += self._interval * (missed + 1)
        if sample is not None:
            sample = with_percent(sample, self._last)
            self._newest = sample
            self._news.set()
        self._last = sample

    def end(self) -> None:
        """Let the iteration end."""
        self._ended = True
        self._news.set()

    async def samples(self, keep_alive: float) -> AsyncIterator[Sample | None]:
        """Each sample, and None after every `keep_alive` seconds without one."""
        while not self._ended:
            try:
                await asyncio.wait_for(self._news.wait(), keep_alive)
            except TimeoutError:
                yield None
                continue
            self._news.clear()
            newest, self._newest = self._newest, None
            if newest is not None:
                yield newest


class Feed:
    """Takes samples as often as the most eager listener wants. Belongs to the event loop.

    Args:
        sample: takes one; may wait, and is called in a thread.
        subscribers: among whose streams each listener has its place.
    """

    def __init__(self, sample: Callable[[], Sample | None], subscribers: Subscribers) -> None:
        self._sample = sample
        self._subscribers = subscribers
        self._listeners: set[Listener] = set()
        self._ticker: asyncio.Task[None] | None = None
        self._joined = asyncio.Event()

    @contextmanager
    def listener(self, interval: float) -> Iterator[Listener]:
        """A listener for as long as the context lasts.

        Raises:
            TooManyStreamsError: as many streams are open as may be.
        """
        loop = asyncio.get_running_loop()
        listener = Listener(interval, loop.time())
        with self._subscribers.place(listener):
            self._listeners.add(listener)
            self._joined.set()
            if self._ticker is None:
                self._ticker = loop.create_task(self._tick())
            try:
                yield listener
            finally:
                self._listeners.discard(listener)
                if not self._listeners and self._ticker is not None:
                    self._ticker.cancel()
                    self._ticker = None

    async def _tick(self) -> None:
        try:
            await self._take_turns()
        finally:
            # By a mistake of ours: nobody is to wait in vain. One that was cancelled for want of
            # listeners is not to end those who have joined since.
            if self._ticker is asyncio.current_task():
                for listener in self._listeners:
                    listener.end()

    async def _take_turns(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            self._joined.clear()
            wait = min(listener.due for listener in self._listeners) - clock()
            if wait > 0:
                try:
                    await asyncio.wait_for(self._joined.wait(), wait)
                except TimeoutError:
                    pass
                else:
                    continue
            due = [one for one in self._listeners if one.due <= clock()]
            try:
                sample = await in_thread(self._sample, or_here=True)
            except SelfinspectError:
                sample = None
            for listener in due:
                listener.offer(sample, clock())
