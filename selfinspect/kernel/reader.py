"""A sample of the container's resources from the kernel's files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.kernel import cgroup_v1, cgroup_v2, mountinfo
from selfinspect.kernel.cgroup_file import UNIFIED
from selfinspect.kernel.files import limit_of, number, read_figures, started_at, text
from selfinspect.kernel.hierarchy import directories, path_naming
from selfinspect.kernel.machine import Devices, cpu_time, filesystem, interfaces, machine
from selfinspect.kernel.processes import processes
from selfinspect.kernel.specification import limits, specification
from selfinspect.model import Cpu, Detail, Device, Memory, Pids, Pressure, Sample
from selfinspect.times import rfc3339

if TYPE_CHECKING:
    from pathlib import Path

    from selfinspect.model import (
        Filesystem,
        Limits,
        Machine,
        Processes,
        Specification,
        Transfer,
    )


class CgroupReader:
    """Reads samples of the container that this process is in.

    Where the container's cgroup lies, and what is mounted at its root, is found once, when the
    reader is made. v1 and v2 may be there side by side: each controller is read where it is bound.
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
        mounts = text(f"{self._root}/proc/self/mountinfo")
        self._mounted = mountinfo.mounted_at(mountinfo.parse(mounts), "/")
        self.folders = directories(
            self._cgroup,
            mounts,
            _link(root / "proc/self/ns/cgroup"),
            self._root,
        )

    def read(self, now_ns: int) -> Sample:
        """Take a sample; what cannot be known is None.

        Args:
            now_ns: the time, in nanoseconds since the Unix epoch.
        """
        host = cpu_time(self._root)
        cpu, cpu_detail = self._cpu()
        memory, detail = self._memory()
        io, transfers = self._io()
        pids, tasks_limit = self._pids()
        return Sample(
            read_at=rfc3339(now_ns),
            source="kernel",
            cpu=replace(cpu, online=host.online),
            memory=memory,
            network=interfaces(self._root),
            io=io,
            pids=pids,
            pressure=self._pressure(),
            detail=replace(
                detail,
                system_seconds=host.system_seconds,
                per_cpu_seconds=cpu_detail.per_cpu_seconds,
                quota_cpus=cpu_detail.quota_cpus,
                burst_periods=cpu_detail.burst_periods,
                burst_seconds=cpu_detail.burst_seconds,
                tasks_limit=tasks_limit,
                transfers=transfers,
            ),
        )

    def specification(self) -> Specification:
        """What binds the container, as its cgroup says."""
        return specification(self.folders)

    def limits(self) -> Limits | None:
        """The same as `/v1/self` has it; None where it cannot be read."""
        pids, _ = self._pids()
        return limits(self.specification(), pids.limit)

    def processes(self, tasks: int | None = None) -> Processes | None:
        """The container's processes; None where they cannot be listed.

        Args:
            tasks: how many tasks there are, where that is known: their states are read only where
                they are few.
        """
        folder = self.folders.get("pids") or self.folders.get("memory") or self.folders.get(UNIFIED)
        return processes(folder, self._root, tasks) if folder else None

    def machine(self) -> Machine:
        """The machine, as it was when it was first asked for: some kernels take long over it."""
        if self._machine is None:
            self._machine = machine(self._root)
        return self._machine

    def started_at(self) -> float | None:
        """When the container's PID 1 started, Unix seconds; None where PID 1 is not its own.

        The same each time: the kernel's boot time moves with the clock.
        """
        root = self._root
        if self._started is None and self.folders and self._is_of_init():
            self._started = started_at(text(f"{root}/proc/1/stat"), text(f"{root}/proc/stat"))
        return self._started

    def filesystem(self) -> Filesystem | None:
        """The file system of the container's root, None where it cannot be told."""
        return filesystem(self._root, self._mounted.source if self._mounted else None)

    def _is_of_init(self) -> bool:
        """Whether PID 1 is in our cgroup; one outside of ours has a path that begins with `/..`."""
        ours = self._cgroup
        return "/.." not in ours and text(f"{self._root}/proc/1/cgroup") == ours

    def cgroup_path(self, container: str) -> str | None:
        """The path of a container's cgroup as we see it, None where it does not name it."""
        return path_naming(self._cgroup, container)

    def _cpu(self) -> tuple[Cpu, Detail]:
        accounting, bandwidth = self.folders.get("cpuacct"), self.folders.get("cpu")
        if accounting or bandwidth:
            return cgroup_v1.cpu(accounting, bandwidth)
        unified = self.folders.get(UNIFIED)
        return cgroup_v2.cpu(unified) if unified else (Cpu(), Detail())

    def _memory(self) -> tuple[Memory, Detail]:
        if folder := self.folders.get("memory"):
            return cgroup_v1.memory(folder)
        unified = self.folders.get(UNIFIED)
        return cgroup_v2.memory(unified) if unified else (Memory(), Detail())

    def _io(self) -> tuple[dict[str, Device] | None, tuple[Transfer, ...]]:
        if folder := self.folders.get("blkio"):
            return cgroup_v1.io(folder, self._device)
        unified = self.folders.get(UNIFIED)
        return cgroup_v2.io(unified, self._device) if unified else (None, ())

    def _pids(self) -> tuple[Pids, int | None]:
        """The tasks, and their limit as it is written: 0 for `max`, None where there is none."""
        folder = self.folders.get("pids") or self.folders.get(UNIFIED)
        if not folder:
            return Pids(), None
        limit = limit_of(read_figures(f"{folder}/pids.max"))
        return Pids(number(f"{folder}/pids.current"), limit or None), limit

    def _pressure(self) -> Pressure:
        unified = self.folders.get(UNIFIED)
        return cgroup_v2.pressure(unified) if unified else Pressure()


def _link(path: Path) -> str | None:
    try:
        return str(path.readlink())
    except OSError:
        return None
