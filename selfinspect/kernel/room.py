"""How much CPU and memory the container's app may use, from the kernel's files.

PID 1 loads this module, so it loads little by itself. Formats: cgroups(7), cpuset(7), proc(5) and
the kernel's documentation of both versions of cgroups.
"""

from __future__ import annotations

import os

from selfinspect.exports.size import OWN_BYTES, Room, room
from selfinspect.kernel.cgroup_file import UNIFIED
from selfinspect.kernel.files import count, limit_of, number, read, text
from selfinspect.kernel.hierarchy import directories

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_KIB = 1024
_OWN_WORDS = 6  # python3 -I -m selfinspect serve: the verb stands among the first words


def read_room(root: str = "", taken: int = OWN_BYTES) -> Room:
    """What the app may use.

    Args:
        root: the prefix of every file that is read, without a slash at its end.
        taken: bytes that PID 1 and the agent take of the memory.
    """
    folders = _folders(root)
    online = text(f"{root}/proc/stat").count("\ncpu")
    return room(
        quota=_quota(folders),
        usable=_usable(folders, own=not root),
        online=online or None,
        memory_limit=_memory_limit(folders),
        taken=taken,
    )


def taken_by_us(proc: str = "/proc") -> int | None:
    """Bytes resident of PID 1 and the agent, as they run now; None where neither is seen."""
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


def _folders(root: str) -> Mapping[str, str]:
    try:
        namespace = os.readlink(f"{root}/proc/self/ns/cgroup")  # noqa: PTH115
    except OSError:
        namespace = None
    cgroup, mounts = (text(f"{root}/proc/self/{name}") for name in ("cgroup", "mountinfo"))
    return directories(cgroup, mounts, namespace, root)


def _quota(folders: Mapping[str, str]) -> float | None:
    if folder := folders.get("cpu"):
        quota, period = (
            number(f"{folder}/cpu.cfs_quota_us"),
            number(f"{folder}/cpu.cfs_period_us"),
        )
    else:
        words = (read(f"{folders.get(UNIFIED, '')}/cpu.max") or b"").split()
        quota, period = (count(word) for word in words) if len(words) == 2 else (None, None)  # noqa: PLR2004
    return quota / period if quota and period else None


def _usable(folders: Mapping[str, str], *, own: bool) -> int | None:
    """CPUs that the cpuset admits, and the affinity of this process where it is the container's."""
    bounds = [len(os.sched_getaffinity(0))] if own else []
    if folder := folders.get("cpuset"):
        bounds.append(_listed(text(f"{folder}/cpuset.cpus")))
    elif folder := folders.get(UNIFIED):
        bounds.append(_listed(text(f"{folder}/cpuset.cpus.effective")))
    return min((bound for bound in bounds if bound), default=None)


def _listed(text: str) -> int:
    """How many CPUs a list such as `0-3,8` has, as cpuset(7) writes it."""
    total = 0
    for part in text.strip().split(","):
        first, dash, last = part.partition("-")
        if first.isdecimal() and (last.isdecimal() or not dash):
            total += int(last or first) - int(first) + 1
    return total


def _memory_limit(folders: Mapping[str, str]) -> int | None:
    if folder := folders.get("memory"):
        return limit_of(read(f"{folder}/memory.limit_in_bytes")) or None
    return limit_of(read(f"{folders.get(UNIFIED, '')}/memory.max")) or None
