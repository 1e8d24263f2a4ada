from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.kernel.processes import processes
from selfinspect.model import Processes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Lay = Callable[[dict[str, str]], str]


def hold(root: Path, pid: int, *targets: str) -> None:
    """Lay out a process with these files open."""
    folder = root / f"proc/{pid}/fd"
    folder.mkdir(parents=True)
    for number, target in enumerate(targets):
        (folder / str(number)).symlink_to(target)


def test_processes_and_what_they_hold(lay: Lay, tmp_path: Path) -> None:
    """Those of cgroups below count; sockets are told by where a descriptor leads."""
    lay({"cg/cgroup.procs": "1\n7\n", "cg/init/cgroup.procs": "9\n"})
    hold(tmp_path, 1, "/dev/null", "socket:[1]")
    hold(tmp_path, 7, "pipe:[2]")
    hold(tmp_path, 9, "socket:[3]", "socket:[4]")
    assert processes(f"{tmp_path}/cg", str(tmp_path)) == Processes(3, 5, 3)


def test_one_that_cannot_be_looked_into(lay: Lay, tmp_path: Path) -> None:
    """Of another PID namespace: it is counted, and what all hold open is unknown."""
    lay({"cg/cgroup.procs": "1\n0\n"})
    hold(tmp_path, 1, "/dev/null")
    assert processes(f"{tmp_path}/cg", str(tmp_path)) == Processes(2, None, None)


def test_one_that_ended_meanwhile_holds_nothing(lay: Lay, tmp_path: Path) -> None:
    """It was listed a moment before."""
    lay({"cg/cgroup.procs": "1\n5\n"})
    hold(tmp_path, 1, "/dev/null")
    assert processes(f"{tmp_path}/cg", str(tmp_path)) == Processes(2, 1, 0)


def test_without_a_list_nothing_is_known(tmp_path: Path) -> None:
    """Of the container or of a cgroup below it."""
    assert processes(str(tmp_path), "") is None
    (tmp_path / "cgroup.procs").write_text("")
    (tmp_path / "below").mkdir()
    assert processes(str(tmp_path), "") is None
