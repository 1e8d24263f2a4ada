"""Memory figures, from the files of the container's cgroup or from an engine's stats.

cgroup v1 and v2 name the same figures differently, and engines pass those names on.
Formats: the kernel's admin-guide/cgroup-v1/memory and admin-guide/cgroup-v2.
"""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

from selfinspect.kernel.files import UNLIMITED, count, keyed, number
from selfinspect.kernel.proc_self import UNIFIED
from selfinspect.model import Detail, Memory, MemoryEvents

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_EVENTS = 4096
_COUNTED = ("max", "high", "oom", "oom_kill")
_V2_NAMES = {
    "rss": "anon",
    "cache": "file",
    "mapped_file": "file_mapped",
    "dirty": "file_dirty",
    "writeback": "file_writeback",
    "swap": "",  # in a file of its own
}
"""v1's names of figures that v2 calls something else."""


def read_memory(folders: Mapping[str, str]) -> tuple[Memory, Detail]:
    """The memory part of a sample, and the memory figures of its detail.

    Args:
        folders: the container's cgroup by controller of v1, and of v2 by `UNIFIED`.
    """
    if folder := folders.get("memory"):
        return memory(
            keyed(f"{folder}/memory.stat"),
            usage=number(f"{folder}/memory.usage_in_bytes"),
            limit=number(f"{folder}/memory.limit_in_bytes"),
            peak=number(f"{folder}/memory.max_usage_in_bytes"),
            kernel=number(f"{folder}/memory.kmem.usage_in_bytes"),
            failcnt=number(f"{folder}/memory.failcnt"),
            oom_kills=keyed(f"{folder}/memory.oom_control").get("oom_kill"),
        )
    if not (folder := folders.get(UNIFIED)):
        return Memory(), Detail()
    events = keyed(f"{folder}/memory.events")
    return memory(
        keyed(f"{folder}/memory.stat"),
        usage=number(f"{folder}/memory.current"),
        limit=number(f"{folder}/memory.max"),
        peak=number(f"{folder}/memory.peak"),
        swap=number(f"{folder}/memory.swap.current"),
        failcnt=events.get("max"),
        oom_kills=events.get("oom_kill"),
        events_high_total=events.get("high"),
        events_max_total=events.get("max"),
    )


def memory(
    stat: Mapping[str, int],
    *,
    usage: int | None,
    limit: int | None,
    peak: int | None = None,
    swap: int | None = None,
    kernel: int | None = None,
    failcnt: int | None = None,
    oom_kills: int | None = None,
    **counted: int | None,
) -> tuple[Memory, Detail]:
    """The same from its parts. Pure.

    Args:
        stat: the figures of `memory.stat`, of either version.
        usage: bytes charged now.
        limit: bytes that may be charged; a limit that cannot be reached is none.
        peak: the most bytes ever charged.
        swap: bytes swapped out, where `stat` does not have them.
        kernel: bytes of the kernel's own memory, where `stat` does not have them.
        failcnt: how often the limit was hit.
        oom_kills: how many processes the kernel OOM-killed.
        counted: further figures, by the rest of their metrics' names.
    """
    v1 = is_v1(stat)

    def figure(name: str) -> int | None:
        # On v1 the plain names leave out what child cgroups were charged.
        return stat.get(f"total_{name}" if v1 else _V2_NAMES.get(name, name))

    limit = limit if limit is not None and 0 < limit < UNLIMITED else None
    inactive = figure("inactive_file")
    working_set = None if usage is None or inactive is None else max(0, usage - inactive)
    return (
        Memory(
            usage_bytes=usage,
            working_set_bytes=working_set,
            rss_bytes=figure("rss"),
            cache_bytes=figure("cache"),
            swap_bytes=figure("swap") if swap is None else swap,
            peak_bytes=peak,
            limit_bytes=limit,
            percent=percent_of(limit, working_set),
            oom_kills=oom_kills,
        ),
        Detail(
            memory={
                "mapped_file": figure("mapped_file"),
                "kernel_usage": stat.get("kernel") if kernel is None else kernel,
                "total_active_file_bytes": figure("active_file"),
                "total_inactive_file_bytes": inactive,
                "file_dirty_bytes": figure("dirty"),
                "file_writeback_bytes": figure("writeback"),
                "failcnt": failcnt,
                "workingset_refault_file_total": figure("workingset_refault_file"),
                "workingset_refault_anon_total": figure("workingset_refault_anon"),
                "pgscan_total": stat.get("pgscan"),
                "pgsteal_total": stat.get("pgsteal"),
                **counted,
            },
            page_faults={
                kind: {"container": stat.get(kind), "hierarchy": figure(kind)}
                for kind in ("pgfault", "pgmajfault")
            },
        ),
    )


def is_v1(stat: Mapping[str, int]) -> bool:
    """Whether a `memory.stat` is cgroup v1's."""
    return "total_inactive_file" in stat


def percent_of(limit: int | None, used: int | None) -> float | None:
    """The share of the limit in use; None without a limit, or where the use is unknown."""
    return used / limit * 100 if limit and used is not None else None


class MemoryWatch:
    """`memory.events` of cgroup v2, open for as long as its changes matter.

    A change is a priority event of poll(2), so that no privilege is needed. On v1 a notification
    needs a write to `cgroup.event_control`, which a container's read-only mount refuses.
    Its descriptor is readable, to any loop, once the counts differ from those read last.

    Args:
        folders: the container's cgroup by controller of v1, and of v2 by `UNIFIED`.

    Raises:
        OSError: the file does not exist: cgroup v1, or no controller of memory.
    """

    def __init__(self, folders: Mapping[str, str]) -> None:
        folder = folders.get(UNIFIED)
        if folder is None:
            raise FileNotFoundError("there is no cgroup of version 2")
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        self._file = os.open(f"{folder}/memory.events", flags)
        self._changes = select.epoll()
        try:
            # For anything but EPOLLPRI the file is always ready.
            self._changes.register(self._file, select.EPOLLPRI)
        except OSError:  # a plain file, such as a copied tree's, never changes
            self.close()
            raise

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._changes.fileno()

    def read(self) -> MemoryEvents:
        """The counts now; what the kernel does not count is None."""
        try:
            lines = os.pread(self._file, _LONGEST_EVENTS, 0).splitlines()
        except OSError:
            return MemoryEvents()
        pairs = (line.split(b" ", 1) for line in lines if b" " in line)
        figures = {name.decode(errors="replace"): count(word) for name, word in pairs}
        return MemoryEvents(*(figures.get(name) for name in _COUNTED))

    def close(self) -> None:
        """Close both descriptors."""
        self._changes.close()
        os.close(self._file)
