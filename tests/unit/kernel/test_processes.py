from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.kernel.processes import (
    Listing,
    Process,
    listens_beyond,
    listens_here,
    listing,
    processes,
)
from selfinspect.model import Processes

if TYPE_CHECKING:
    from collections.abc import Callable

    Lay = Callable[[dict[str, str]], str]


def hold(root: Path, pid: int, *targets: str) -> None:
    """Lay out a process with these files open."""
    folder = root / f"proc/{pid}/fd"
    folder.mkdir(parents=True)
    for number, target in enumerate(targets):
        (folder / str(number)).symlink_to(target)


def test_processes_and_what_they_hold(lay: Lay, tmp_path: Path) -> None:
    """Those of cgroups below count; a descriptor's link says whether it is a socket."""
    lay({"cg/cgroup.procs": "1\n7\n", "cg/init/cgroup.procs": "9\n"})
    hold(tmp_path, 1, "/dev/null", "socket:[1]")
    hold(tmp_path, 7, "pipe:[2]")
    hold(tmp_path, 9, "socket:[3]", "socket:[4]")
    assert processes(f"{tmp_path}/cg", str(tmp_path)) == Processes(3, 5, 3)


def run(root: Path, pid: int, *states: str) -> None:
    """Lay out a process whose tasks are in these states, with a name that looks like one."""
    for number, state in enumerate(states):
        stat = f"{pid} (a) R 1) {state} {'0 ' * 16}{len(states)} 0\n"
        task = root / f"proc/{pid}/task/{pid + number}"
        task.mkdir(parents=True)
        (task / "stat").write_text(stat)
    (root / f"proc/{pid}/stat").write_text(
        f"{pid} (a) R 1) {states[0]} {'0 ' * 16}{len(states)} 0\n"
    )


def test_the_states_of_all_tasks(lay: Lay, tmp_path: Path) -> None:
    """Threads count one by one; a zombie is in none of the states, an idle one sleeps."""
    lay({"cg/cgroup.procs": "1\n7\n8\n"})
    run(tmp_path, 1, "S")
    run(tmp_path, 7, "R", "S", "D", "t", "I")
    run(tmp_path, 8, "Z")
    found = processes(f"{tmp_path}/cg", str(tmp_path), tasks=7)
    assert found is not None
    assert found.tasks == {"sleeping": 3, "running": 1, "stopped": 1, "uninterruptible": 1}


@pytest.mark.parametrize("tasks", [None, 1001])
def test_the_states_of_very_many_tasks_are_not_read(
    lay: Lay, tmp_path: Path, tasks: int | None
) -> None:
    """Nor where their number is unknown: a scrape must not wait for them."""
    lay({"cg/cgroup.procs": "1\n"})
    run(tmp_path, 1, "S")
    found = processes(f"{tmp_path}/cg", str(tmp_path), tasks=tasks)
    assert found is not None
    assert found.tasks == {}


@pytest.mark.parametrize("hidden", ["0", "9"])
def test_the_states_are_unknown_where_a_process_is_hidden(
    lay: Lay, tmp_path: Path, hidden: str
) -> None:
    """Of another PID namespace, or not shown to us though it is still listed."""
    lay({"cg/cgroup.procs": f"1\n{hidden}\n"})
    run(tmp_path, 1, "S")
    found = processes(f"{tmp_path}/cg", str(tmp_path), tasks=2)
    assert found is not None
    assert (found.count, found.tasks) == (2, {})


def test_a_threaded_cgroup_lists_no_processes_of_its_own(lay: Lay, tmp_path: Path) -> None:
    """The one that it lies in lists them, and the kernel refuses to list them twice."""
    lay({"cg/cgroup.procs": "1\n", "cg/pool/cgroup.type": "threaded\n"})
    found = processes(f"{tmp_path}/cg", str(tmp_path))
    assert found is not None
    assert found.count == 1


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


def describe(root: Path, pid: int, command: bytes, status: str = "") -> None:
    """Lay out a process as `listing` reads it, with 1.5 s of CPU time at 100 ticks a second."""
    folder = root / f"proc/{pid}"
    folder.mkdir(parents=True)
    (folder / "stat").write_text(f"{pid} (a) b) S 1 {'0 ' * 9}100 50 {'0 ' * 9}\n")
    (folder / "status").write_text(status)
    (folder / "cmdline").write_bytes(command)


def test_what_each_process_is_and_uses(lay: Lay, tmp_path: Path) -> None:
    """A kernel's thread or a zombie has no command line, and so its name in brackets."""
    lay({"cg/cgroup.procs": "7\n8\n"})
    describe(tmp_path, 7, b"sh\0-c\0a b\0", "Uid:\t5\t6\t7\t8\nVmRSS:\t  12 kB\nVmSwap:\t 3 kB\n")
    describe(tmp_path, 8, b"")
    assert listing(f"{tmp_path}/cg", str(tmp_path)) == Listing(
        [
            Process(7, 1, 5, "S", 12, 3, 1.5, ("sh", "-c", "a b")),
            Process(8, 1, None, "S", None, None, 1.5, ("[a) b]",)),
        ]
    )


@pytest.mark.parametrize("end", ["\r", "\v", "\f", "\x1c", "\x85", "\u2028"])
def test_a_name_is_one_line(lay: Lay, tmp_path: Path, end: str) -> None:
    r"""The kernel escapes no end of a line but \n in it: what it goes on with is not a figure."""
    lay({"cg/cgroup.procs": "7\n"})
    describe(tmp_path, 7, b"", f"Name:\ta{end}VmRSS:\t99 kB\nUid:\t5\t5\t5\t5\n")
    found = listing(f"{tmp_path}/cg", str(tmp_path))
    assert found is not None
    [process] = found.processes
    assert (process.user, process.memory) == (5, None)


def test_of_too_many_processes_the_others_are_counted(
    lay: Lay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads the list knows that it is not the whole."""
    monkeypatch.setattr("selfinspect.kernel.processes._MOST_LISTED", 2)
    lay({"cg/cgroup.procs": "7\n8\n9\n10\n11\n"})
    for pid in (7, 8):
        describe(tmp_path, pid, b"sh\0")
    found = listing(f"{tmp_path}/cg", str(tmp_path))
    assert found is not None
    assert ([process.pid for process in found.processes], found.more) == ([7, 8], 3)


def test_a_long_command_ends_with_a_whole_word(lay: Lay, tmp_path: Path) -> None:
    """Half of a secret would not be recognised as one."""
    lay({"cg/cgroup.procs": "7\n"})
    describe(tmp_path, 7, b"sh\0" + b"x" * 40_000)
    listed = listing(f"{tmp_path}/cg", str(tmp_path))
    assert listed is not None
    [process] = listed.processes
    assert (process.command, process.cut) == (("sh",), True)


def test_all_commands_together_have_a_bound(lay: Lay, tmp_path: Path) -> None:
    """Past it a process is listed by its first words; thousands take no more than a few."""
    pids = range(7, 7 + 20)
    lay({"cg/cgroup.procs": "".join(f"{pid}\n" for pid in pids)})
    for pid in pids:
        describe(tmp_path, pid, b"sh\0" + b"x" * 30_000 + b"\0")
    found = listing(f"{tmp_path}/cg", str(tmp_path))
    assert found is not None
    listed = found.processes
    assert sum(len(word) for process in listed for word in process.command) <= 262_144
    assert [process.pid for process in listed] == list(pids)
    assert listed[-1].command == ("sh",)
    assert [process.cut for process in listed] == [False] * 8 + [True] * 12


@pytest.mark.parametrize("hidden", ["0", "9"])
def test_nothing_is_listed_where_a_process_is_hidden(lay: Lay, tmp_path: Path, hidden: str) -> None:
    """Whoever looks for what holds the memory must not miss one: the engine sees them all."""
    lay({"cg/cgroup.procs": f"7\n{hidden}\n"})
    describe(tmp_path, 7, b"sh\0")
    assert listing(f"{tmp_path}/cg", str(tmp_path)) is None


def test_a_pid_that_went_to_another_container_is_not_listed(lay: Lay, tmp_path: Path) -> None:
    """Where the engine's machine shares its PIDs: it was ours when the list was read."""
    lay({"cg/cgroup.type": "domain\n"})
    os.mkfifo(tmp_path / "cg/cgroup.procs")
    lists = os.open(tmp_path / "cg/cgroup.procs", os.O_RDWR)
    fcntl.fcntl(lists, fcntl.F_SETFL, os.O_DIRECT)  # a read gets what one write brought
    os.write(lists, b"7\n8\n")
    os.write(lists, b"7\n")
    describe(tmp_path, 7, b"ours\0")
    describe(tmp_path, 8, b"anothers\0")
    found = listing(f"{tmp_path}/cg", str(tmp_path))
    os.close(lists)
    assert found is not None
    assert [process.command for process in found.processes] == [("ours",)]


@pytest.mark.parametrize("address", [("127.0.0.1", socket.AF_INET), ("::", socket.AF_INET6)])
def test_a_process_that_we_see(address: tuple[str, socket.AddressFamily]) -> None:
    """As long as it listens; being connected to somebody else's is not that."""
    host, family = address
    with socket.create_server((host, 0), family=family) as listener:
        port = listener.getsockname()[1]
        assert listens_here(port)
        with socket.create_connection((host, port), 5) as caller:
            assert not listens_here(caller.getsockname()[1])
    assert not listens_here(port)


@pytest.mark.parametrize(
    ("host", "beyond"), [("127.0.0.1", False), ("::1", False), ("0.0.0.0", True), ("::", True)]
)
def test_who_listens_beyond_the_loopback(host: str, *, beyond: bool) -> None:
    """By the address that a socket is bound to."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        assert listens_beyond(listener.getsockname()[1]) is beyond
    assert not listens_beyond(1)


def test_a_neighbour(tmp_path: Path) -> None:
    """Of its listener we see the port, in a network that we share, but nobody who holds it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        (tmp_path / "proc" / "1" / "fd").mkdir(parents=True)
        (tmp_path / "proc" / "net").symlink_to(Path("/proc/self/net"))
        assert not listens_here(listener.getsockname()[1], str(tmp_path))


def test_nothing_that_could_be_read(tmp_path: Path) -> None:
    """Then nobody listens as far as we can see."""
    assert not listens_here(1, str(tmp_path))
