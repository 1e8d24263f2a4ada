"""An event loop whose time passes only while it has nothing to do."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from selectors import SelectorKey

_T = TypeVar("_T")


def run_idly(main: Coroutine[object, object, _T]) -> _T:
    """Run as `asyncio.run` does, but that the machine is busy makes no timer due."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(main)


class _Selector(selectors.DefaultSelector):
    """Adds up the time in which nothing was ready."""

    idle = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        ready = super().select(timeout)
        if timeout and not ready:
            self.idle += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._idling = _Selector()
        super().__init__(self._idling)

    def time(self) -> float:
        self._idling.idle += 1e-6  # what is later has a later time
        return self._idling.idle
