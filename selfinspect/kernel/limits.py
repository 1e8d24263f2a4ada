"""Where the container's own cgroup lies, and how much CPU and memory it allows.

A process may sit in a leaf below the container's cgroup (`/docker/<id>/init`); the figures and
limits of the container are those of its cgroup's root. `folders` is throughout the folder of that
for each controller of v1, and of v2 by `UNIFIED`.
PID 1 loads this module for `--export-env`, so it imports nothing heavy. Formats: cgroups(7),
cpuset(7), proc(5), the kernel's admin-guide on both versions of cgroups.
"""

from __future__ import annotations

import os

from selfinspect.exports.size import OWN_BYTES, Room, room
from selfinspect.kernel.files import count, limit_of, link, number, read, read_figures, text
from selfinspect.kernel.proc_self import UNIFIED, parse_cgroups, parse_mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

INITIAL_NAMESPACE = "cgroup:[4026531835]"
"""What `/proc/self/ns/cgroup` links to outside every private cgroup namespace."""

_CGROUPS = "/sys/fs/cgroup"
CGROUP_TYPES = ("cgroup", "cgroup2")
_HEX = frozenset("0123456789abcdef")
_LETTERS = frozenset("ghijklmnopqrstuvwxyz")
_ID = 64
_TASK = 32  # digits of a Fargate task's ID, before a dash and its container's number
_NUMBER = (8, 10)

_KIB = 1024
_OWN_WORDS = 6  # python3 -I -m selfinspect serve: the verb stands among the first words


def read_directories(root: str) -> dict[str, str]:
    """The container's cgroup folders, from the files of this process.

    Args:
        root: the prefix of every file that is read, without a slash at its end.
    """
    own = f"{root}/proc/self"
    return directories(
        text(f"{own}/cgroup"),
        text(f"{own}/mountinfo"),
        link(f"{own}/ns/cgroup"),
        root,
        rootless=is_rootless(root),
    )


def is_rootless(root: str) -> bool:
    """Whether root in this container is another user on the host.

    Args:
        root: the prefix of every file that is read, without a slash at its end.
    """
    return text(f"{root}/proc/self/uid_map").split()[:2] not in ([], ["0", "0"])


def is_of_user(root: str) -> bool:
    """Whether a user's own engine made this container: its root is that user, and no other is.

    Root's engine may give a container's root another user, too, but maps a range of them then.

    Args:
        root: the prefix of every file that is read, without a slash at its end.
    """
    return is_rootless(root) and text(f"{root}/proc/self/uid_map").split()[2:3] == ["1"]


def directories(
    cgroup: str, mounts: str, namespace: str | None, root: str, *, rootless: bool = False
) -> dict[str, str]:
    """The folder with the container's files, for each controller of v1 and for `UNIFIED`.

    A controller whose folder is uncertain is left out: its files might be the machine's or
    another container's.

    Args:
        cgroup: the text of `/proc/self/cgroup`.
        mounts: the text of `/proc/self/mountinfo`.
        namespace: what `/proc/self/ns/cgroup` links to, None where that cannot be read.
        root: the prefix below which files are read, without a slash at its end.
        rootless: whether root in this container is another user on the host. Such a user may make
            no group of v1: one that names no container is that of whoever started the engine.
    """
    mounted = _mounts(mounts, root)
    lines = [line for line in parse_cgroups(cgroup) if not line.outside]
    named = any(_named(line.path) for line in lines)
    starters = rootless and not named and namespace == INITIAL_NAMESPACE
    found: dict[str, str] = {}
    for line in lines:
        if starters and UNIFIED not in line.controllers:
            continue
        # Where others name the container, a path that does not is its engine's: not every runtime
        # moves it in each hierarchy.
        own = _named(line.path) if named else _nameless(line.path, namespace)
        for name in line.controllers:
            mount = mounted.get(name)
            below = None if own is None or mount is None else _below(own, mount[0])
            if mount is not None and below is not None:
                found[name] = mount[1] + below
    return found


def path_naming(cgroup: str, container: str) -> str | None:
    """The path of a container's cgroup, which contains its ID; None where no path does.

    Args:
        cgroup: the text of `/proc/self/cgroup`.
        container: the full ID.
    """
    for line in parse_cgroups(cgroup):
        segments = line.path.split("/")
        named = next((end for end, name in enumerate(segments, 1) if container in name), None)
        if named and not line.outside:
            return "/".join(segments[:named])
    return None


def _named(path: str) -> str | None:
    """The part of a process's path that ends with the container's ID, None without an ID in it."""
    segments = path.split("/")
    for end in range(len(segments), 0, -1):
        if _names_container(segments[end - 1]):
            return "/".join(segments[:end])
    return None


def _names_container(segment: str) -> bool:
    """Whether a segment contains a full ID, or Fargate's name of a container, as a whole word."""
    words = "".join(each if each in _HEX or each in _LETTERS else " " for each in segment).split()
    if any(len(word) == _ID and set(word) <= _HEX for word in words):
        return True
    task, _, number = segment.partition("-")
    return (
        len(task) == _TASK
        and set(task) <= _HEX
        and number.isdecimal()
        and _NUMBER[0] <= len(number) <= _NUMBER[1]
    )


def _nameless(path: str, namespace: str | None) -> str | None:
    """The path of the container's cgroup, from a process's path without an ID in it."""
    if namespace == INITIAL_NAMESPACE:
        return None if path == "/" else path
    return path if namespace is None else "/"


def _below(path: str, root: str) -> str | None:
    """The path relative to `root`, empty where they are the same; None where it isn't below."""
    path, root = path.rstrip("/"), root.rstrip("/")
    return path[len(root) :] if path == root or path.startswith(root + "/") else None


def _mounts(text: str, root: str) -> dict[str, tuple[str, str]]:
    """The mount to read each controller by: its root, and the path to open it by.

    Mount points are named as this process sees them. Where a tree mounted at `root` holds
    hierarchies of its own those count, else what is mounted at the usual place. A later line
    covers an earlier one.
    """
    usual: dict[str, tuple[str, str]] = {}
    within: dict[str, tuple[str, str]] = {}
    for mount in parse_mounts(text):
        if mount.type not in CGROUP_TYPES or mount.deleted:
            continue
        controllers = mount.options if mount.type == "cgroup" else (UNIFIED,)
        if root and _below(mount.point, root + _CGROUPS) is not None:
            within |= dict.fromkeys(controllers, (mount.root, mount.point))
        elif _below(mount.point, _CGROUPS) is not None:
            usual |= dict.fromkeys(controllers, (mount.root, root + mount.point))
    return usual | within


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
