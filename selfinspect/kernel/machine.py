"""The machine that a container runs on, and the CPU time its own is measured against.

Traffic of the network namespace's interfaces, from `/proc/self/net/dev`.

Names of block devices.

The file system that the container's root lies on: statvfs(3).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from selfinspect.kernel.files import count, keyed, read, read_figures, text
from selfinspect.model import Filesystem, Interface, Machine

_USER_HZ = 100  # of the kernel's interface to programs, whatever its own tick is
_COUNTED = 7


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
    total = next((line[1 : 1 + _COUNTED] for line in lines if line[0] == b"cpu"), [])
    ticks = [tick for tick in map(count, total) if tick is not None]
    online = sum(line[0].removeprefix(b"cpu").isdigit() for line in lines)
    return CpuTime(
        system_seconds=sum(ticks) / _USER_HZ if len(ticks) == _COUNTED else None,
        online=online or None,
    )


def machine(root: str) -> Machine:
    """The machine's CPUs, memory and kernel, from files of `/proc` below `root`.

    Formats: proc_cpuinfo(5), proc_meminfo(5). Physical cores and sockets are known only where the
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


_COLUMNS = 16
_OF_THE_HOST = ("veth", "docker")


def interfaces(root: str) -> dict[str, Interface] | None:
    """The counters of each interface, None where the file cannot be read or makes no sense.

    Loopback, and interfaces with which an engine links its own containers, are left out.
    Whether the network is the container's alone is not told here.
    """
    heading, _, content = (read_figures(f"{root}/proc/self/net/dev") or b"").rpartition(b"|")
    if not heading:
        return None
    found: dict[str, Interface] = {}
    for line in content.splitlines()[1:]:
        name, _, columns = line.strip().rpartition(b": ")
        interface = name.decode(errors="replace")
        if interface == "lo" or interface.startswith(_OF_THE_HOST):
            continue
        counters = [count(word) for word in columns.split()]
        if interface and len(counters) == _COLUMNS:
            found[interface] = Interface(*counters[:4], *counters[8:12])
    return found


_NAME = b"DEVNAME="


class Devices:
    """Names by number, looked up once each in `/sys/dev/block` below a root."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._names: dict[tuple[int, int], str] = {}

    def __call__(self, major: int, minor: int) -> str:
        """The device's file, `/dev/sda`, or its numbers, `8:0`, where it has no known name."""
        known = self._names.get((major, minor))
        if known is None:
            known = self._look_up(f"{major}:{minor}")
            if known.startswith("/"):
                self._names[major, minor] = known
        return known

    def _look_up(self, numbers: str) -> str:
        event = read(f"{self._root}/sys/dev/block/{numbers}/uevent") or b""
        for line in event.splitlines():
            if line.startswith(_NAME) and len(line) > len(_NAME):
                return "/dev/" + line.removeprefix(_NAME).decode(errors="replace")
        return numbers


def filesystem(root: str, device: str | None) -> Filesystem | None:
    """Its size and inodes, None where they or its device cannot be told.

    An overlay has the figures of the file system below it.

    Args:
        root: the prefix below which files are read, without a slash at its end.
        device: what is mounted there.
    """
    if device is None:
        return None
    try:
        figures = os.statvfs(f"{root}/")
    except OSError:
        return None
    return Filesystem(device, figures.f_blocks * figures.f_frsize, figures.f_files, figures.f_ffree)


_LISTENING = "0A"  # TCP_LISTEN in the kernel's include/net/tcp_states.h


def listens_here(port: int, root: str = "") -> bool:
    """Whether a process that we see, and may look into, listens on a TCP port.

    Args:
        port: on whichever address.
        root: the prefix below which `/proc` is read.
    """
    sockets = _listening(port, root)
    with suppress(OSError):
        with os.scandir(f"{root}/proc") as entries:
            processes = [entry.path for entry in entries if entry.name.isdecimal()]
        return bool(sockets) and any(_holds(process, sockets) for process in processes)
    return False


def _listening(port: int, root: str) -> set[str]:
    """The sockets that listen on a port, as /proc/PID/fd names them; of proc(5)."""
    rows = (
        line.split()
        for table in ("tcp", "tcp6")
        for line in text(f"{root}/proc/net/{table}").splitlines()[1:]
    )
    return {
        f"socket:[{row[9]}]"
        for row in rows
        if row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == port
    }


def _holds(process: str, sockets: set[str]) -> bool:
    with suppress(OSError), os.scandir(f"{process}/fd") as entries:
        for entry in entries:
            with suppress(OSError):
                if str(Path(entry.path).readlink()) in sockets:
                    return True
    return False
