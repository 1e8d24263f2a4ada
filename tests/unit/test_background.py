from __future__ import annotations

import asyncio
import threading

import pytest

from selfinspect.background import future_of, in_background, in_thread


def test_a_call_does_not_hold_up_the_process() -> None:
    """It is made in a daemon thread of the name that it was given."""
    made = threading.Event()
    thread = in_background("aside", made.set)
    assert made.wait(60)
    assert (thread.name, thread.daemon) == ("aside", True)


def test_a_result_is_waited_for() -> None:
    """It comes from another thread."""
    assert future_of("aside", threading.current_thread).result(60) is not threading.current_thread()


def test_an_error_is_raised_where_the_result_is_waited_for() -> None:
    """The thread that raised it ends quietly."""

    def fail() -> None:
        raise LookupError("not here")

    with pytest.raises(LookupError, match="not here"):
        future_of("aside", fail).result(60)


def test_a_full_container_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a call that no thread could make."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="new thread"):
        future_of("aside", object)


def test_the_loop_turns_while_a_call_waits() -> None:
    """The call's result comes from another thread, which may wait for the loop's."""

    async def both() -> str:
        turned = threading.Event()
        call = asyncio.ensure_future(in_thread(lambda: "came" if turned.wait(60) else "stuck"))
        await asyncio.sleep(0)
        turned.set()
        return await call

    assert asyncio.run(both()) == "came"


def test_an_error_is_raised_where_the_call_is_awaited() -> None:
    """What the call raises is raised where it is awaited."""

    def fail() -> None:
        raise LookupError("here")

    with pytest.raises(LookupError, match="here"):
        asyncio.run(in_thread(fail))


def test_nobody_waits_for_a_call_that_nobody_awaits() -> None:
    """A loop ends while the call still waits, and the call's result then hurts nobody."""
    release, ended = threading.Event(), threading.Event()

    def call() -> None:
        release.wait(60)
        ended.set()

    async def give_up() -> None:
        waiting = asyncio.ensure_future(in_thread(call))
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(give_up())
    assert not ended.is_set()
    release.set()
    assert ended.wait(60)


def test_a_call_that_must_be_made_is_made_without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may have all the tasks it may have; what could wait for long is refused then."""

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert asyncio.run(in_thread(lambda: "came", or_here=True)) == "came"
    with pytest.raises(RuntimeError):
        asyncio.run(in_thread(lambda: "came"))
