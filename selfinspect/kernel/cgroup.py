"""CPU time, block I/O, tasks and pressure, from the files of the container's cgroup.

`folders` is throughout the container's cgroup by controller of v1, and of v2 by `UNIFIED`. Both
versions may be there side by side: each controller is read where it is bound. A file that is
missing or malformed leaves only its own figures unknown.
Formats: the kernel's admin-guide/cgroup-v1 and admin-guide/cgroup-v2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from selfinspect.kernel.files import count, keyed, limit_of, number, read_figures
from selfinspect.kernel.limits import cpu_quota, cpus
from selfinspect.kernel.proc_self import UNIFIED
from selfinspect.model import Cpu, Detail, Device, Pids, Pressure, Stall, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    _Name = Callable[[int, int], str]

Counters: TypeAlias = "dict[tuple[int, int], dict[str, int]]"
Io: TypeAlias = "tuple[dict[str, Device] | None, tuple[Transfer, ...]]"

USER_HZ = 100  # of the kernel's interface to programs, whatever its own tick is
_NANO, _MICRO = 1e9, 1e6

_DEVICE_FIGURES = (b"rbytes", b"wbytes", b"rios", b"wios")
_WAYS = ("Read", "Write")
_OPERATIONS = {"Read": b"rbytes", "Write": b"wbytes", "Discard": b"dbytes"}
"""As v1 calls them."""


def cpu(folders: Mapping[str, str], online: int | None = None) -> tuple[Cpu, Detail]:
    """CPU time, and how a quota held it back; the time on each possible CPU on v1 alone.

    Args:
        folders: the container's cgroup.
        online: the machine's CPUs that are online.
    """
    accounting, bandwidth, unified = map(folders.get, ("cpuacct", "cpu", UNIFIED))
    quota, period = cpu_quota(folders)
    per_cpu: tuple[float, ...] = ()
    if accounting or bandwidth:
        ticks = keyed(f"{accounting}/cpuacct.stat") if accounting else {}
        usage = _scaled(number(f"{accounting}/cpuacct.usage"), _NANO) if accounting else None
        user, system = (_scaled(ticks.get(mode), USER_HZ) for mode in ("user", "system"))
        per_cpu = _per_cpu(accounting) if accounting else ()
        stat = keyed(f"{bandwidth}/cpu.stat") if bandwidth and quota else {}
        throttled, burst, unit = "throttled_time", "burst_time", _NANO
    else:
        stat = keyed(f"{unified}/cpu.stat") if unified else {}
        usage, user, system = (
            _scaled(stat.get(f"{each}_usec"), _MICRO) for each in ("usage", "user", "system")
        )
        throttled, burst, unit = "throttled_usec", "burst_usec", _MICRO
    held_back = stat if quota else {}
    return (
        Cpu(
            usage_seconds=usage,
            user_seconds=user,
            system_seconds=system,
            online=online,
            periods=held_back.get("nr_periods"),
            throttled_periods=held_back.get("nr_throttled"),
            throttled_seconds=_scaled(held_back.get(throttled), unit),
        ),
        Detail(
            per_cpu_seconds=per_cpu,
            quota_cpus=cpus(quota, period),
            cpu={
                "cfs_burst_periods_total": held_back.get("nr_bursts"),
                "cfs_burst_seconds_total": _scaled(held_back.get(burst), unit),
            },
        ),
    )


def _per_cpu(folder: str) -> tuple[float, ...]:
    each = [count(word) for word in (read_figures(f"{folder}/cpuacct.usage_percpu") or b"").split()]
    seconds = tuple(nano / _NANO for nano in each if nano is not None)
    # A malformed word would shift the numbers of the CPUs after it.
    return seconds if len(seconds) == len(each) else ()


def io(folders: Mapping[str, str], device: _Name) -> Io:
    """Traffic with each block device, and its bytes by operation.

    None where the counters are not there: no device then means no traffic yet.

    Args:
        folders: the container's cgroup.
        device: names a block device by its major and minor number.
    """
    if folder := folders.get("blkio"):
        volume, number_of = (_counters(folder, each) for each in ("service_bytes", "serviced"))
        return io_of(volume, number_of, device)
    return _io_v2(folders[UNIFIED], device) if UNIFIED in folders else (None, ())


def io_of(volume: Counters | None, number_of: Counters | None, device: _Name) -> Io:
    """The same from its parts: bytes, and how many operations, by device and operation. Pure."""
    if volume is None and number_of is None:
        return None, ()
    counters = volume or {}, number_of or {}
    devices = {
        device(*key): Device(*(each.get(key, {}).get(way) for each in counters for way in _WAYS))
        for key in counters[0] | counters[1]
    }
    transfers = (
        Transfer(device(*key), *key, operation, value)
        for key, operations in counters[0].items()
        for operation, value in operations.items()
    )
    return devices, tuple(transfers)


def _counters(folder: str, what: str) -> Counters | None:
    """A counter by device and operation, None where neither policy has it.

    A device that BFQ schedules is counted in BFQ's own files: they count where those of the
    throttling policy have nothing of a device.
    """
    throttle = f"{folder}/blkio.throttle.io_{what}"
    # Older kernels have no `_recursive` files.
    content = read_figures(f"{throttle}_recursive")
    throttled = _by_device(read_figures(throttle) if content is None else content)
    bfq = _by_device(read_figures(f"{folder}/blkio.bfq.io_{what}_recursive"))
    if throttled is None or bfq is None:
        return bfq if throttled is None else throttled
    return throttled | {
        key: operations
        for key, operations in bfq.items()
        if not any(throttled.get(key, {}).values())
    }


def _by_device(content: bytes | None) -> Counters | None:
    if content is None:
        return None
    found: Counters = {}
    for words in map(bytes.split, content.splitlines()):
        if len(words) != 3:  # noqa: PLR2004  device, operation, value; the sum has two
            continue
        key, value = _numbers(words[0]), count(words[2])
        if key is not None and value is not None:
            found.setdefault(key, {})[words[1].decode(errors="replace")] = value
    return found


def _numbers(word: bytes) -> tuple[int, int] | None:
    """The major and minor number of a device, from `8:0`."""
    major, _, minor = word.partition(b":")
    numbers = count(major), count(minor)
    return None if numbers[0] is None or numbers[1] is None else (numbers[0], numbers[1])


def _io_v2(folder: str, device: _Name) -> Io:
    content = read_figures(f"{folder}/io.stat")
    if content is None:
        return None, ()
    found: dict[str, Device] = {}
    transfers: list[Transfer] = []
    for line in content.splitlines():
        # Some kernels forget the line break after a device without figures, so that the
        # figures of a line are those of the last device named in it.
        words = line.split()
        key = _numbers(next((word for word in reversed(words) if b"=" not in word), b""))
        figures = {name: count(value) for name, _, value in (w.partition(b"=") for w in words)}
        if key is not None and figures.keys() & _DEVICE_FIGURES:
            name = device(*key)
            found[name] = Device(*map(figures.get, _DEVICE_FIGURES))
            transfers += (
                Transfer(name, *key, operation, value)
                for operation, figure in _OPERATIONS.items()
                if (value := figures.get(figure)) is not None
            )
    return found, tuple(transfers)


def pids(folders: Mapping[str, str]) -> tuple[Pids, int | None]:
    """The tasks, and their limit as it is written: 0 for `max`, None where there is none."""
    folder = folders.get("pids") or folders.get(UNIFIED)
    if not folder:
        return Pids(), None
    limit = limit_of(read_figures(f"{folder}/pids.max"))
    return Pids(number(f"{folder}/pids.current"), limit or None), limit


def pressure(folders: Mapping[str, str]) -> Pressure:
    """Pressure stall information, of v2 alone; unknown where the kernel keeps none."""
    if not (folder := folders.get(UNIFIED)):
        return Pressure()
    return Pressure(*(_stall(f"{folder}/{each}.pressure") for each in ("cpu", "memory", "io")))


def _stall(path: str) -> Stall:
    totals = {
        line.partition(b" ")[0]: count(line.rpartition(b"total=")[2])
        for line in (read_figures(path) or b"").splitlines()
        if b" total=" in line
    }
    return Stall(_scaled(totals.get(b"some"), _MICRO), _scaled(totals.get(b"full"), _MICRO))


def _scaled(value: int | None, unit: float) -> float | None:
    return None if value is None else value / unit
