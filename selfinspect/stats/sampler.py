"""One sampler for whoever asks: those who ask together share a reading."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

from selfinspect.stats.sample import with_percent

if TYPE_CHECKING:
    from collections.abc import Callable

    from selfinspect.model import Sample


class SampleSource(Protocol):
    """Something that a sample can be read from."""

    def read(self) -> Sample | None:
        """A sample, None where there are no figures now."""


class Sampler:
    """Reads a source on demand, never by itself. Safe to use from several threads.

    Args:
        max_age: seconds for which a reading serves those who ask next.
        clock: a monotonic clock, in seconds.
    """

    def __init__(
        self, *, max_age: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_age = max_age
        self._clock = clock
        self._lock = threading.Lock()
        self._taken = float("-inf")
        self._last: Sample | None = None

    def sample(self, source: SampleSource) -> Sample | None:
        """A reading of the source, with the CPU percentage since the one before.

        Raises:
            EngineError: the source is an engine, and gave no answer.
        """
        with self._lock:
            if self._clock() - self._taken >= self._max_age:
                fresh = source.read()
                self._last = with_percent(fresh, self._last) if fresh else None
                self._taken = self._clock()
            return self._last
