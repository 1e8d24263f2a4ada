"""Samples of the container's resources, and its limits, from the kernel's files."""

from __future__ import annotations

import os
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.kernel import processes
from selfinspect.kernel.cgroup import cpu, io, pids, pressure
from selfinspect.kernel.files import count, limit_of, number, read_figures, text
from selfinspect.kernel.limits import cpu_quota, cpus, memory_limit, path_naming, read_directories
from selfinspect.kernel.machine import Devices, cpu_time, machine
from selfinspect.kernel.memory import read_memory
from selfinspect.kernel.network import interfaces
from selfinspect.kernel.proc_self import UNIFIED, mounted_at, parse_mounts
from selfinspect.model import Filesystem, Limits, Sample, Specification
from selfinspect.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from selfinspect.kernel.processes import Listing
    from selfinspect.model import Machine, Processes

DEFAULT_SHARES = 1024
_DEFAULT_WEIGHT = 100
_OF_KERNEL = ("/proc/", "/sys/")
_LOCAL = ("overlay", "ext4", "xfs", "btrfs", "zfs", "tmpfs")


class CgroupReader:
    """Reads samples of the container that this process is in.

    Where the container's cgroup lies, and what is mounted at its root, is found once, when the
    reader is made.

    Attributes:
        folders: the container's cgroup by controller of v1, and of v2 by `UNIFIED`.
    """

    def __init__(self, root: Path) -> None:
        """Find the container's cgroup.

        Args:
            root: the folder in which `proc` and `sys` lie.
        """
        self._root = str(root).rstrip("/")
        self._device = Devices(self._root)
        self._machine: Machine | None = None
        self._started: float | None = None
        self._cgroup = text(f"{self._root}/proc/self/cgroup")
        mounts = tuple(parse_mounts(text(f"{self._root}/proc/self/mountinfo")))
        self._mounted = mounted_at(mounts, "/")
        self._is_served = any(
            mount.type.startswith("fuse") and mount.point.startswith(_OF_KERNEL) for mount in mounts
        )
        self.folders = read_directories(self._root)

    def without_cgroup(self) -> CgroupReader:
        """A reader of the same files but those of the cgroup, which is not the container's."""
        other = copy(self)
        other.folders = {}
        return other

    def read(self, now_ns: int) -> Sample:
        """Take a sample; what cannot be read is None.

        Args:
            now_ns: the time, in nanoseconds since the Unix epoch.
        """
        host = cpu_time(self._root)
        times, detail = cpu(self.folders, host.online)
        memory, of_memory = read_memory(self.folders)
        devices, transfers = io(self.folders, self._device)
        tasks, tasks_limit = pids(self.folders)
        return Sample(
            read_at=rfc3339(now_ns),
            source="kernel",
            cpu=times,
            memory=memory,
            network=interfaces(self._root),
            io=devices,
            pids=tasks,
            pressure=pressure(self.folders),
            detail=replace(
                detail,
                system_seconds=host.system_seconds,
                memory=of_memory.memory,
                page_faults=of_memory.page_faults,
                tasks_limit=tasks_limit,
                transfers=transfers,
            ),
        )

    def specification(self) -> Specification:
        """The container's limits, as its cgroup has them."""
        return specification(self.folders)

    def limits(self) -> Limits | None:
        """The same as `/v1/self` has it; None where it cannot be read."""
        return limits(self.specification(), pids(self.folders)[0].limit)

    def processes(self, tasks: int | None = None) -> Processes | None:
        """The container's processes; None where they cannot be listed.

        Args:
            tasks: how many tasks there are, None where that is unknown: their states are read only
                where they are few.
        """
        folder = self._of_tasks
        return processes.processes(folder, self._root, tasks) if folder else None

    def listing(self) -> Listing | None:
        """What each of the container's processes is and uses; None where not all can be seen."""
        folder = self._of_tasks
        return processes.listing(folder, self._root) if folder else None

    def machine(self) -> Machine:
        """The machine, as it was when it was first asked for: some kernels take long over it."""
        if self._machine is None:
            self._machine = machine(self._root)
        return self._machine

    def started_at(self) -> float | None:
        """When the container's PID 1 started, Unix seconds; None where PID 1 is not its own.

        The same each time: the kernel's boot time moves with the clock.
        """
        if self._started is None and self.folders and self._is_of_init():
            self._started = processes.init_started_at(self._root)
        return self._started

    def filesystem(self) -> Filesystem | None:
        """The file system of the container's root, None where it cannot be read."""
        return filesystem(self._root, self._mounted.source if self._mounted else None)

    def cgroup_path(self, container: str) -> str | None:
        """The path of a container's cgroup as we see it, None where it does not name it."""
        return path_naming(self._cgroup, container)

    @property
    def is_local(self) -> bool:
        """Whether the kernel knows all figures by itself: no server's, and no program's (lxcfs)."""
        known = self._mounted is not None and self._mounted.type in _LOCAL
        return known and not self._is_served

    @property
    def _of_tasks(self) -> str | None:
        return self.folders.get("pids") or self.folders.get("memory") or self.folders.get(UNIFIED)

    def _is_of_init(self) -> bool:
        """Whether PID 1 is in our cgroup; one outside of ours has a path that begins with `/..`."""
        ours = self._cgroup
        return "/.." not in ours and text(f"{self._root}/proc/1/cgroup") == ours


def filesystem(root: str, device: str | None) -> Filesystem | None:
    """Size and inodes of the root's file system: statvfs(3); None where they cannot be read.

    An overlay has the figures of the file system below it.

    Args:
        root: the prefix below which files are read, without a slash at its end.
        device: what is mounted there; None where that is unknown.
    """
    if device is None:
        return None
    try:
        figures = os.statvfs(f"{root}/")
    except OSError:
        return None
    return Filesystem(device, figures.f_blocks * figures.f_frsize, figures.f_files, figures.f_ffree)


def specification(folders: Mapping[str, str]) -> Specification:
    """The limits in force; what cannot be read is None.

    Args:
        folders: the container's cgroup by controller of v1, and of v2 by `UNIFIED`.
    """
    unified = folders.get(UNIFIED)
    limit, shares = memory_limit(folders), None
    swap, reservation = None, None
    if folder := folders.get("memory"):
        swap = limit_of(read_figures(f"{folder}/memory.memsw.limit_in_bytes"))
        reservation = limit_of(read_figures(f"{folder}/memory.soft_limit_in_bytes"))
    elif unified:
        swap = _memory_and_swap(limit, read_figures(f"{unified}/memory.swap.max"))
        reservation = limit_of(read_figures(f"{unified}/memory.low"))
    if folder := folders.get("cpu"):
        shares = number(f"{folder}/cpu.shares")
    elif unified and number(f"{unified}/cpu.weight") == _DEFAULT_WEIGHT:
        # Runtimes turn shares into weights by two formulas; only for the default can we go back.
        shares = DEFAULT_SHARES
    return Specification(limit, swap, reservation, shares, *cpu_quota(folders))


def _memory_and_swap(limit: int | None, content: bytes | None) -> int | None:
    """The limit of memory and swap together, as engines and v1 have it: v2 limits swap alone."""
    swap = (content or b"").strip()
    if limit is None or not swap:
        return None
    if limit == 0 or swap == b"max":
        return 0
    alone = count(swap)
    return None if alone is None else limit + alone


def limits(specification: Specification, tasks: int | None) -> Limits | None:
    """The limits as an engine reports them, None where not even memory's can be read. Pure.

    The CPUs it may run on are left out: v1 shows those of the machine where none were chosen.

    Args:
        specification: 0 is unlimited in it.
        tasks: how many there may be; None is unlimited.
    """
    if specification.memory_bytes is None:
        return None
    shares = specification.cpu_shares
    return Limits(
        cpus=cpus(specification.cpu_quota, specification.cpu_period),
        cpu_shares=None if shares == DEFAULT_SHARES else shares,
        memory_bytes=specification.memory_bytes or None,
        memory_reservation_bytes=specification.memory_reservation_bytes or None,
        memory_swap_bytes=specification.memory_swap_bytes or None,
        pids=tasks,
    )
