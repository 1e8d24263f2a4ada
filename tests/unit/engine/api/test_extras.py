"""What an engine says beside the inspect document: together, briefly waited for, asked again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from selfinspect.engine.api.extras import Extras
from selfinspect.errors import EngineAnswerError, EngineUnreachableError

if TYPE_CHECKING:
    from selfinspect.model import Json

_LONG = 60.0


class Engine:
    """Answers one question as the test says."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked = 0
        self.answer: Json = {"a": 1}
        self.error: Exception | None = None
        self.free = threading.Event()
        self.free.set()

    def info(self) -> Json:
        self.asked += 1
        self.free.wait(_LONG)
        if self.error is not None:
            raise self.error
        return self.answer

    def extras(self) -> Extras:
        return Extras({"info": self.info}, clock=lambda: self.now)


def test_an_answer_is_there_after_the_wait() -> None:
    """And it is never asked for again."""
    engine = Engine()
    extras = engine.extras()
    extras.wait(_LONG)
    engine.now += 1000
    extras.ask()
    assert (extras["info"], engine.asked) == ({"a": 1}, 1)


def test_all_are_asked_at_once() -> None:
    """Each needs the others to have been asked to get on."""
    meeting = threading.Barrier(3)

    def question() -> Json:
        meeting.wait(_LONG)
        return {}

    extras = Extras({"info": question, "image": question, "version": question})
    extras.wait(_LONG)
    assert [extras[name] for name in ("info", "image", "version")] == [{}, {}, {}]


def test_what_hangs_is_not_waited_for() -> None:
    """It has no answer until it comes, and then it is reported."""
    engine = Engine()
    engine.free.clear()
    extras, arrived = engine.extras(), threading.Event()
    extras.wait(0.01)
    before = extras["info"]
    extras.on_arrival(arrived.set)
    extras.ask()
    engine.free.set()
    assert arrived.wait(_LONG)
    assert before is None
    assert extras["info"] == {"a": 1}
    assert engine.asked == 1


def test_what_broke_off_is_asked_again_once_a_minute() -> None:
    """Only when somebody looks: no timer asks."""
    engine = Engine()
    engine.error = EngineUnreachableError("no answer", outcome="timeout")
    extras = engine.extras()
    extras.wait(_LONG)
    engine.now += 59
    extras.ask()
    asked_within_a_minute = engine.asked
    engine.error = None
    engine.now += 1
    extras.ask()
    extras.wait(_LONG)
    assert asked_within_a_minute == 1
    assert (extras["info"], engine.asked) == ({"a": 1}, 2)


def test_a_refusal_is_an_answer() -> None:
    """What a proxy denies, or an engine cannot do, is not asked for again."""
    engine = Engine()
    engine.error = EngineAnswerError("no", code=500, capability="info")
    extras = engine.extras()
    extras.wait(_LONG)
    engine.now += 1000
    extras.ask()
    assert (extras["info"], engine.asked) == (None, 1)


def test_an_answer_that_cannot_be_read_is_asked_for_again() -> None:
    """Whatever went wrong, it ends no thread of ours and is not taken for a refusal."""
    engine = Engine()
    engine.error = RecursionError("too deep")
    extras = engine.extras()
    extras.wait(_LONG)
    assert "too deep" in extras.failures()["info"].detail
    engine.error = None
    engine.now += 60
    extras.ask()
    extras.wait(_LONG)
    assert (extras["info"], extras.failures()) == ({"a": 1}, {})
