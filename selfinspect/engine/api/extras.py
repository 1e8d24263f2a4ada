"""What an engine returns beside the inspect document: asked all at once, waited for briefly.

`/info` asks each plugin of the engine and may hang for minutes, and so may the image and
`/version` of an engine whose disk is slow, while inspect answers in a millisecond.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Literal, TypeAlias

from selfinspect.background import in_background
from selfinspect.errors import EngineAnswerError, EngineError, EngineUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from selfinspect.model import Capability, Json

    Extra: TypeAlias = Literal["info", "image", "version"]

_PATIENCE = 1.0
"""Seconds for all of them together before the first answer about ourselves is given."""

_AGAIN = 60.0
"""Seconds after which one that gave no answer is asked again by the next look."""


class Extras:
    """Optional answers. Safe to use from several threads.

    What is refused stays None; what hangs or breaks off is asked for again by a later look.

    Args:
        questions: what to ask, each in a thread of its own.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        questions: Mapping[Extra, Callable[[], Json]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._questions = questions
        self._clock = clock
        self._changed = threading.Condition()
        self._answers: dict[Extra, Json] = {}
        self._begun: dict[Extra, float] = {}
        self._failures: dict[Capability, EngineError] = {}
        self._asking: set[Extra] = set()
        self._arrived: Callable[[], None] | None = None
        self.ask()

    def __getitem__(self, name: Extra) -> Json:
        """The answer, None where there is none yet."""
        with self._changed:
            return self._answers.get(name)

    def failures(self) -> dict[Capability, EngineError]:
        """The error of each that was refused, broke off or has not come yet."""
        with self._changed:
            late: dict[Capability, EngineError] = {
                name: EngineUnreachableError(
                    f"{name}: no answer within {_PATIENCE:g} s", outcome="timeout"
                )
                for name in self._asking
            }
            return {**self._failures, **late}

    @property
    def complete(self) -> bool:
        """Whether there is an answer to each, be it a refusal: nothing is left to ask."""
        with self._changed:
            return self._answers.keys() == self._questions.keys()

    def wait(self, seconds: float = _PATIENCE) -> None:
        """Wait until all have answered or failed, at most for so long."""
        with self._changed:
            self._changed.wait_for(lambda: not self._asking, seconds)

    def ask(self) -> None:
        """Ask for what has no answer yet: each at most once a minute, and never twice at a time."""
        with self._changed:
            now = self._clock()
            wanted = [
                name
                for name in self._questions
                if name not in self._answers
                and name not in self._asking
                and now - self._begun.get(name, now - _AGAIN) >= _AGAIN
            ]
            self._begun |= dict.fromkeys(wanted, now)
            self._asking.update(wanted)
        for name in wanted:
            in_background(name, self._ask, name)

    def on_arrival(self, call: Callable[[], None]) -> None:
        """Call a function for each answer that comes from now on, from the thread that asked."""
        with self._changed:
            self._arrived = call

    def _ask(self, name: Extra) -> None:
        answer: Json = None
        failure: EngineError | None = None
        try:
            answer = self._questions[name]()
        except EngineError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - an optional answer ends nothing
            failure = EngineUnreachableError(f"{name}: {error!r}")
        with self._changed:
            self._asking.discard(name)
            self._failures.pop(name, None)
            if failure is not None:
                self._failures[name] = failure
            if failure is None or isinstance(failure, EngineAnswerError):
                self._answers[name] = answer  # a refusal is an answer, too
            arrived = self._arrived if answer is not None else None
            self._changed.notify_all()
        if arrived is not None:
            arrived()
