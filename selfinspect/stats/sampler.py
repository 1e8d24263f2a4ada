"""One sampler of a source for whoever asks: those who ask together share a reading."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Protocol

from selfinspect.errors import EngineUnreachableError
from selfinspect.stats.sample import with_percent

if TYPE_CHECKING:
    from collections.abc import Callable

    from selfinspect.model import Sample

_LEAST_INTERVAL = 0.5
"""Seconds over which a percentage means something: the kernel counts in hundredths."""


class SampleSource(Protocol):
    """Something that a sample can be read from."""

    @property
    def waits(self) -> bool:
        """Whether a reading may take a second, and is too dear to be made for everybody."""

    def read(self) -> Sample | None:
        """A sample, None where there are no figures now."""


class Sampler:
    """Reads a source on demand, never by itself. Safe to use from several threads.

    Args:
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: Future[Sample | None] | None = None
        self._last: Sample | None = None
        self._taken = float("-inf")
        self._older: Sample | None = None
        self._newer: Sample | None = None
        self._newer_taken = float("-inf")

    def sample(
        self, source: SampleSource, *, max_age: float = 0.0, timeout: float | None = None
    ) -> Sample | None:
        """A reading of the source, with the CPU percentage since one before.

        Whoever asks while a reading is under way gets that one.

        Args:
            source: read where no reading is at hand; always the same one.
            max_age: seconds for which the reading of a source that waits is good enough.
            timeout: seconds to wait for a source that waits; the reading goes on for the next.

        Raises:
            EngineError: the source is an engine, and gave no answer, or none in time.
        """
        with self._lock:
            if source.waits and self._clock() - self._taken < max_age:
                return self._last
            future, mine = self._under_way, False
            if future is None:
                future, mine = Future(), True
                self._under_way = future
        if mine and source.waits and timeout is not None:
            self._read_beside(source, future)
        elif mine:
            self._read(source, future)
        try:
            return future.result(timeout)
        except TimeoutError as error:
            raise EngineUnreachableError("the engine gave no figures in time") from error

    def _read_beside(self, source: SampleSource, future: Future[Sample | None]) -> None:
        reading = threading.Thread(
            target=self._read, args=(source, future), name="reading", daemon=True
        )
        try:
            reading.start()
        except RuntimeError:
            # The container has as many tasks as it may have: who asks has to wait.
            self._read(source, future)

    def _read(self, source: SampleSource, future: Future[Sample | None]) -> None:
        try:
            fresh = source.read()
        except BaseException as error:  # noqa: BLE001 - raised again for each who waits
            with self._lock:
                self._under_way = None
            future.set_exception(error)
            return
        with self._lock:
            self._under_way = None
            self._last, self._taken = self._compared(fresh), self._clock()
            future.set_result(self._last)

    def _compared(self, fresh: Sample | None) -> Sample | None:
        """A reading with its percentage since the last one that is old enough for that."""
        now = self._clock()
        if fresh is None:
            self._older = self._newer = None
            return None
        if self._newer is None or now - self._newer_taken >= _LEAST_INTERVAL:
            self._older, self._newer, self._newer_taken = self._newer, fresh, now
        return with_percent(fresh, self._older)
