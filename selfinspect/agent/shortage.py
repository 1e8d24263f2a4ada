"""Reports short memory as soon as the kernel counts it: no timer, no polling."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from selfinspect.kernel.memory import MemoryWatch
    from selfinspect.model import Memory, MemoryEvents

_PAUSE = 1.0
"""Seconds between two readings at least: a container at its limit meets it thousands of times."""

BETWEEN = 60.0
"""Seconds between two reports of the limit at least: page cache alone meets it, too."""

_SHORT_PERCENT = 90
"""Of the limit, that the working set takes: what the kernel cannot simply drop."""


class Shortage:
    """Follows the kernel's counts in an event loop.

    Args:
        watch: the file with the counts.
        loop: the running loop, in whose thread everything happens.
        on_counts: takes the counts, now and after each change.
        on_limit: takes how often the limit was met since the last call.
    """

    def __init__(
        self,
        watch: MemoryWatch,
        loop: asyncio.AbstractEventLoop,
        *,
        on_counts: Callable[[MemoryEvents], None],
        on_limit: Callable[[int], None],
    ) -> None:
        self._watch = watch
        self._loop = loop
        self._on_counts = on_counts
        self._on_limit = on_limit
        self._counts = watch.read()
        self._reported = self._counts.max or 0
        self._reported_at = -BETWEEN
        self._due: asyncio.TimerHandle | None = None
        on_counts(self._counts)
        self._listen()

    def _listen(self) -> None:
        self._loop.add_reader(self._watch.fileno(), self._changed)

    def _changed(self) -> None:
        self._loop.remove_reader(self._watch.fileno())
        self._loop.call_later(_PAUSE, self._listen)
        counts = self._watch.read()
        if counts == self._counts:
            return
        self._counts = counts
        self._on_counts(counts)
        if self._due is None and self._met():
            left = max(0.0, self._reported_at + BETWEEN - self._loop.time())
            self._due = self._loop.call_later(left, self._report)

    def _met(self) -> int:
        return (self._counts.max or 0) - self._reported

    def _report(self) -> None:
        self._due = None
        met, self._reported = self._met(), self._counts.max or 0
        self._reported_at = self._loop.time()
        self._on_limit(met)


def is_short(memory: Memory | None) -> bool:
    """Whether memory at its limit is worth a signal: page cache alone is dropped when needed."""
    percent = memory.percent if memory else None
    return percent is not None and percent >= _SHORT_PERCENT
