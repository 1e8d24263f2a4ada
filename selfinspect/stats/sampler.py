"""Reads samples when asked to, from the engine's stats or the kernel's files.

Those who ask together share a reading. So it is with the size of the writable layer, for which the
engine walks a disk.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING

from selfinspect.background import in_background
from selfinspect.errors import EngineError, EngineUnreachableError
from selfinspect.stats.sample import engine_sample, with_limits, with_percent
from selfinspect.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable

    from selfinspect.engine.api.client import Client
    from selfinspect.kernel.machine import Devices
    from selfinspect.model import Sample, Specification

    Read = Callable[[], Sample | None]


_LEAST_INTERVAL = 0.5
"""Seconds over which a percentage means something: the kernel counts in hundredths."""


class Sampler:
    """Reads a source on demand, never by itself. Safe to use from several threads.

    Args:
        waits: whether a reading may take a second, so that it is shared for a while.
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, *, waits: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._waits = waits
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: Future[Sample | None] | None = None
        self._last: Sample | None = None
        self._taken = float("-inf")
        self._older: Sample | None = None
        self._newer: Sample | None = None
        self._newer_taken = float("-inf")

    def sample(
        self, read: Read, *, max_age: float = 0.0, timeout: float | None = None
    ) -> Sample | None:
        """A reading of the source, with the CPU percentage since one before.

        Whoever asks while a reading is under way gets that one.

        Args:
            read: takes a reading, None where there are no figures now; always of the same source.
            max_age: seconds for which the reading of a source that waits is good enough.
            timeout: seconds to wait for a source that waits; the reading goes on for the next.

        Raises:
            EngineError: the source is an engine, and gave no answer, or none in time.
        """
        with self._lock:
            if self._waits and self._clock() - self._taken < max_age:
                return self._last
            future, mine = self._under_way, False
            if future is None:
                future, mine = Future(), True
                self._under_way = future
        if mine:
            self._start(read, future, beside=self._waits and timeout is not None)
        try:
            return future.result(timeout)
        except TimeoutError as error:
            raise EngineUnreachableError("the engine gave no figures in time") from error

    def _start(self, read: Read, future: Future[Sample | None], *, beside: bool) -> None:
        if beside:
            # Where the container has as many tasks as it may have, who asks has to wait.
            with suppress(RuntimeError):
                in_background("reading", self._read, read, future)
                return
        self._read(read, future)

    def _read(self, read: Read, future: Future[Sample | None]) -> None:
        try:
            fresh = read()
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


def engine_reading(
    client: Client, devices: Devices, configured: Specification | None = None
) -> Sample | None:
    """One frame of the engine's stats, None while the container does not run.

    It takes up to a second on engines before 25.

    Args:
        client: the engine's.
        devices: the names of block devices.
        configured: the container's limits, None where they are unknown.

    Raises:
        EngineError: the engine gave no answer, or refused.
    """
    sample = engine_sample(client.stats(), rfc3339(time.time_ns()), devices)
    return with_limits(sample, configured) if sample and configured else sample


class FsUsage:
    """The size of the writable layer, counted in the background when it is asked for.

    It is counted at most once an interval.

    Args:
        interval: seconds.
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, interval: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = interval
        self._clock = clock
        self._lock = threading.Lock()
        self._asked = float("-inf")
        self._asking: threading.Thread | None = None
        self._size: int | None = None

    def bytes(self, client: Client) -> int | None:
        """The size when it was last counted; None until that is done, and where it fails."""
        with self._lock:
            size = self._size
            due = self._clock() - self._asked >= self._interval
            if due and (self._asking is None or not self._asking.is_alive()):
                self._asked = self._clock()
                # Where the container has all the tasks it may have, it is asked at the next turn.
                with suppress(RuntimeError):
                    self._asking = in_background("fs-usage", self._ask, client)
            return size

    def wait(self, timeout: float | None = None) -> None:
        """Wait until nothing is being counted."""
        asking = self._asking
        if asking is not None:
            asking.join(timeout)

    def _ask(self, client: Client) -> None:
        try:
            self._size = client.size()
        except EngineError:
            self._size = None
