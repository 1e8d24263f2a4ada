from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from selfinspect.errors import TooManyStreamsError
from selfinspect.events.subscribers import Subscribers, Subscription
from selfinspect.model import Actor, Event

if TYPE_CHECKING:
    from collections.abc import Coroutine

PATIENCE = 60.0
QUEUED = 256


def _event(seq: int) -> Event:
    return Event(
        f"ab-{seq}", seq, None, "1970-01-01T00:00:00Z", "container", "start", Actor("ab", None),
        {}, "live",
    )  # fmt: skip


async def _rest(subscription: Subscription) -> list[int]:
    return [event.seq async for event in subscription.events(PATIENCE) if event is not None]


def _run(main: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(main, PATIENCE))


def test_everybody_who_listens_gets_each_event() -> None:
    """Published once, an event is in every open subscription, and in none that came later."""

    async def main() -> None:
        subscribers = Subscribers()
        with subscribers.subscription() as one, subscribers.subscription() as two:
            subscribers.publish(_event(1))
            with subscribers.subscription() as late:
                subscribers.end()
                assert [await _rest(each) for each in (one, two, late)] == [[1], [1], []]

    _run(main())


def test_silence_is_broken_by_keep_alives() -> None:
    """Without an event for that long the iteration yields None, and goes on."""

    async def main() -> None:
        subscription = Subscription()
        events = subscription.events(0.001)
        assert await anext(events) is None
        assert await anext(events) is None
        subscription.offer(_event(1))
        assert await anext(events) == _event(1)

    _run(main())


def test_the_end_comes_behind_what_is_queued() -> None:
    """Ended, a subscription still hands out what it holds."""

    async def main() -> None:
        subscription = Subscription()
        subscription.offer(_event(1))
        subscription.offer(_event(2))
        subscription.end()
        assert await _rest(subscription) == [1, 2]

    _run(main())


def test_a_slow_subscriber_is_let_go() -> None:
    """Who is too far behind gets what was queued, then the end: it may resume from there."""

    async def main() -> None:
        subscription = Subscription()
        for seq in range(QUEUED + 10):
            subscription.offer(_event(seq))
        assert subscription.overflowed
        subscription.end()
        assert await _rest(subscription) == list(range(QUEUED))

    _run(main())


def test_one_that_keeps_up_is_not_let_go() -> None:
    """The bound is on what waits, not on what was ever delivered."""

    async def main() -> None:
        subscription = Subscription()
        events = subscription.events(PATIENCE)
        for seq in range(2 * QUEUED):
            subscription.offer(_event(seq))
            assert await anext(events) == _event(seq)
        assert not subscription.overflowed

    _run(main())


def test_what_comes_at_once_is_no_reason_to_be_let_go() -> None:
    """There was no time to take any of it; who then takes nothing is slow."""

    async def main() -> None:
        subscription = Subscription()
        subscription.offer(*map(_event, range(3 * QUEUED)))
        at_first = subscription.overflowed
        subscription.offer(_event(3 * QUEUED))
        assert (at_first, subscription.overflowed) == (False, True)
        assert await _rest(subscription) == list(range(3 * QUEUED))

    _run(main())


def test_who_takes_what_it_is_given_is_not_let_go() -> None:
    """Published while the loop had no turn, events wait for one."""

    async def main() -> None:
        subscribers = Subscribers()
        with subscribers.subscription() as subscription:
            listening = asyncio.create_task(_rest(subscription))
            await asyncio.sleep(0)
            for begin in range(0, 3 * QUEUED, QUEUED):
                subscribers.publish(*map(_event, range(begin, begin + QUEUED)))
            for _ in range(10):
                await asyncio.sleep(0)
            subscribers.end()
            assert await listening == [*range(3 * QUEUED)]

    _run(main())


def test_an_event_after_the_end_does_no_harm() -> None:
    """A full queue that was ended takes no more, and raises nothing."""

    async def main() -> None:
        subscription = Subscription()
        for seq in range(QUEUED):
            subscription.offer(_event(seq))
        subscription.end()
        subscription.end()
        subscription.offer(_event(QUEUED))
        assert await _rest(subscription) == list(range(QUEUED))

    _run(main())


def test_only_so_many_may_listen() -> None:
    """One more is refused with a hint, until somebody leaves."""
    subscribers = Subscribers(limit=1)
    with subscribers.subscription():
        assert len(subscribers) == 1
        with (
            pytest.raises(TooManyStreamsError, match="1 streams are open") as caught,
            subscribers.subscription(),
        ):
            pass
        assert caught.value.hint is not None
    assert len(subscribers) == 0
    with subscribers.subscription():
        assert len(subscribers) == 1


def test_who_fails_while_listening_is_gone() -> None:
    """A subscription ends with its context, however that is left."""
    subscribers = Subscribers()
    with pytest.raises(KeyError), subscribers.subscription():
        raise KeyError
    assert len(subscribers) == 0
