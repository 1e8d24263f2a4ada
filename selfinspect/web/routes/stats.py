"""`/v1/stats`: the container's resources, once, raw, or as server-sent events; `/v1/history`.

One ticker takes the samples for all streams, and runs only while there is a stream.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from selfinspect.background import in_thread
from selfinspect.documents import standing
from selfinspect.errors import EngineUnreachableError, SelfinspectError
from selfinspect.stats.sample import with_percent
from selfinspect.web.answers import (
    KEEP_ALIVE_SECONDS,
    NOTHING_NEW,
    Route,
    frame,
    json_answer,
    streamed,
)
from selfinspect.web.parameters import moment, number, seconds, source_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from selfinspect.events.subscribers import Subscribers
    from selfinspect.model import Json, Sample
    from selfinspect.web.service import Service

_SHORTEST, _LONGEST = 0.2, 60.0
_LONGEST_STEP = 86_400


def routes(service: Service) -> list[Route]:
    """The four paths. A thread reads, because that may take the engine a second."""
    feed = Feed(lambda: service.sample(None), service.subscribers, service.on_streaming)

    async def stats(request: Request) -> Response:
        source = source_of(request.query_params)
        standing(service.snapshot())
        sample = await in_thread(lambda: service.sample(source), or_here=True)
        if sample is None:
            raise EngineUnreachableError(
                "there are no figures now", hint="a container that is not running has none"
            )
        return json_answer(_document(sample))

    async def raw(_: Request) -> Response:
        standing(service.snapshot())
        return json_answer(await in_thread(service.raw_stats))

    async def stream(request: Request) -> Response:
        interval = seconds(
            request.query_params, "interval", default=1.0, smallest=_SHORTEST, largest=_LONGEST
        )
        standing(service.snapshot())
        return await streamed(request, sample_frames(feed, interval))

    async def history(request: Request) -> Response:
        asked, now = request.query_params, time.time_ns()
        since, until = moment(asked, "since", now), moment(asked, "until", now)
        step = number(asked, "step", default=1, largest=_LONGEST_STEP)
        standing(service.snapshot())
        return await in_thread(
            lambda: json_answer(service.history(since, until, step)), or_here=True
        )

    return [
        Route("/v1/history", history),
        Route("/v1/stats", stats),
        Route("/v1/stats/raw", raw),
        Route("/v1/stats/stream", stream),
    ]


async def sample_frames(
    feed: Feed, interval: float, keep_alive: float = KEEP_ALIVE_SECONDS
) -> AsyncGenerator[bytes, None]:
    """The frames of one stream: a sample at once, and one every interval.

    While there are no figures it carries only comments.

    Args:
        feed: takes the samples.
        interval: seconds between two.
        keep_alive: seconds without a sample after which a comment is sent.

    Raises:
        TooManyStreamsError: before the first frame.
    """
    with feed.listener(interval) as listener:
        yield b": selfinspect stats\n\n"
        async for sample in listener.samples(keep_alive):
            yield NOTHING_NEW if sample is None else frame("sample", _document(sample))


def _document(sample: Sample) -> Json:
    """A sample without the part that is for the metrics only."""
    document = asdict(sample)
    del document["detail"]
    return document


class Listener:
    """One stream's samples. One that reads too slowly misses some, and gets the newest.

    Args:
        interval: seconds between two samples.
        due: when the first one is wanted, by the event loop's clock.
    """

    def __init__(self, interval: float, due: float) -> None:
        self._interval = interval
        self.due = due
        self._news = asyncio.Event()
        self._newest: Sample | None = None
        self._last: Sample | None = None
        self._ended = False

    def offer(self, sample: Sample | None, now: float) -> None:
        """Take a sample, compared with the one before it; None where there are no figures now."""
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
    """Takes samples as often as the shortest interval needs. Belongs to the event loop's thread.

    Args:
        sample: takes one; may block, and is called in a thread.
        subscribers: counts the streams.
        on_streaming: called when the first stream begins and when the last one ends.
    """

    def __init__(
        self,
        sample: Callable[[], Sample | None],
        subscribers: Subscribers,
        on_streaming: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._sample = sample
        self._subscribers = subscribers
        self._on_streaming = on_streaming
        self._listeners: set[Listener] = set()
        self._ticker: asyncio.Task[None] | None = None
        self._joined = asyncio.Event()

    @contextmanager
    def listener(self, interval: float) -> Iterator[Listener]:
        """A listener for as long as the context lasts.

        Raises:
            TooManyStreamsError: the limit is reached.
        """
        loop = asyncio.get_running_loop()
        listener = Listener(interval, loop.time())
        with self._subscribers.place(listener):
            self._listeners.add(listener)
            self._joined.set()
            if self._ticker is None:
                self._ticker = loop.create_task(self._tick())
                self._on_streaming(True)  # noqa: FBT003
            try:
                yield listener
            finally:
                self._listeners.discard(listener)
                if not self._listeners and self._ticker is not None:
                    self._ticker.cancel()
                    self._ticker = None
                    self._on_streaming(False)  # noqa: FBT003

    async def _tick(self) -> None:
        try:
            while True:
                await self._take_turn()
        finally:
            # A bug of ours: no stream may wait for ever. But a ticker that was cancelled because
            # its last listener left must not end those that have joined since.
            if self._ticker is asyncio.current_task():
                for listener in self._listeners:
                    listener.end()

    async def _take_turn(self) -> None:
        """Take a sample for the listeners that are due next; return early if another one joins."""
        clock = asyncio.get_running_loop().time
        self._joined.clear()
        wait = min(listener.due for listener in self._listeners) - clock()
        if wait > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._joined.wait(), wait)
                return
        due = [one for one in self._listeners if one.due <= clock()]
        try:
            sample = await in_thread(self._sample, or_here=True)
        except SelfinspectError:
            sample = None
        for listener in due:
            listener.offer(sample, clock())
