from __future__ import annotations

import asyncio
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import isnan, nan
from typing import TYPE_CHECKING

import pytest

from selfinspect import times
from selfinspect.agent.history import (
    History,
    Recorder,
    Series,
    document,
    line,
    measured,
    parsed,
    thinned,
)
from selfinspect.jsonread import member, sequence
from selfinspect.model import (
    HISTORY_FIELDS,
    Cpu,
    Device,
    Interface,
    Memory,
    Pids,
    Pressure,
    Run,
    Sample,
    Stall,
)
from tests.support.odd_files import ODD_FILES, see_that_nothing_leaked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from selfinspect.journal.files import Notice
    from selfinspect.model import Json

SECOND = 10**9
MINUTE = 60 * SECOND
NAME = "/=upperdir=/layer"
WIDTH = len(HISTORY_FIELDS) - 1
LARGEST = [float(2**63 - 1024)] * WIDTH


def filled(number: float) -> list[float]:
    """Figures that are all this number."""
    return [float(number)] * WIDTH


def interface(rx: int, tx: int) -> Interface:
    """What came and went, in bytes."""
    return Interface(rx, 0, 0, 0, tx, 0, 0, 0)


EARLIER = Sample(
    "2026-11-21T12:00:00Z",
    "kernel",
    cpu=Cpu(usage_seconds=10.0, periods=100, throttled_periods=10),
    memory=Memory(working_set_bytes=1000, limit_bytes=2000),
    network={"eth0": interface(100, 200), "eth1": interface(0, 0)},
    io={"/dev/sda": Device(1000, 2000, None, None)},
    pids=Pids(7),
    pressure=Pressure(memory=Stall(1.0, 0.0)),
)
LATER = replace(
    EARLIER,
    cpu=Cpu(usage_seconds=15.0, periods=200, throttled_periods=35),
    network={"eth0": interface(200, 200), "eth1": interface(900, 40)},
    io={"/dev/sda": Device(6000, 2000, None, None)},
    pressure=Pressure(memory=Stall(2.0, 0.0)),
)


def by_name(figures: Sequence[float]) -> dict[str, float | None]:
    """Figures by the names of their fields, None where they are unknown."""
    named = zip(HISTORY_FIELDS[1:], figures, strict=True)
    return {name: None if isnan(figure) else figure for name, figure in named}


def test_rates_are_differences_of_counters() -> None:
    """Over the time between two readings; interfaces and devices together."""
    assert by_name(measured(LATER, EARLIER, 10.0)) == {
        "cpu_cores": 0.5,
        "cpu_throttled_share": 0.25,
        "memory_working_set_bytes": 1000,
        "memory_limit_bytes": 2000,
        "network_rx_bytes_per_second": 100,
        "network_tx_bytes_per_second": 4,
        "io_read_bytes_per_second": 500,
        "io_written_bytes_per_second": 0,
        "pids": 7,
        "memory_pressure_share": 0.1,
    }


@pytest.mark.parametrize(
    ("sample", "before", "seconds"),
    [(LATER, None, 0.0), (EARLIER, LATER, 10.0), (LATER, EARLIER, 0.0)],
    ids=["the first", "a counter that fell", "no time between"],
)
def test_no_rate_without_a_rise(sample: Sample, before: Sample | None, seconds: float) -> None:
    """It is unknown then, never zero; levels are what they are."""
    found = by_name(measured(sample, before, seconds))
    assert found["cpu_cores"] is found["network_rx_bytes_per_second"] is None
    assert found["io_read_bytes_per_second"] is found["memory_pressure_share"] is None
    assert (found["memory_working_set_bytes"], found["pids"]) == (1000, 7)


def test_what_the_kernel_does_not_report_is_unknown() -> None:
    """All of it, where there is nothing."""
    nothing = Sample("2026-11-21T12:00:00Z", "kernel")
    assert set(by_name(measured(nothing, nothing, 10.0)).values()) == {None}


def test_an_idle_container_with_a_quota_is_not_throttled() -> None:
    """No period has passed in which it ran."""
    idle = replace(EARLIER, cpu=replace(EARLIER.cpu, usage_seconds=10.0))
    assert by_name(measured(idle, EARLIER, 60.0))["cpu_throttled_share"] == 0


def test_a_series_drops_the_oldest() -> None:
    """It holds as many as it may."""
    series = Series(3)
    for number in range(10):
        series.add(number, filled(number))
    assert [(at, list(figures)) for at, figures in series.between(8, None)] == [
        (8, filled(8)),
        (9, filled(9)),
    ]
    assert len(series) == 3


def test_a_day_takes_little_memory() -> None:
    """At most half a MiB, whatever happens."""
    history = History(print)
    for number in range(10_000):
        history.add(number, filled(nan))
        history.add_second(number, filled(nan))
    assert history.size <= 1 << 19


def test_a_line_is_short_and_exact() -> None:
    """400 bytes at most; what is read is what was written."""
    at = 2**63 - 1
    for figures in (LARGEST, filled(0.123457), [nan, *filled(1)[1:]]):
        written = line(at, figures)
        assert len(written) <= 400
        reading = parsed(written.rstrip(b"\n"))
        assert reading is not None
        assert (reading[0], by_name(reading[1])) == (at, by_name(figures))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\0" * 200,
        b"1 2 3",
        line(1, filled(1)).rstrip() + b" 1",
        line(1, [-1.0, *filled(1)[1:]]).rstrip(),
        line(1, [float("inf"), *filled(1)[1:]]).rstrip(),
        line(1, filled(1)).rstrip().replace(b"1.0", b"one"),
        b"9" * 5000 + line(1, filled(1)).rstrip(),
    ],
    ids=["empty", "NULs", "short", "long", "negative", "endless", "words", "huge"],
)
def test_a_damaged_line_is_no_reading(text: bytes) -> None:
    """Nor is one that somebody else wrote."""
    assert parsed(text) is None


def test_thinning_takes_the_mean_of_rates_and_the_last_level() -> None:
    """For each step that has a reading; what is unknown is left out of a mean."""
    readings = [
        (0, filled(1)),
        (30 * SECOND, filled(nan)),
        (59 * SECOND, filled(3)),
        (180 * SECOND, filled(nan)),
    ]
    [first, last] = thinned(readings, 60)
    assert first[0] == 59 * SECOND
    found = by_name(first[1])
    assert (found["cpu_cores"], found["memory_working_set_bytes"], found["pids"]) == (2, 3, 3)
    assert last[0] == 180 * SECOND
    assert set(by_name(last[1]).values()) == {None}


def run(number: int, started: int, finished: int | None) -> Run:
    """A run between two times."""
    return Run(
        number=number,
        started_at=times.rfc3339(started),
        finished_at=None if finished is None else times.rfc3339(finished),
        exit_code=None,
        signal=None,
        oom_killed=None,
        cause="unknown",
        sources=(),
        evidence=(),
    )


def test_the_document_is_oldest_first() -> None:
    """Samples as lists in the order of the fields, whole numbers where they are counts."""
    now, history = time.time_ns(), History(print)
    for back in (120, 60):
        history.add(now - back * SECOND, filled(back))
    runs = (run(3, now - MINUTE, None), run(2, now - 3 * MINUTE, now - 2 * MINUTE))
    shown = document(history, (*runs, run(1, 0, 1)), None, None, 1)
    assert member(shown, "step_seconds") == 1
    assert member(shown, "fields") == list(HISTORY_FIELDS)
    first, second = sequence(shown, "samples")
    assert first == [times.rfc3339(now - 120 * SECOND), 120, 120, 120, 120, *[120] * 6]
    assert isinstance(first, list)
    assert isinstance(first[HISTORY_FIELDS.index("pids")], int)
    assert isinstance(second, list)
    assert second[0] == times.rfc3339(now - 60 * SECOND)
    assert [member(one, "number") for one in sequence(shown, "runs")] == [2, 3]


def test_the_document_of_a_part() -> None:
    """From one time on and before another, with the runs of then."""
    now, history = time.time_ns(), History(print)
    for back in range(10):
        history.add(now - back * MINUTE, filled(back))
    runs = (run(2, now - MINUTE, None), run(1, now - 9 * MINUTE, now - 2 * MINUTE))
    shown = document(history, runs, now - 5 * MINUTE, now - 3 * MINUTE, 1)
    samples = sequence(shown, "samples")
    assert [one[1] for one in samples if isinstance(one, list)] == [5.0, 4.0]
    assert [member(one, "number") for one in sequence(shown, "runs")] == [1]


def test_old_readings_are_not_shown() -> None:
    """Those of the minute after a day, those of the second after a quarter of an hour."""
    now, history = time.time_ns(), History(print)
    history.add(now - 25 * 60 * MINUTE, filled(1))
    history.add_second(now - 16 * MINUTE, filled(2))
    history.add(now - 23 * 60 * MINUTE, filled(3))
    assert [figures[0] for _, figures in history.readings(None, None, now)] == [3]


def test_one_reading_for_one_time() -> None:
    """While there are readings of the second, those of the minute say the same less exactly."""
    now, history = time.time_ns(), History(print)
    history.add(now - 10 * SECOND, filled(1))
    history.add(now - 2 * SECOND, filled(1))
    for back in (3, 2, 1):
        history.add_second(now - back * SECOND, filled(2))
    assert [figures[0] for _, figures in history.readings(None, None, now)] == [1, 2, 2, 2]


@dataclass
class Kept:
    """Histories that are kept in one folder, one after another."""

    folder: Path
    notices: list[Notice] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """The file, once there is one."""
        [file] = self.folder.glob("*.history")
        return file

    @contextmanager
    def open(self, *readings: tuple[int, Sequence[float]]) -> Iterator[History]:
        """A history to which these are added."""
        history = History(self.notices.append)
        history.open(self.folder, NAME)
        for at, figures in readings:
            history.add(at, figures)
            history.flush()
        yield history
        history.close()

    def write(self, *readings: tuple[int, Sequence[float]]) -> None:
        """Write readings and close."""
        with self.open(*readings):
            pass

    def read(self) -> list[float]:
        """The first figure of each reading that a new history finds."""
        with self.open() as history:
            return [figures[0] for _, figures in history.readings(None, None, time.time_ns())]


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """A folder that is made when it is needed."""
    return Kept(tmp_path / "journal")


def ago(*minutes: float) -> list[tuple[int, Sequence[float]]]:
    """Readings so many minutes ago; their figures say how many."""
    now = time.time_ns()
    return [(now - round(each * MINUTE), filled(each)) for each in minutes]


def test_the_run_before_is_there(kept: Kept) -> None:
    """Read back from a file that only its owner can read, named as the journal is."""
    kept.write(*ago(3, 2))
    kept.write(*ago(1))
    assert kept.read() == [3, 2, 1]
    assert stat.S_IMODE(kept.file.stat().st_mode) == 0o600
    assert kept.notices == []


def test_what_came_before_the_file_is_written_as_well(kept: Kept) -> None:
    """The identity, by which the file is named, may take a while."""
    kept.write(*ago(3))
    history = History(kept.notices.append)
    for reading in ago(2, 1):
        history.add(*reading)
    history.flush()
    history.open(kept.folder, NAME)
    history.close()
    assert kept.read() == [3, 2, 1]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data + b"179 0.5",
        lambda data: data + line(time.time_ns(), filled(9))[:-3],
        lambda data: data + b"\0" * 5000 + b"\n",
        lambda data: data + "nonsense ünd mehr\n".encode() * 100,
        lambda data: data + line(5, filled(9)) + line(2**63 + 5, filled(9)),
    ],
    ids=["half a line", "a cut figure", "NULs", "nonsense", "impossible times"],
)
def test_damage_is_skipped(kept: Kept, damage: Callable[[bytes], bytes]) -> None:
    """Whatever stands in the file, what is whole is read, and what follows is not spoiled."""
    kept.write(*ago(3, 2))
    kept.file.write_bytes(damage(kept.file.read_bytes()))
    kept.write(*ago(1))
    assert kept.read() == [3, 2, 1]
    assert kept.notices == []


@pytest.mark.parametrize("header", [b"", b"x" * 50, b"selfinspect history 1 another\n"])
def test_another_ones_file_is_begun_again(kept: Kept, header: bytes) -> None:
    """One of another container, or whose first line is damaged."""
    kept.write(*ago(3))
    kept.file.write_bytes(header + line(*ago(2)[0]))
    kept.write(*ago(1))
    assert kept.read() == [1]


@pytest.mark.parametrize("kind", sorted(set(ODD_FILES) - {"huge"}))
def test_nothing_is_followed_or_waited_for(kept: Kept, kind: str) -> None:
    """What else stands in the file's place stays; the history is held in memory, said once."""
    kept.write(*ago(3))
    kept.file.unlink()
    ODD_FILES[kind](kept.folder / "00000000.history")
    (kept.folder / "00000000.history").rename(path := kept.folder / _name(kept))
    with kept.open(*ago(2, 1)) as history:
        history.open(kept.folder, NAME)
        found = history.readings(None, None, time.time_ns())
    assert [figures[0] for _, figures in found] == [2, 1]
    assert [notice.event for notice in kept.notices] == ["history.in_memory"]
    assert os.path.lexists(path)
    see_that_nothing_leaked(path)


def _name(kept: Kept) -> str:
    """What the file is called."""
    other = Kept(kept.folder.with_name("other"))
    other.write()
    return other.file.name


def test_a_huge_file_is_read_at_its_end(kept: Kept) -> None:
    """And then written again with what is held of it."""
    kept.write(*ago(3))
    with kept.file.open("ab") as file:
        file.truncate(1 << 40)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + line(*ago(2)[0]))
    kept.write(*ago(1))
    assert kept.file.stat().st_size < 4096
    assert kept.read() == [2, 1]


def test_what_is_older_than_a_day_is_dropped_once_an_hour(kept: Kept) -> None:
    """The file is appended to until it holds a day and an hour."""
    kept.write(*ago(24.5 * 60, 2))
    before = kept.file.stat().st_ino
    kept.write(*ago(1))
    assert kept.file.stat().st_ino == before
    with kept.file.open("ab") as file:
        file.write(line(time.time_ns() - 26 * 60 * MINUTE, filled(0)))
    with kept.open(*ago(0.5)) as history:
        again = kept.file.stat().st_ino
        assert again != before
        history.add(*ago(0.2)[0])
        history.flush()
        assert kept.file.stat().st_ino == again
    assert len(kept.file.read_bytes().splitlines()) == 5
    assert stat.S_IMODE(kept.file.stat().st_mode) == 0o600
    assert kept.read() == [2, 1, 0.5, 0.2]


def test_one_agent_writes(kept: Kept) -> None:
    """A second one holds its figures in memory."""
    kept.write(*ago(2))
    program = (
        "import sys; from pathlib import Path; from selfinspect.agent.history import History\n"
        f"history = History(print); history.open(Path({str(kept.folder)!r}), {NAME!r})\n"
        "print('open', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        assert kept.read() == []
        other.kill()
    assert [(one.event, one.reason) for one in kept.notices] == [
        ("history.in_memory", "another agent writes it")
    ]


def test_a_folder_that_cannot_be_used_means_memory(kept: Kept) -> None:
    """Said once."""
    kept.folder.write_text("")
    with kept.open(*ago(2, 1)) as history:
        history.open(kept.folder, NAME)
        assert len(history.readings(None, None, time.time_ns())) == 2
    assert [notice.event for notice in kept.notices] == ["history.in_memory"]


def test_a_full_disk_is_no_end(kept: Kept) -> None:
    """Said once; what was not written follows when there is room, and nothing is half-written."""
    kept.write(*ago(9))
    size = kept.file.stat().st_size
    with kept.open() as history:
        with _files_no_longer_than(size + 20):
            for reading in ago(8, 7):
                history.add(*reading)
                history.flush()
        assert kept.file.stat().st_size == size
        history.add(*ago(6)[0])
        history.flush()
    assert kept.read() == [9, 8, 7, 6]
    assert [notice.event for notice in kept.notices] == ["history.in_memory"]


def test_a_disk_that_is_full_from_the_start_is_no_end(kept: Kept) -> None:
    """The file is begun as soon as there is room."""
    with _files_no_longer_than(10), kept.open(*ago(2)) as history:
        pass
    assert kept.file.stat().st_size == 0
    with kept.open() as history:
        with _files_no_longer_than(10):
            history.add(*ago(1)[0])
            history.flush()
        history.add(*ago(0.5)[0])
        history.flush()
    assert kept.read() == [1, 0.5]


@contextmanager
def _files_no_longer_than(size: int) -> Iterator[None]:
    """The same as a full disk, for a process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_kill_loses_nothing_that_was_written(kept: Kept) -> None:
    """Each reading is the kernel's once `flush` returns: at most the last minute is lost."""
    program = (
        "import time; from pathlib import Path; from selfinspect.agent.history import History\n"
        f"history = History(print); history.open(Path({str(kept.folder)!r}), {NAME!r})\n"
        "for number in range(10**9):\n"
        f"    history.add(time.time_ns(), [float(number)] * {WIDTH})\n"
        "    history.flush()\n"
        "    print(number, flush=True)"
    )
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            shown = [float(writer.stdout.readline()) for _ in range(100)]
            writer.kill()
            shown += [float(text) for text in writer.stdout.read().splitlines()]
        last = shown[-1000:]  # a fast writer writes more than is held
        found = kept.read()
        # One more may have been written and not yet shown.
        assert last in (found[-len(last) :], found[-len(last) - 1 : -1])
    assert kept.notices == []


def test_the_recorder_compares_with_its_own_reading_before() -> None:
    """Each that it takes has rates since the last; a stream's are of a second."""
    reads: list[Sample] = []

    def read() -> Sample:
        reads.append(replace(EARLIER, cpu=Cpu(usage_seconds=float(len(reads)))))
        return reads[-1]

    async def take() -> list[Json]:
        history = History(print)
        recorder = Recorder(asyncio.get_running_loop(), read, history)
        recorder.take()
        recorder.take()
        recorder.stream(listening=True)
        recorder.stop()
        shown = document(history, (), None, None, 1)
        return sequence(shown, "samples")

    first, second = asyncio.run(take())
    assert isinstance(first, list)
    assert isinstance(second, list)
    assert first[1] is None
    assert isinstance(second[1], float)
    assert len(reads) == 3
