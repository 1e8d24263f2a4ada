from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selfinspect.errors import EngineUnreachableError, TooManyStreamsError
from selfinspect.events.subscribers import Subscribers
from selfinspect.model import Cpu, Detail, Sample
from selfinspect.web.routes.stats import Feed, sample_frames
from tests.support.idle_loop import run_idly

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from tests.unit.web.conftest import Ask, World


def taking(samples: list[Sample]) -> Callable[[], Sample]:
    """Takes a sample: half of one CPU, a second later each time."""

    def take() -> Sample:
        number = len(samples)
        samples.append(
            Sample(
                f"2026-11-21T12:00:{number:02d}Z",
                "kernel",
                cpu=Cpu(usage_seconds=number / 2, online=1),
                detail=Detail(system_seconds=float(number)),
            )
        )
        return samples[-1]

    return take


async def next_sample(frames: AsyncGenerator[bytes, None]) -> bytes:
    """The next frame that isn't a comment."""
    while (frame := await anext(frames)).startswith(b":"):
        pass
    return frame


@pytest.mark.parametrize(
    ("query", "asked"), [("", None), ("?source=engine", "engine"), ("?source=kernel", "kernel")]
)
def test_the_source_can_be_chosen(world: World, ask: Ask, query: str, asked: str | None) -> None:
    """Else the settings choose."""
    assert ask(f"/v1/stats{query}").status == 200
    assert world.asked == [asked]


@pytest.mark.parametrize(
    "target",
    [
        "/v1/stats?source=both",
        "/v1/stats?source=engine&source=kernel",
        "/v1/stats/stream?interval=0.1",
        "/v1/stats/stream?interval=61",
        "/v1/stats/stream?interval=nan",
        "/v1/stats/stream?interval=-1",
        "/v1/stats/stream?interval=",
        "/v1/history?step=0",
        "/v1/history?step=1.5",
        "/v1/history?step=86401",
        "/v1/history?step=60&step=60",
        "/v1/history?since=yesterday",
        "/v1/history?until=",
    ],
)
def test_what_is_not_possible_is_refused(ask: Ask, target: str) -> None:
    """With what the parameter takes."""
    problem = ask(target).problem
    assert problem["status"] == 400


def test_the_history_is_asked_for_by_times_and_step(world: World, ask: Ask) -> None:
    """Times as in `/v1/events`; without a step each sample as it was taken."""
    assert ask("/v1/history").json == {"step_seconds": 1}
    assert ask("/v1/history?since=10&until=1970-01-01T00:00:20Z&step=300").status == 200
    assert world.history == [(None, None, 1), (10 * 10**9, 20 * 10**9, 300)]


def test_there_is_no_history_of_nobody(world: World, ask: Ask) -> None:
    """Before we know who we are, as with all that is about the container."""
    world.snapshot = replace(world.snapshot, self=None)
    assert ask("/v1/history").status == 503
    assert world.history == []


def test_the_engines_own_stats(ask: Ask) -> None:
    """As the engine wrote them, nulls and all."""
    assert ask("/v1/stats/raw").json == {"cpu_stats": None}


def test_only_the_head_of_a_stream(ask: Ask) -> None:
    """HEAD leaves none open."""
    reply = ask("/v1/stats/stream", method="HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert "content-length" not in reply.headers


def test_one_reading_serves_all_listeners() -> None:
    """Two who joined together get the same samples, and each its own percentage."""

    async def listen() -> None:
        samples: list[Sample] = []
        subscribers = Subscribers()
        feed = Feed(taking(samples), subscribers)
        streams = [sample_frames(feed, 0.2) for _ in range(2)]
        for stream in streams:
            await anext(stream)
        assert len(subscribers) == 2
        first = [await next_sample(stream) for stream in streams]
        second = [await next_sample(stream) for stream in streams]
        assert first[0] == first[1] != second[0] == second[1]
        assert len(samples) == 2
        assert b'"percent":null' in first[0]
        assert b'"percent":50.0' in second[0]
        for stream in streams:
            await stream.aclose()
        assert len(subscribers) == 0

    run_idly(listen())


def test_nobody_listens_nothing_is_read() -> None:
    """With the last listener the ticker goes, and the next one brings it back."""

    async def listen() -> None:
        feed = Feed(taking([]), Subscribers())
        for _ in range(2):
            frames = sample_frames(feed, 0.2)
            await next_sample(frames)
            await frames.aclose()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), 60)

    run_idly(listen())


def test_the_first_stream_and_the_last_are_noticed() -> None:
    """So that the history is finer for as long as somebody looks."""

    async def listen() -> None:
        noticed: list[bool] = []
        feed = Feed(taking([]), Subscribers(), noticed.append)
        streams = [sample_frames(feed, 60) for _ in range(2)]
        for stream in streams:
            await anext(stream)
        assert noticed == [True]
        await streams[0].aclose()
        assert noticed == [True]
        await streams[1].aclose()
        assert noticed == [True, False]

    run_idly(listen())


def test_who_joins_as_the_last_one_leaves_is_served() -> None:
    """The ticker that goes with the last listener takes nobody along."""

    async def listen() -> None:
        feed = Feed(taking([]), Subscribers())
        for _ in range(2):
            frames = sample_frames(feed, 0.2)
            for _ in range(2):
                await next_sample(frames)
            await frames.aclose()

    run_idly(listen())


def test_a_mistake_of_ours_ends_the_stream() -> None:
    """Instead of keeping it open in silence."""

    async def listen() -> None:
        def fail() -> Sample | None:
            raise ZeroDivisionError

        feed = Feed(fail, Subscribers())
        frames = sample_frames(feed, 0.2)
        assert [frame async for frame in frames] == [b": selfinspect stats\n\n"]

    run_idly(listen())


def test_a_late_joiner_waits_for_nobody() -> None:
    """While another listens once a minute."""

    async def listen() -> None:
        feed = Feed(taking([]), Subscribers())
        slow, quick = sample_frames(feed, 60), sample_frames(feed, 0.2)
        await next_sample(slow)
        assert await next_sample(quick)
        assert await next_sample(quick)
        await slow.aclose()
        await quick.aclose()

    run_idly(listen())


def test_without_figures_there_are_comments() -> None:
    """A container that stopped, an engine that went: the stream stays, and says nothing."""

    async def listen() -> None:
        failed = threading.Event()

        def fail() -> Sample | None:
            failed.set()
            raise EngineUnreachableError("gone")

        frames = sample_frames(Feed(fail, Subscribers()), 0.2, keep_alive=0.01)
        assert await anext(frames) == b": selfinspect stats\n\n"
        while not failed.is_set():
            assert await anext(frames) == b":\n\n"
        await frames.aclose()

    run_idly(listen())


def test_streams_of_stats_count_as_streams() -> None:
    """With those of events there are so many at once, and no more."""

    async def listen() -> None:
        subscribers = Subscribers(limit=1)
        with subscribers.subscription(), pytest.raises(TooManyStreamsError):
            await anext(sample_frames(Feed(taking([]), subscribers), 1))

    run_idly(listen())


def test_the_agents_stop_ends_the_stream() -> None:
    """As it ends those of events."""

    async def listen() -> None:
        subscribers = Subscribers()
        frames = sample_frames(Feed(taking([]), subscribers), 60)
        await next_sample(frames)
        subscribers.end()
        assert [frame async for frame in frames] == []

    run_idly(listen())
