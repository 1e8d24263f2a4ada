"""What an engine, or a proxy before it, lets us ask: learnt from its answers, per capability."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypeVar

from selfinspect.errors import EngineAnswerError, EngineDeniedError, EngineUnsupportedError
from selfinspect.model import CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from selfinspect.model import Access

Answered = TypeVar("Answered")

RETRY = 600.0
"""Seconds for which a refusal is believed before the engine is asked again."""


class Capabilities:
    """The refusals of one engine, remembered. Safe to use from several threads.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._allowed: set[str] = set()
        self._refused: dict[str, tuple[EngineAnswerError, float]] = {}
        self._lock = threading.Lock()

    def states(self) -> Mapping[str, Access]:
        """Each capability, and what is known of it."""
        with self._lock:
            return {name: self._state(name) for name in CAPABILITIES}

    def ask(self, capability: str, question: Callable[[], Answered]) -> Answered:
        """The answer to a question, unless it was refused a short while ago.

        Raises:
            EngineAnswerError: it is refused, or was.
        """
        with self._lock:
            error, until = self._refused.get(capability, (None, 0.0))
        if error is not None and self._clock() < until:
            raise _again(error)
        try:
            answer = question()
        except (EngineDeniedError, EngineUnsupportedError) as error:
            with self._lock:
                self._allowed.discard(capability)
                self._refused[capability] = (_again(error), self._clock() + RETRY)
            raise
        with self._lock:
            self._refused.pop(capability, None)
            self._allowed.add(capability)
        return answer

    def _state(self, name: str) -> Access:
        if name in self._refused:
            denied = isinstance(self._refused[name][0], EngineDeniedError)
            return "denied" if denied else "unsupported"
        return "allowed" if name in self._allowed else "unknown"


def _again(error: EngineAnswerError) -> EngineAnswerError:
    """A new error that says the same, without the other's traceback."""
    return type(error)(
        error.detail,
        code=error.code,
        capability=error.capability,
        endpoint=error.endpoint,
        hint=error.hint,
    )
