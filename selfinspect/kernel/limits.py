"""How much CPU and memory the container may use, from the kernel's files.

PID 1 loads this module, so it imports nothing heavy. `folders` is throughout the container's
cgroup by controller of v1, and of v2 by `UNIFIED`, as `cgroup_file.directories` finds it.
Formats: cgroups(7), cpuset(7), proc(5), the kernel's admin-guide on both versions of cgroups.
"""

from __future__ import annotations

import os

from selfinspect.exports.size import OWN_BYTES, Room, room
from selfinspect.kernel.cgroup_file import UNIFIED, directories
from selfinspect.kernel.files import count, limit_of, link, number, read, read_figures, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_KIB = 1024
_OWN_WORDS = 6  # python3 -I -m selfinspect serve: the verb stands among the first words


def read_directories(root: str) -> dict[str, str]:
    """The container's cgroup folders, from the files of this process.

    Args:
        root: the prefix of every file that is read, without a slash at its end.
    """
    own = f"{root}/proc/self"
    return directories(
        text(f"{own}/cgroup"), text(f"{own}/mountinfo"), link(f"{own}/ns/cgroup"), root
    )


def cpu_quota(folders: Mapping[str, str]) -> tuple[int | None, int | None]:
    """CPU time in microseconds, and the period, in microseconds, that it is for.

    Both are None without a quota, and where the files do not say.
    """
    if folder := folders.get("cpu"):
        quota = number(f"{folder}/cpu.cfs_quota_us")
        return quota, number(f"{folder}/cpu.cfs_period_us") if quota else None
    if folder := folders.get(UNIFIED):
        limit, _, period = (read_figures(f"{folder}/cpu.max") or b"").partition(b" ")
        quota = count(limit)
        return quota, count(period) if quota else None
    return None, None


def cpus(quota: int | None, period: int | None) -> float | None:
    """A CPU quota as a number of CPUs; None without a quota."""
    return quota / period if quota and period else None


def memory_limit(folders: Mapping[str, str]) -> int | None:
    """Bytes that may be charged: 0 without a limit, None where the files do not say."""
    if folder := folders.get("memory"):
        return limit_of(read_figures(f"{folder}/memory.limit_in_bytes"))
    if folder := folders.get(UNIFIED):
        return limit_of(read_figures(f"{folder}/memory.max"))
    return None


def read_room(root: str = "", taken: int = OWN_BYTES) -> Room:
    """What the app may use.

    Args:
        root: the prefix of every file that is read, without a slash at its end.
        taken: bytes that PID 1 and the agent take of the memory.
    """
    folders = read_directories(root)
    return room(
        quota=cpus(*cpu_quota(folders)),
        usable=_usable_cpus(folders, own=not root),
        online=text(f"{root}/proc/stat").count("\ncpu") or None,
        memory_limit=memory_limit(folders) or None,
        taken=taken,
    )


def _usable_cpus(folders: Mapping[str, str], *, own: bool) -> int | None:
    """CPUs that the cpuset admits, and the affinity of this process where it is the container's."""
    bounds = [len(os.sched_getaffinity(0))] if own else []
    if folder := folders.get("cpuset"):
        bounds.append(_cpus_in(text(f"{folder}/cpuset.cpus")))
    elif folder := folders.get(UNIFIED):
        bounds.append(_cpus_in(text(f"{folder}/cpuset.cpus.effective")))
    return min((bound for bound in bounds if bound), default=None)


def _cpus_in(text: str) -> int:
    """How many CPUs a list such as `0-3,8` has, as cpuset(7) writes it."""
    total = 0
    for part in text.strip().split(","):
        first, dash, last = part.partition("-")
        if first.isdecimal() and (last.isdecimal() or not dash):
            total += int(last or first) - int(first) + 1
    return total


def taken_by_us(proc: str = "/proc") -> int | None:
    """Resident bytes of PID 1 and the agent as they run now; None where neither is found."""
    sizes = []
    for process in os.listdir(proc):  # noqa: PTH208 - names are all we need
        if process.isdecimal():
            words = (read(f"{proc}/{process}/cmdline") or b"").split(b"\0")[:_OWN_WORDS]
            ours = any(b"selfinspect" in word for word in words)
            if ours and {b"serve", b"run"} & set(words):
                sizes.append(_resident(f"{proc}/{process}/status"))
    return sum(sizes) or None


def _resident(path: str) -> int:
    """The bytes in `VmRSS` of a process's `status` file, 0 where there is none."""
    _, _, rest = (read(path) or b"").partition(b"\nVmRSS:")
    return _KIB * (count(rest.partition(b"kB")[0]) or 0)
