"""`/v1/stats`: the container's resources, once, raw, or as server-sent events.

Samples for whoever listens: one ticker for all, and none while nobody does.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from starlette.routing import Route

from selfinspect.documents import engine_missing, standing
from selfinspect.errors import BadRequestError, EngineUnreachableError, SelfinspectError
from selfinspect.stats.sample import with_percent
from selfinspect.web.answers import json_answer
from selfinspect.web.parameters import seconds, single
from selfinspect.web.streaming import KEEP_ALIVE_SECONDS, NOTHING_NEW, frame, in_thread, streamed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator

    from starlette.datastructures import QueryParams
    from starlette.requests import Request
    from starlette.responses import Response

    from selfinspect.events.subscribers import Subscribers
    from selfinspect.model import Json, Sample, StatsSource
    from selfinspect.web.app import Service

_SHORTEST, _LONGEST = 0.2, 60.0


def routes(service: Service) -> list[Route]:
    """The three; reading may take the engine a second, so a thread does it."""
    feed = Feed(lambda: service.sample(None), service.subscribers)

    async def stats(request: Request) -> Response:
        source = _source(request.query_params)
        standing(service.snapshot())
        sample = await in_thread(lambda: service.sample(source), or_here=True)
        if sample is None:
            raise EngineUnreachableError(
                "there are no figures now", hint="a container that does not run has none"
            )
        return json_answer(sample_document(sample))

    async def raw(request: Request) -> Response:  # noqa: ARG001
        snapshot = service.snapshot()
        standing(snapshot)
        if snapshot.engine is None:
            raise engine_missing(snapshot)
        return json_answer(await in_thread(service.raw_stats))

    async def stream(request: Request) -> Response:
        interval = seconds(
            request.query_params, "interval", default=1.0, smallest=_SHORTEST, largest=_LONGEST
        )
        standing(service.snapshot())
        return await streamed(request, sample_frames(feed, interval))

    return [
        Route("/v1/stats", stats),
        Route("/v1/stats/raw", raw),
        Route("/v1/stats/stream", stream),
    ]


async def sample_frames(
    feed: Feed, interval: float, keep_alive: float = KEEP_ALIVE_SECONDS
) -> AsyncGenerator[bytes, None]:
    """The frames of one stream: a sample at once, and one every interval.

    While there are no figures there is nothing but comments.

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
            yield NOTHING_NEW if sample is None else sample_frame(sample)


def sample_frame(sample: Sample) -> bytes:
    """A sample as a frame."""
    return frame("sample", sample_document(sample))


def sample_document(sample: Sample) -> Json:
    """A sample as `/v1/stats` shows it, without what only the metrics carry."""
    document = asdict(sample)
    del document["detail"]
    return document


def _source(query: QueryParams) -> StatsSource | None:
    text = single(query, "source")
    if text in (None, "engine", "kernel"):
        return cast("StatsSource | None", text)
    raise BadRequestError(f"source {text!r} is not possible", hint="source takes engine or kernel")


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
