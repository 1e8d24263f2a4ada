"""How the container fared: figures of a day in memory, and a line for each in a file.

A reading of the kernel's files is taken once a minute, at once when memory meets its limit, and
every second while somebody streams; no engine is asked. The file lies beside the journal and is
read at the start, so that the run before is there. Its lines are not forced to the disk: they
outlast the process, however it ends, and may be lost in a power cut.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from array import array
from bisect import bisect_left
from contextlib import ExitStack, suppress
from itertools import groupby
from math import isnan, nan
from operator import itemgetter
from typing import TYPE_CHECKING

from selfinspect.background import in_background
from selfinspect.documents import as_document
from selfinspect.files import Descriptor, open_folder, open_own, write
from selfinspect.journal.files import Notice, path_of
from selfinspect.model import HISTORY_FIELDS
from selfinspect.stats.sample import rise
from selfinspect.times import SECOND, moment, rfc3339

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from selfinspect.journal.files import Notify
    from selfinspect.model import Device, Interface, Json, Run, Sample

_LEVELS = frozenset({"memory_working_set_bytes", "memory_limit_bytes", "pids"})
_IS_LEVEL = [name in _LEVELS for name in HISTORY_FIELDS[1:]]
_WIDTH = len(_IS_LEVEL)

_HOUR = 3600 * SECOND
_DAY = 24 * _HOUR
_QUARTER = _HOUR // 4
_FIRST = 1.0
_MINUTE = 60.0
# A day at one a minute, and those of starts and of memory at its limit.
_MINUTES = 2048
SECONDS = 900
_BESIDE = 3 * SECOND // 2
"""A reading of the minute this near to one of the seconds says the same, over a longer time."""

_UNWRITTEN = 60
"""Lines that wait for a disk that is full or hangs, at most."""

_MODE = 0o600
_LONGEST = 1 << 20
"""Bytes of the file that are read; a day has a fifth of it."""

_LONGEST_LINE = 400
_LARGEST = 2.0**63
_DIGITS = 6  # decimals of a rate


class Series:
    """Readings in plain arrays, the oldest dropped for the newest. An unknown figure is NaN.

    Args:
        most: readings that are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._times = array("q")
        self._figures = array("d")

    def __len__(self) -> int:
        return len(self._times)

    @property
    def size(self) -> int:
        """The bytes that its figures take."""
        return sum(len(each) * each.itemsize for each in (self._times, self._figures))

    def add(self, at: int, figures: Sequence[float]) -> None:
        """Add a reading.

        Args:
            at: nanoseconds since the Unix epoch.
            figures: one for each of `HISTORY_FIELDS` behind the time.
        """
        self._times.append(at)
        self._figures.extend(figures)
        if excess := max(0, len(self._times) - self._most):
            del self._times[:excess]
            del self._figures[: excess * _WIDTH]

    def between(self, since: int, until: int | None) -> list[tuple[int, Sequence[float]]]:
        """The readings from a time on and before another, in the order in which they came."""
        return [
            (at, self._figures[index * _WIDTH : (index + 1) * _WIDTH])
            for index, at in enumerate(self._times)
            if at >= since and (until is None or at < until)
        ]


class History:
    """The figures of a day, in memory and, once it is opened, in a file. For several threads.

    Args:
        notify: called with a notice, once, when the file cannot be used.
    """

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self._notified = False
        self._lock = threading.Lock()
        self._minutes = Series(_MINUTES)
        self._seconds = Series(SECONDS)
        self._file: HistoryFile | None = None
        self._unwritten: list[bytes] = []
        # Held while the disk is waited for, however long that is.
        self._writing = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether it has a file."""
        return self._file is not None

    @property
    def size(self) -> int:
        """The bytes that the figures take."""
        return self._minutes.size + self._seconds.size

    def add(self, at: int, figures: Sequence[float]) -> None:
        """Add a reading to those that are kept for a day; `flush` writes it.

        Args:
            at: nanoseconds since the Unix epoch.
            figures: one for each of `HISTORY_FIELDS` behind the time.
        """
        with self._lock:
            self._minutes.add(at, figures)
            self._unwritten.append(line(at, figures))
            del self._unwritten[:-_UNWRITTEN]

    def add_second(self, at: int, figures: Sequence[float]) -> None:
        """Add a reading to those that are kept for a quarter of an hour, in memory alone."""
        with self._lock:
            self._seconds.add(at, figures)

    def open(self, folder: Path, container: str) -> None:
        """Continue the container's file: what it holds comes before what was added since.

        One that cannot be used is left alone, with one notice. An open one stays open.

        Args:
            folder: where the journal is.
            container: its mark or its full ID, by which the journal is named, too.
        """
        if self._file is not None or not self._writing.acquire(blocking=False):
            return
        path = path_of(folder, container).with_suffix(".history")
        try:
            with ExitStack() as undoing:
                file = HistoryFile(path, container)
                undoing.callback(file.close)
                self._continue(file)
                undoing.pop_all()
        except OSError as error:
            self._fail(path, error)
        finally:
            self._writing.release()
        self.flush()

    def flush(self) -> None:
        """Write what is not yet in the file. What another thread is still writing waits for it."""
        while self._file and self._unwritten and self._writing.acquire(blocking=False):
            try:
                self._write(self._file)
            except OSError as error:
                self._fail(self._file.path, error)
                return
            finally:
                self._writing.release()

    def close(self) -> None:
        """Close the file, unless it is being written."""
        if self._writing.acquire(blocking=False) and self._file is not None:
            self._file.close()

    def readings(
        self, since: int | None, until: int | None, now: int
    ) -> list[tuple[int, Sequence[float]]]:
        """What is held between two times, oldest first.

        Args:
            since: nanoseconds since the Unix epoch; None for all.
            until: the same, before which they lie; None for all.
            now: the same, of now.
        """
        first = since or 0
        with self._lock:
            minutes = self._minutes.between(max(first, now - _DAY), until)
            seconds = self._seconds.between(max(first, now - _QUARTER), until)
        times = sorted(at for at, _ in seconds)
        apart = [each for each in minutes if not _beside(each[0], times)]
        return sorted([*apart, *seconds], key=itemgetter(0))

    def _continue(self, file: HistoryFile) -> None:
        """Put what a file holds before what there is, and write to that file from now on."""
        now, past = time.time_ns(), Series(_MINUTES)
        for at, figures in file.read():
            # A time ahead is of a clock that was wrong, or of somebody else's making.
            if now - _DAY <= at <= now + _HOUR:
                past.add(at, figures)
        with self._lock:
            for at, figures in self._minutes.between(0, None):
                past.add(at, figures)
            self._minutes, self._file = past, file

    def _write(self, file: HistoryFile) -> None:
        with self._lock:
            lines, self._unwritten = self._unwritten, []
        try:
            if file.has_outgrown(time.time_ns()):
                with self._lock:
                    kept = self._minutes.between(time.time_ns() - _DAY, None)
                file.rewrite(kept)
            else:
                file.append(b"".join(lines))
        except OSError:
            with self._lock:
                self._unwritten = [*lines, *self._unwritten][-_UNWRITTEN:]
            raise

    def _fail(self, path: Path, error: OSError) -> None:
        if not self._notified:
            self._notified = True
            reason = error.strerror or str(error)
            hint = "--journal names a folder that this user can write"
            self._notify(Notice("history.in_memory", path, reason, hint))


class HistoryFile:
    """The file: a line that says whose it is, and one for each reading, the newest last.

    It is locked until it is closed or the process ends.

    Args:
        path: where it is; it is made where it is missing.
        container: whose it is, by its mark or its full ID.

    Raises:
        OSError: it cannot be made or written, or it is a link, another user's, or another agent's.
    """

    def __init__(self, path: Path, container: str) -> None:
        self.path = path
        self._header = f"selfinspect history 1 {container}\n".encode()
        self._oldest: int | None = None
        with Descriptor(open_folder(str(path.parent), 0o700)) as folder:
            flags = os.O_RDWR | os.O_CREAT
            self._file = open_own(path.name, flags, folder=folder, mode=_MODE)
        try:
            self._check()
        except OSError:
            self.close()
            raise

    def read(self) -> Iterator[tuple[int, Sequence[float]]]:
        """Yield what the file holds, without what is damaged in it, and make it ready to append.

        A last line that was not written to its end is cut off. A file that is not this container's,
        or of another version, is emptied.
        """
        size = os.fstat(self._file).st_size
        if os.pread(self._file, len(self._header), 0) != self._header:
            os.ftruncate(self._file, 0)
            return
        begin = max(len(self._header), size - _LONGEST)
        *lines, torn = os.pread(self._file, _LONGEST, begin).split(b"\n")
        os.ftruncate(self._file, size - len(torn))
        os.lseek(self._file, 0, os.SEEK_END)
        for each in lines:
            if reading := parsed(each):
                self._oldest = min(reading[0], self._oldest or reading[0])
                yield reading

    def has_outgrown(self, now: int) -> bool:
        """Whether it holds more than a day by an hour, or is longer than is read."""
        old = self._oldest is not None and self._oldest < now - _DAY - _HOUR
        return old or os.fstat(self._file).st_size > _LONGEST

    def append(self, data: bytes) -> None:
        """Append lines, all or none of them.

        Raises:
            OSError: they cannot be written.
        """
        size = os.fstat(self._file).st_size
        if size == 0:
            data = self._header + data
        if os.write(self._file, data) != len(data):
            os.ftruncate(self._file, size)
            os.lseek(self._file, 0, os.SEEK_END)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self._oldest is None:
            self._oldest = time.time_ns()

    def rewrite(self, readings: Iterable[tuple[int, Sequence[float]]]) -> None:
        """Replace what it holds; a reader finds the old file or the new one.

        Raises:
            OSError: the new one cannot be written, and the old one is still there.
        """
        kept = list(readings)
        data = self._header + b"".join(line(at, figures) for at, figures in kept)
        with Descriptor(open_folder(str(self.path.parent), 0o700)) as folder:
            file = write(folder, self.path.name, data, _MODE, locked=True)
        self.close()
        self._file = file
        self._oldest = min((at for at, _ in kept), default=None)

    def close(self) -> None:
        """Close it, and release the lock."""
        os.close(self._file)

    def _check(self) -> None:
        """Lock it for this process, and for its owner alone."""
        status = os.fstat(self._file)
        if status.st_nlink != 1 or status.st_uid != os.geteuid():
            raise OSError(errno.EPERM, "it has a second name, or is another user's")
        try:
            os.lockf(self._file, os.F_TLOCK, 0)
        except BlockingIOError as error:
            raise OSError(errno.EBUSY, "another agent writes it") from error
        os.fchmod(self._file, _MODE)


class Recorder:
    """Takes the readings in an event loop: a reading takes a fifth of a millisecond.

    Args:
        loop: the running loop, in whose thread everything but the writing happens.
        read: takes a reading.
        history: gets it.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, read: Callable[[], Sample], history: History
    ) -> None:
        self._loop = loop
        self._read = read
        self._history = history
        self._of_minute = self._of_second = _NONE_BEFORE
        # Not at once: the start has other things to do.
        self._next_minute = loop.call_later(_FIRST, self._minute)
        self._next_second: asyncio.TimerHandle | None = None

    def take(self) -> None:
        """Take a reading now, and have it written in a thread."""
        before = self._of_minute
        self._of_minute = now = time.monotonic(), self._read()
        self._history.add(time.time_ns(), measured(now[1], before[1], now[0] - before[0]))
        # Where the container has all the tasks that it may have, the next one writes this, too.
        with suppress(RuntimeError):
            in_background("history", self._history.flush)

    def stream(self, listening: bool) -> None:  # noqa: FBT001
        """Take a reading every second from now on, or do so no more."""
        if self._next_second is not None:
            self._next_second.cancel()
        self._next_second = self._loop.call_later(_FIRST, self._second) if listening else None
        self._of_second = (time.monotonic(), self._read()) if listening else _NONE_BEFORE

    def stop(self) -> None:
        """Take no more."""
        self._next_minute.cancel()
        self.stream(listening=False)

    def _minute(self) -> None:
        self._next_minute = self._loop.call_later(_MINUTE, self._minute)
        self.take()

    def _second(self) -> None:
        self._next_second = self._loop.call_later(_FIRST, self._second)
        before = self._of_second
        self._of_second = now = time.monotonic(), self._read()
        self._history.add_second(time.time_ns(), measured(now[1], before[1], now[0] - before[0]))


_NONE_BEFORE: tuple[float, Sample | None] = 0.0, None


def measured(sample: Sample, before: Sample | None, seconds: float) -> list[float]:
    """What is kept of a reading: a figure for each field behind the time, NaN if unknown.

    Args:
        sample: the reading.
        before: an earlier one, None where there is none: then no rate is known.
        seconds: the time between the two.
    """
    cpu, memory = sample.cpu, sample.memory
    now, then = _counters(sample), _counters(before) if before else {}

    def rate(name: str) -> float | None:
        rose = rise(now[name], then.get(name))
        return rose / seconds if rose is not None and seconds > 0 else None

    throttled, periods = (
        rise(getattr(cpu, name), getattr(before.cpu, name) if before else None)
        for name in ("throttled_periods", "periods")
    )
    share = None
    if throttled is not None and periods is not None:
        share = throttled / periods if periods else 0.0
    rates = {"cpu_throttled_share": share, **{name: rate(name) for name in now}}
    levels = {
        "memory_working_set_bytes": memory.working_set_bytes,
        "memory_limit_bytes": memory.limit_bytes,
        "pids": sample.pids.current,
    }
    known = levels | {
        name: None if value is None else round(value, _DIGITS) for name, value in rates.items()
    }
    return [nan if (value := known[name]) is None else float(value) for name in HISTORY_FIELDS[1:]]


def document(
    history: History, runs: Sequence[Run], since: int | None, until: int | None, step: int
) -> Json:
    """The answer of `/v1/history`.

    Args:
        history: has the readings.
        runs: the container's, newest first; those of the time that is asked for are shown.
        since: nanoseconds since the Unix epoch; None for a day ago.
        until: the same; None for now.
        step: seconds for which there is one sample; with 1 each is shown as it was taken.
    """
    now = time.time_ns()
    readings = history.readings(since, until, now)
    if step > 1:
        readings = thinned(readings, step)
    first = now - _DAY if since is None else since
    return {
        "step_seconds": step,
        "fields": list(HISTORY_FIELDS),
        "samples": [_row(at, figures) for at, figures in readings],
        "runs": [as_document(run) for run in reversed(runs) if _within(run, first, until)],
    }


def thinned(
    readings: Iterable[tuple[int, Sequence[float]]], step: int
) -> list[tuple[int, Sequence[float]]]:
    """One reading for each step that has any: its last time and levels, and its mean rates.

    Args:
        readings: oldest first.
        step: seconds.
    """
    groups = groupby(readings, key=lambda reading: reading[0] // (step * SECOND))
    return [_merged(list(group)) for _, group in groups]


def line(at: int, figures: Iterable[float]) -> bytes:
    """A reading as a line of the file: nanoseconds since the Unix epoch and figures, `-` unknown.

    It has at most 400 bytes.
    """
    words = ("-" if isnan(figure) else f"{figure!r}" for figure in figures)
    return " ".join([str(at), *words]).encode() + b"\n"


def parsed(text: bytes) -> tuple[int, Sequence[float]] | None:
    """The reading of a line without its end, None where we did not write it."""
    words = text.split(b" ")
    if len(text) >= _LONGEST_LINE or len(words) != len(HISTORY_FIELDS):
        return None
    try:
        at = int(words[0])
        figures = [nan if word == b"-" else float(word) for word in words[1:]]
    except ValueError:
        return None
    return (at, figures) if all(isnan(each) or 0 <= each < _LARGEST for each in figures) else None


def _counters(sample: Sample) -> dict[str, float | None]:
    """What rises, by the field that shows its rate; a device or an interface more adds to it."""
    return {
        "cpu_cores": sample.cpu.usage_seconds,
        "network_rx_bytes_per_second": _total(sample.network, "rx_bytes"),
        "network_tx_bytes_per_second": _total(sample.network, "tx_bytes"),
        "io_read_bytes_per_second": _total(sample.io, "read_bytes"),
        "io_written_bytes_per_second": _total(sample.io, "write_bytes"),
        "memory_pressure_share": sample.pressure.memory.waiting_seconds,
    }


def _total(each: Mapping[str, Interface] | Mapping[str, Device] | None, name: str) -> int | None:
    if each is None:
        return None
    counts: list[int | None] = [getattr(one, name) for one in each.values()]
    return sum(count for count in counts if count is not None)


def _beside(at: int, times: Sequence[int]) -> bool:
    """Whether one of these times, in their order, is near."""
    index = bisect_left(times, at - _BESIDE)
    return index < len(times) and times[index] <= at + _BESIDE


def _merged(group: Sequence[tuple[int, Sequence[float]]]) -> tuple[int, Sequence[float]]:
    columns = zip(_IS_LEVEL, zip(*(figures for _, figures in group), strict=True), strict=True)
    merged = []
    for is_level, column in columns:
        known = [figure for figure in column if not isnan(figure)] or [nan]
        merged.append(known[-1] if is_level else round(sum(known) / len(known), _DIGITS))
    return group[-1][0], merged


def _row(at: int, figures: Sequence[float]) -> list[Json]:
    shown: list[Json] = [
        None if isnan(figure) else int(figure) if is_level else figure
        for is_level, figure in zip(_IS_LEVEL, figures, strict=True)
    ]
    return [rfc3339(at), *shown]


def _within(run: Run, since: int, until: int | None) -> bool:
    started, finished = moment(run.started_at), moment(run.finished_at)
    over = run.finished_at is not None and finished is not None and finished < since
    ahead = until is not None and started is not None and started >= until
    return not over and not ahead
