"""Which processes a command has left."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from selfinspect.supervise.children import left

if TYPE_CHECKING:
    from pathlib import Path

OURS = os.getpid()
KERNEL_THREAD = 0x00200000


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A `/proc` of our PID namespace, which has nobody but us."""
    (tmp_path / "self").symlink_to(str(OURS))
    there(tmp_path, OURS, 1)
    return tmp_path


def there(proc: Path, process: int, parent: int, state: str = "S", flags: int = 0) -> None:
    """Show a process, whose name is of the worst kind."""
    (proc / str(process)).mkdir()
    text = f"{process} (a) R 1 (b) {state} {parent} 0 0 0 0 {flags} 0\n"
    (proc / str(process) / "stat").write_text(text)


def test_those_below_us_are_left(proc: Path) -> None:
    """Children and their children, but not who stands beside us or has ended."""
    there(proc, 900001, OURS)
    there(proc, 900002, 900001)
    there(proc, 900003, 1)
    there(proc, 900004, OURS, "Z")
    assert left((), str(proc)) == {900001, 900002}


def test_the_spared_are_left_out_with_all_below_them(proc: Path) -> None:
    """As the agent, which is the last to go."""
    there(proc, 900001, OURS)
    there(proc, 900002, 900001)
    there(proc, 900003, OURS)
    assert left((900001,), str(proc)) == {900003}


def test_a_thread_of_the_kernel_is_nobody(proc: Path) -> None:
    """It would never end."""
    there(proc, 900001, OURS, flags=KERNEL_THREAD)
    assert left((), str(proc)) == set()


@pytest.mark.parametrize("ours", ["1", "900009", "not-a-number"])
def test_another_pid_namespaces_processes_are_not_touched(proc: Path, ours: str) -> None:
    """A host's `/proc` mounted over ours has other numbers."""
    there(proc, 900001, OURS)
    (proc / "self").unlink()
    (proc / "self").symlink_to(ours)
    assert left((), str(proc)) == set()


def test_without_proc_nobody_is_left(tmp_path: Path) -> None:
    """Then nobody is signalled either."""
    assert left((), str(tmp_path)) == set()
