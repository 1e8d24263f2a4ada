"""The machine that the container runs on: its CPUs, memory and block devices."""

from __future__ import annotations

from typing import NamedTuple

from selfinspect.kernel.cgroup import USER_HZ
from selfinspect.kernel.files import count, keyed, read, read_figures, text
from selfinspect.model import Machine

_TIMES = 7  # columns of CPU time that the engine adds up, too
_DEVICE_NAME = b"DEVNAME="


class CpuTime(NamedTuple):
    """CPU time over all CPUs since boot, idle time included, and how many CPUs are online."""

    system_seconds: float | None
    online: int | None


def cpu_time(root: str) -> CpuTime:
    """The machine's CPU time as `/proc/stat` below `root` has it.

    As the engine does, it adds the first seven columns up: user, nice, system, idle, iowait,
    irq and softirq. Stolen time is left out, guest time is in user's already.
    """
    content = read_figures(f"{root}/proc/stat") or b""
    lines = [line.split() for line in content.splitlines() if line.startswith(b"cpu")]
    total = next((line[1 : 1 + _TIMES] for line in lines if line[0] == b"cpu"), [])
    ticks = [tick for tick in map(count, total) if tick is not None]
    online = sum(line[0].removeprefix(b"cpu").isdigit() for line in lines)
    return CpuTime(
        system_seconds=sum(ticks) / USER_HZ if len(ticks) == _TIMES else None,
        online=online or None,
    )


def machine(root: str) -> Machine:
    """The machine's CPUs, memory and kernel, from files of `/proc` below `root`.

    Formats: proc_cpuinfo(5), proc_meminfo(5). Physical cores and sockets are there only where the
    CPU reports them, as x86 does.
    """
    content = text(f"{root}/proc/cpuinfo")
    cpus, cores, packages = 0, set[tuple[str, str]](), set[str]()
    for block in content.split("\n\n"):
        fields = dict(_field(line) for line in block.splitlines())
        cpus += "processor" in fields
        package, core = fields.get("physical id"), fields.get("core id")
        if package is not None:
            packages.add(package)
            if core is not None:
                cores.add((package, core))
    memory = keyed(f"{root}/proc/meminfo", unit=b"kB")
    total, swap = memory.get("MemTotal:"), memory.get("SwapTotal:")
    return Machine(
        cpus=cpus or None,
        memory_bytes=None if total is None else total << 10,
        swap_bytes=None if swap is None else swap << 10,
        physical_cores=len(cores) or None,
        sockets=len(packages) or None,
        kernel=text(f"{root}/proc/sys/kernel/osrelease").strip() or None,
    )


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


class Devices:
    """Names of block devices by number, looked up once each in `/sys/dev/block` below a root."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._names: dict[tuple[int, int], str] = {}

    def __call__(self, major: int, minor: int) -> str:
        """The device's file, `/dev/sda`, or its numbers, `8:0`, where the kernel names none."""
        name = self._names.get((major, minor)) or self._look_up(f"{major}:{minor}")
        if name.startswith("/"):
            self._names[major, minor] = name
        return name

    def _look_up(self, numbers: str) -> str:
        event = read(f"{self._root}/sys/dev/block/{numbers}/uevent") or b""
        for line in event.splitlines():
            if line.startswith(_DEVICE_NAME) and len(line) > len(_DEVICE_NAME):
                return "/dev/" + line.removeprefix(_DEVICE_NAME).decode(errors="replace")
        return numbers
