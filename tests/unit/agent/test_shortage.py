"""Short memory: the kernel's counts, its notification that they changed, and what is reported."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from selfinspect.agent.shortage import BETWEEN, Shortage, is_short
from selfinspect.kernel.memory import MemoryWatch
from selfinspect.kernel.proc_self import UNIFIED, parse_mounts
from selfinspect.model import Memory, MemoryEvents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PATIENCE = 60_000  # milliseconds


class Counts:
    """Counts that a test changes, behind a descriptor that is readable as the kernel's is."""

    def __init__(self) -> None:
        self.now = MemoryEvents(3, 0, 0, 0)
        self._ours, self._theirs = socket.socketpair()

    def fileno(self) -> int:
        return self._ours.fileno()

    def read(self) -> MemoryEvents:
        return self.now

    def change(self, now: MemoryEvents) -> None:
        self.now = now
        self._theirs.send(b"x")

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time stands still, but for the jumps of a test."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0

    def time(self) -> float:
        return self.ahead

    def jump(self, seconds: float) -> None:
        self.ahead += seconds


def follow(
    steps: Callable[[Counts, Clock], Iterable[float]],
) -> tuple[list[MemoryEvents], list[int]]:
    """The counts and the reports of a run in which time jumps as the steps say."""
    counts, loop = Counts(), Clock()
    seen: list[MemoryEvents] = []
    reports: list[int] = []

    async def run() -> None:
        watch = cast("MemoryWatch", counts)
        Shortage(watch, loop, on_counts=seen.append, on_limit=reports.append)
        for jump in steps(counts, loop):
            for _ in range(5):
                await asyncio.sleep(0)
            loop.jump(jump)
        for _ in range(5):
            await asyncio.sleep(0)

    try:
        loop.run_until_complete(run())
    finally:
        loop.close()
        counts.close()
    return seen, reports


def test_the_counts_at_the_start_are_said_and_not_reported() -> None:
    """What was before is nobody's news."""
    seen, reports = follow(lambda _, __: [0.0])
    assert (seen, reports) == ([MemoryEvents(3, 0, 0, 0)], [])


def test_the_limit_met_is_reported_at_once() -> None:
    """With how often."""

    def steps(counts: Counts, _: Clock) -> Iterator[float]:
        counts.change(MemoryEvents(8, 0, 0, 0))
        yield 0.0

    seen, reports = follow(steps)
    assert seen[-1] == MemoryEvents(8, 0, 0, 0)
    assert reports == [5]


def test_a_storm_is_one_report_a_minute() -> None:
    """The second one has all that came in between."""

    def steps(counts: Counts, _: Clock) -> Iterator[float]:
        for moment in range(1, int(BETWEEN / 1.5) + 4):
            counts.change(MemoryEvents(3 + 10 * moment, 0, 0, 0))
            yield 1.5

    _, reports = follow(steps)
    assert len(reports) == 2
    assert reports[0] == 10
    assert reports[1] >= 380


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A cgroup of version 2 of our own, on whatever hierarchy this machine has."""
    mounts = parse_mounts(Path("/proc/self/mountinfo").read_text())
    point = next(mount.point for mount in mounts if mount.type == "cgroup2")
    folder = Path(point) / f"selfinspect-test-{os.getpid()}"
    folder.mkdir()
    yield folder
    folder.rmdir()


def test_a_change_is_noticed_without_asking(cgroup: Path, tmp_path: Path) -> None:
    """Through the descriptor, readable once the counts are others; reading them ends that."""
    # A machine of both versions counts memory in v1: another file of this kind stands for it.
    (tmp_path / "memory.events").symlink_to(cgroup / "cgroup.events")
    with closing(MemoryWatch({UNIFIED: str(tmp_path)})) as watch:
        watch.read()
        waiting = select.poll()
        waiting.register(watch.fileno(), select.POLLIN)
        assert waiting.poll(0) == []
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
            (cgroup / "cgroup.procs").write_text(str(process.pid))
            assert waiting.poll(PATIENCE)
            watch.read()
            assert waiting.poll(0) == []
            process.communicate()
        assert waiting.poll(PATIENCE)  # it is empty again, and can be removed


def test_the_counts(cgroup: Path, tmp_path: Path) -> None:
    """By name; what this kernel does not count is unknown."""
    events = cgroup / "cgroup.events"
    (tmp_path / "memory.events").symlink_to(events)
    with closing(MemoryWatch({UNIFIED: str(tmp_path)})) as watch:
        assert watch.read() == MemoryEvents()


@pytest.mark.parametrize("folders", [{}, {"memory": "/x"}, {UNIFIED: "/no/such"}])
def test_without_the_file_nothing_is_watched(folders: dict[str, str]) -> None:
    """As on cgroup v1: no descriptor stays open."""
    before = open_files()
    with pytest.raises(OSError, match=r"version 2|No such"):
        MemoryWatch(folders)
    assert open_files() == before


def test_a_plain_file_is_not_watched(tmp_path: Path) -> None:
    """It is a copy of a tree, and never changes."""
    (tmp_path / "memory.events").write_text("max 1\n")
    before = open_files()
    with pytest.raises(PermissionError):
        MemoryWatch({UNIFIED: str(tmp_path)})
    assert open_files() == before


@pytest.mark.parametrize(
    ("percent", "short"), [(89.9, False), (90.0, True), (None, False)], ids=["below", "at", "none"]
)
def test_memory_is_short_where_the_working_set_nears_the_limit(
    percent: float | None, *, short: bool
) -> None:
    """At 90 % of it: the rest is page cache, which the kernel drops."""
    assert is_short(Memory(percent=percent)) is short
    assert not is_short(None)
