"""The container's processes: what each is and uses, when PID 1 started, what they hold open.

Also where they listen.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from selfinspect.kernel.files import count, link, read, read_figures, text
from selfinspect.model import Processes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from selfinspect.model import TaskState

_MOST_TASKS = 1000
_LISTENING = "0A"  # TCP_LISTEN of the kernel's include/net/tcp_states.h
_MOST_LISTED = 4096
_LONGEST_COMMAND, _ALL_COMMANDS = 32_768, 262_144
"""Bytes of one command line, and of all together: each is read for its secrets."""

_STATES: Mapping[bytes, TaskState] = {
    b"S": "sleeping",
    b"I": "sleeping",
    b"R": "running",
    b"T": "stopped",
    b"t": "stopped",
    b"D": "uninterruptible",
}
"""proc_pid_stat(5). A zombie is in none of them."""


def init_started_at(root: str) -> float | None:
    """When PID 1 started, Unix seconds; None where the files below `root` do not say.

    Boot time plus ticks since boot, field 22 of proc_pid_stat(5): the 20th after the name.
    """
    fields = text(f"{root}/proc/1/stat").rpartition(")")[2].split()
    lines = text(f"{root}/proc/stat").split("\n")
    boot = [line.split()[1:2] for line in lines if line.startswith("btime ")]
    try:
        return int(boot[0][0]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (IndexError, ValueError, OverflowError):
        return None


class Process(NamedTuple):
    """A process: sizes in KiB, CPU time in seconds since it started; None is unknown.

    `cut` means that its command line is not whole; none is left where others took all the room.
    """

    pid: int
    parent: int | None
    user: int | None
    state: str
    memory: int | None
    swap: int | None
    cpu: float | None
    command: tuple[str, ...]
    cut: bool = False


class Listing(NamedTuple):
    """The processes of a container, and how many it has beyond those that are listed."""

    processes: list[Process]
    more: int = 0


def listing(folder: str, root: str) -> Listing | None:
    """The processes of a cgroup and those below it; None where not all can be seen.

    One of a PID namespace that we do not see is listed as 0, and one that is hidden from us cannot
    be read. Of more than four thousand the first are listed, and the others counted.

    Args:
        folder: of the container's cgroup.
        root: the prefix below which `/proc` is read.
    """
    pids = _listed(folder)
    if pids is None:
        return None
    found: dict[str, Process | None] = {}
    room = _ALL_COMMANDS
    for pid in pids[:_MOST_LISTED]:
        found[pid] = process = _process(f"{root}/proc/{pid}", pid, min(_LONGEST_COMMAND, room))
        room -= sum(len(word) + 1 for word in process.command) if process else 0
        room = max(room, 0)
    # A PID that is not listed any more may be another container's by now.
    left = _listed(folder)
    if left is None:
        return None
    listed = set(left)
    ours = [process for pid, process in found.items() if pid in listed]
    seen = [process for process in ours if process is not None]
    more = max(len(pids) - _MOST_LISTED, 0)
    return Listing(seen, more) if len(seen) == len(ours) else None


def _process(folder: str, pid: str, longest: int) -> Process | None:
    """One process; None where its files cannot be read, because it has ended or is hidden.

    Args:
        folder: of its files.
        pid: its ID.
        longest: bytes of its command line, at most.
    """
    stat = read_figures(f"{folder}/stat")
    if stat is None:
        return None
    name = stat.partition(b"(")[2].rpartition(b")")[0]
    fields = stat.rpartition(b")")[2].split()
    status = dict(
        line.split(b":", 1)
        for line in (read(f"{folder}/status") or b"").split(b"\n")
        if line.startswith((b"Uid:", b"VmRSS:", b"VmSwap:"))
    )
    # A program may write anything there; its last word is cut off where there is more.
    words = (read(f"{folder}/cmdline") or b"").rstrip(b"\0")
    cut = len(words) > longest
    whole = words[:longest].rpartition(b"\0")[0] if cut else words
    command = whole.split(b"\0") if whole else [b"[%b]" % name]
    ticks = [count(word) for word in fields[11:13]]
    spent = None if None in ticks or not ticks else sum(filter(None, ticks))

    def first(key: bytes) -> int | None:
        return count((status.get(key, b"").split() or [b""])[0])

    return Process(
        pid=int(pid),
        parent=count(fields[1]) if len(fields) > 1 else None,
        user=first(b"Uid"),
        state=fields[0].decode(errors="replace") if fields else "",
        memory=first(b"VmRSS"),
        swap=first(b"VmSwap"),
        cpu=None if spent is None else spent / os.sysconf("SC_CLK_TCK"),
        command=tuple(word.decode(errors="replace") for word in command),
        cut=cut,
    )


def processes(folder: str, root: str, tasks: int | None = None) -> Processes | None:
    """The processes of a cgroup and those below it, None where they cannot be listed.

    What they hold open, and their states, are unknown where the files of one of them cannot be
    read: one of another user, or of a PID namespace that we do not see, which is listed as 0.

    Args:
        folder: of the container's cgroup.
        root: the prefix below which `/proc` is read.
        tasks: how many tasks they have together, None where that is unknown: of more than a
            thousand the states are not read.
    """
    pids = _listed(folder)
    if pids is None:
        return None
    held = [_held(f"{root}/proc/{pid}/fd") for pid in pids]
    readable = [each for each in held if each is not None]
    few = tasks is not None and tasks <= _MOST_TASKS and len(pids) <= _MOST_TASKS
    states = _task_states(root, pids, folder) if few else {}
    if len(readable) < len(held):
        return Processes(len(pids), None, None, states)
    return Processes(
        len(pids), sum(files for files, _ in readable), sum(some for _, some in readable), states
    )


def _listed(folder: str) -> list[str] | None:
    """The PIDs of a cgroup and of those below it."""
    content = read_figures(f"{folder}/cgroup.procs")
    if content is None:
        # The processes of a threaded cgroup are listed by the one that it lies in.
        threaded = (read_figures(f"{folder}/cgroup.type") or b"").strip() == b"threaded"
        return [] if threaded else None
    pids = content.decode(errors="replace").split()
    try:
        with os.scandir(folder) as entries:
            below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return None
    for child in below:
        found = _listed(child)
        if found is None:
            return None
        pids += found
    return pids


def _task_states(root: str, pids: Iterable[str], folder: str) -> Mapping[TaskState, int]:
    """How many tasks are in each state; empty where not all can be read."""
    found: dict[TaskState, int] = dict.fromkeys(_STATES.values(), 0)
    missing = set()
    for pid in pids:
        stats = _stats(f"{root}/proc/{pid}")
        if not stats:
            missing.add(pid)
        for stat in stats:
            state = _STATES.get(stat.rpartition(b")")[2][1:2])
            if state is not None:
                found[state] += 1
    # One that has ended is not listed any more; one that is hidden from us still is.
    hidden = missing and not missing.isdisjoint(_listed(folder) or missing)
    return {} if hidden else found


def _stats(process: str) -> list[bytes]:
    """The `stat` of each task of a process; none where the process has ended."""
    leader = read_figures(f"{process}/stat")
    if leader is None:
        return []
    # Field 20, the 18th after the name, is how many tasks there are: mostly one.
    fields = leader.rpartition(b")")[2].split()
    if fields[17:18] == [b"1"]:
        return [leader]
    try:
        tasks = os.listdir(f"{process}/task")  # noqa: PTH208  names are all we need
    except OSError:
        return []
    first = process.rpartition("/")[2]
    others = (read_figures(f"{process}/task/{task}/stat") for task in tasks if task != first)
    return [leader, *(stat for stat in others if stat is not None)]


def _held(folder: str) -> tuple[int, int] | None:
    """How many file descriptors a process has, and how many of them are sockets."""
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        # It ended after it was listed; 0 is nobody's PID.
        return None if folder.endswith("/0/fd") else (0, 0)
    except OSError:
        return None
    try:
        names = os.listdir(opened)  # noqa: PTH208  no Path has a descriptor
        return len(names), sum(_is_socket(name, opened) for name in names)
    except ProcessLookupError:
        return 0, 0
    except OSError:
        return None
    finally:
        os.close(opened)


def _is_socket(name: str, folder: int) -> bool:
    try:
        # Below an open folder: the whole path takes a third longer, and there may be thousands.
        return os.readlink(name, dir_fd=folder).startswith("socket:")
    except OSError:
        return False


def listens_here(port: int, root: str = "") -> bool:
    """Whether a process whose files we may read listens on a TCP port.

    Args:
        port: on whichever address.
        root: the prefix below which `/proc` is read.
    """
    sockets = {f"socket:[{row[9]}]" for row in _listening(port, root)}
    with suppress(OSError):
        with os.scandir(f"{root}/proc") as entries:
            processes = [entry.path for entry in entries if entry.name.isdecimal()]
        return bool(sockets) and any(_holds(process, sockets) for process in processes)
    return False


def listens_beyond(port: int, root: str = "") -> bool:
    """Whether something in this network listens on a TCP port for more than the loopback.

    Args:
        port: on whichever address.
        root: the prefix below which `/proc` is read.
    """
    hosts = (_address(row[1].partition(":")[0]) for row in _listening(port, root))
    return not all(host.is_loopback for host in hosts)


def _address(words: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address of `/proc/net/tcp`: words of 32 bits in hexadecimal, in this machine's order."""
    starts = range(0, len(words), 8)
    numbers = [int(words[start : start + 8], 16) for start in starts]
    address = ipaddress.ip_address(b"".join(each.to_bytes(4, sys.byteorder) for each in numbers))
    return getattr(address, "ipv4_mapped", None) or address


def _listening(port: int, root: str) -> Iterator[list[str]]:
    """The rows of `/proc/net/tcp` and `tcp6` of what listens on a port: proc(5)."""
    for table in ("tcp", "tcp6"):
        for line in text(f"{root}/proc/net/{table}").splitlines()[1:]:
            row = line.split()
            if row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == port:
                yield row


def _holds(process: str, sockets: set[str]) -> bool:
    with suppress(OSError), os.scandir(f"{process}/fd") as entries:
        return any(link(entry.path) in sockets for entry in entries)
    return False
