"""A sample of the container's resources from the kernel's files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.kernel import cgroup_v1, cgroup_v2
from selfinspect.kernel.devices import Devices
from selfinspect.kernel.files import number, text
from selfinspect.kernel.hierarchy import UNIFIED, directories
from selfinspect.kernel.machine import machine
from selfinspect.kernel.net import interfaces
from selfinspect.model import Cpu, Detail, Device, Memory, Pids, Pressure, Sample
from selfinspect.times import rfc3339

if TYPE_CHECKING:
    from pathlib import Path


class CgroupReader:
    """Reads samples of the container that this process is in.

    Where the container's cgroup lies is found once, when the reader is made. v1 and v2 may be
    there side by side: each controller is read where it is bound.
    """

    def __init__(self, root: Path) -> None:
        """Find the container's cgroup.

        Args:
            root: the folder in which `proc` and `sys` lie.
        """
        self._root = str(root).rstrip("/")
        self._device = Devices(self._root)
        self.folders = directories(
            text(f"{self._root}/proc/self/cgroup"),
            text(f"{self._root}/proc/self/mountinfo"),
            _link(root / "proc/self/ns/cgroup"),
            self._root,
        )

    def read(self, now_ns: int) -> Sample:
        """Take a sample; what cannot be known is None.

        Args:
            now_ns: the time, in nanoseconds since the Unix epoch.
        """
        host = machine(self._root)
        cpu, per_cpu = self._cpu()
        memory, detail = self._memory()
        return Sample(
            read_at=rfc3339(now_ns),
            source="kernel",
            cpu=replace(cpu, online=host.online),
            memory=memory,
            network=interfaces(self._root),
            io=self._io(),
            pids=self._pids(),
            pressure=self._pressure(),
            detail=replace(detail, system_seconds=host.system_seconds, per_cpu_seconds=per_cpu),
        )

    def _cpu(self) -> tuple[Cpu, tuple[float, ...]]:
        accounting, bandwidth = self.folders.get("cpuacct"), self.folders.get("cpu")
        if accounting or bandwidth:
            return cgroup_v1.cpu(accounting, bandwidth)
        unified = self.folders.get(UNIFIED)
        return (cgroup_v2.cpu(unified) if unified else Cpu()), ()

    def _memory(self) -> tuple[Memory, Detail]:
        if folder := self.folders.get("memory"):
            return cgroup_v1.memory(folder)
        unified = self.folders.get(UNIFIED)
        return cgroup_v2.memory(unified) if unified else (Memory(), Detail())

    def _io(self) -> dict[str, Device] | None:
        if folder := self.folders.get("blkio"):
            return cgroup_v1.io(folder, self._device)
        unified = self.folders.get(UNIFIED)
        return cgroup_v2.io(unified, self._device) if unified else None

    def _pids(self) -> Pids:
        folder = self.folders.get("pids") or self.folders.get(UNIFIED)
        if not folder:
            return Pids()
        return Pids(number(f"{folder}/pids.current"), number(f"{folder}/pids.max"))

    def _pressure(self) -> Pressure:
        unified = self.folders.get(UNIFIED)
        return cgroup_v2.pressure(unified) if unified else Pressure()


def read_sample(root: Path, now_ns: int) -> Sample:
    """One sample from the kernel's files below `root`, taken at `now_ns`."""
    return CgroupReader(root).read(now_ns)


def _link(path: Path) -> str | None:
    try:
        return str(path.readlink())
    except OSError:
        return None
