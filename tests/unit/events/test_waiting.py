"""Waiting for a change: who is woken, who is let go, and how many there may be."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from selfinspect.errors import TooManyStreamsError
from selfinspect.events.subscribers import Waiting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.types import Message

LONG = 3600.0


class Asker:
    """Who sent a request, and may hang up."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self._body = [{"type": "http.request", "body": b""}]

    async def receive(self) -> Message:
        """The next message, as ASGI has it."""
        if self._body:
            return self._body.pop()
        await self.gone.wait()
        return {"type": "http.disconnect"}


@asynccontextmanager
async def held(
    waiting: Waiting, over: Callable[[], bool] = lambda: False, asker: Asker | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    """A request that waits already."""
    before = len(waiting)
    receive = (asker or Asker()).receive
    task = asyncio.ensure_future(waiting.until(over, receive, LONG))
    await asyncio.sleep(0)
    assert len(waiting) == before + 1
    yield task
    await task


def test_a_change_ends_the_wait_once_it_is_the_one() -> None:
    """Everybody looks at each change; whose wait is not over goes on waiting."""

    async def run() -> None:
        waiting, looked = Waiting(), asyncio.Event()
        verdicts = [True, False, False, False]

        def over() -> bool:
            looked.set()
            return verdicts.pop()

        async with held(waiting, over) as task:
            looked.clear()
            waiting.changed()
            await looked.wait()
            assert not task.done()
            waiting.changed()

    asyncio.run(run())


def test_what_is_over_already_takes_no_place() -> None:
    """Such a request is answered at once, however many wait."""

    async def run() -> None:
        waiting = Waiting(limit=0)
        await waiting.until(lambda: True, Asker().receive, LONG)

    asyncio.run(run())


def test_the_time_is_bounded() -> None:
    """After that a request is answered with what there is."""

    async def run() -> None:
        waiting = Waiting()
        await waiting.until(lambda: False, Asker().receive, 0.01)
        assert len(waiting) == 0

    asyncio.run(run())


def test_one_more_than_may_wait_is_refused() -> None:
    """The refusal says how many wait; a place that is left can be taken again."""

    async def run() -> None:
        waiting, asker = Waiting(limit=1), Asker()
        async with held(waiting, asker=asker):
            with pytest.raises(TooManyStreamsError, match="1 requests wait"):
                await waiting.until(lambda: False, Asker().receive, LONG)
            asker.gone.set()
        async with held(waiting):
            waiting.end()

    asyncio.run(run())


def test_who_hangs_up_leaves_a_place() -> None:
    """A client that is gone does not count among those who wait."""

    async def run() -> None:
        waiting, asker = Waiting(), Asker()
        async with held(waiting), held(waiting, asker=asker) as task:
            asker.gone.set()
            await task
            assert len(waiting) == 1
            waiting.end()

    asyncio.run(run())


def test_the_stop_lets_everybody_go() -> None:
    """Who comes later is not held at all."""

    async def run() -> None:
        waiting = Waiting()
        async with held(waiting), held(waiting):
            waiting.end()
        await waiting.until(lambda: False, Asker().receive, LONG)

    asyncio.run(run())
