from __future__ import annotations

import threading

import pytest

from selfinspect.background import future_of, in_background


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
