"""The kernel's counts of short memory, and its word that they changed."""

from __future__ import annotations

import os
import select
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.agent.shortage import MemoryWatch
from selfinspect.kernel import mountinfo
from selfinspect.kernel.cgroup_file import UNIFIED
from selfinspect.model import MemoryEvents

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 10_000  # milliseconds


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A cgroup of version 2 of our own, on whatever hierarchy this machine has."""
    mounts = mountinfo.parse(Path("/proc/self/mountinfo").read_text())
    point = next(mount.point for mount in mounts if mount.type == "cgroup2")
    folder = Path(point) / f"selfinspect-test-{os.getpid()}"
    folder.mkdir()
    yield folder
    folder.rmdir()


def test_a_change_is_noticed_without_asking(cgroup: Path, tmp_path: Path) -> None:
    """Through the descriptor, readable once the counts are others; reading them ends that."""
    # A machine of both versions counts memory in v1: another file of this kind stands for it.
    (tmp_path / "memory.events").symlink_to(cgroup / "cgroup.events")
    with MemoryWatch({UNIFIED: str(tmp_path)}) as watch:
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
    with MemoryWatch({UNIFIED: str(tmp_path)}) as watch:
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
