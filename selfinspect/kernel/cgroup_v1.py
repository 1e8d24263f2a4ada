"""Figures of a container from the files of cgroup v1, each controller in a folder of its own.

Formats: the kernel's admin-guide/cgroup-v1. A file that is missing or makes no sense leaves
only its own figures unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from selfinspect.kernel.files import count, keyed, number, read_figures
from selfinspect.kernel.memory import memory as memory_parts
from selfinspect.model import Cpu, Detail, Device, Memory, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable

_Counters: TypeAlias = "dict[tuple[int, int], dict[bytes, int]]"

_USER_HZ = 100  # of the kernel's interface to programs, whatever its own tick is


def cpu(accounting: str | None, bandwidth: str | None) -> tuple[Cpu, Detail]:
    """CPU time, and its share on each possible CPU.

    Args:
        accounting: the folder of the `cpuacct` controller.
        bandwidth: the folder of the `cpu` controller.
    """
    usage = number(f"{accounting}/cpuacct.usage") if accounting else None
    ticks = keyed(f"{accounting}/cpuacct.stat") if accounting else {}
    shares = (read_figures(f"{accounting}/cpuacct.usage_percpu") or b"") if accounting else b""
    each = [count(word) for word in shares.split()]
    quota = number(f"{bandwidth}/cpu.cfs_quota_us") if bandwidth else None
    period = number(f"{bandwidth}/cpu.cfs_period_us") if quota else None
    held_back = keyed(f"{bandwidth}/cpu.stat") if quota else {}
    user, system = ticks.get("user"), ticks.get("system")
    throttled, burst = held_back.get("throttled_time"), held_back.get("burst_time")
    return (
        Cpu(
            usage_seconds=None if usage is None else usage / 1e9,
            user_seconds=None if user is None else user / _USER_HZ,
            system_seconds=None if system is None else system / _USER_HZ,
            periods=held_back.get("nr_periods"),
            throttled_periods=held_back.get("nr_throttled"),
            throttled_seconds=None if throttled is None else throttled / 1e9,
        ),
        Detail(
            # A word that makes no sense would shift the numbers of the CPUs after it.
            per_cpu_seconds=()
            if None in each
            else tuple(value / 1e9 for value in each if value is not None),
            quota_cpus=quota / period if quota and period else None,
            burst_periods=held_back.get("nr_bursts"),
            burst_seconds=None if burst is None else burst / 1e9,
        ),
    )


def memory(folder: str) -> tuple[Memory, Detail]:
    """Memory, from the folder of the `memory` controller."""
    return memory_parts(
        keyed(f"{folder}/memory.stat"),
        usage=number(f"{folder}/memory.usage_in_bytes"),
        limit=number(f"{folder}/memory.limit_in_bytes"),
        peak=number(f"{folder}/memory.max_usage_in_bytes"),
        kernel=number(f"{folder}/memory.kmem.usage_in_bytes"),
        failcnt=number(f"{folder}/memory.failcnt"),
        oom_kills=keyed(f"{folder}/memory.oom_control").get("oom_kill"),
    )


def io(
    folder: str, device: Callable[[int, int], str]
) -> tuple[dict[str, Device] | None, tuple[Transfer, ...]]:
    """Traffic with each block device, and its bytes by operation; from the `blkio` folder.

    A device that BFQ schedules is counted in BFQ's own files: they count where those of the
    throttling policy, which is asked first, have nothing of a device.

    None where no file of its counters is there.
    """
    volume = _counted(folder, "io_service_bytes")
    number_of = _counted(folder, "io_serviced")
    if volume is None and number_of is None:
        return None, ()
    volume, number_of = volume or {}, number_of or {}
    devices = {
        device(*key): Device(
            read_bytes=volume.get(key, {}).get(b"Read"),
            write_bytes=volume.get(key, {}).get(b"Write"),
            reads=number_of.get(key, {}).get(b"Read"),
            writes=number_of.get(key, {}).get(b"Write"),
        )
        for key in volume | number_of
    }
    transfers = (
        Transfer(device(*key), *key, operation.decode(errors="replace"), value)
        for key, operations in volume.items()
        for operation, value in operations.items()
    )
    return devices, tuple(transfers)


def _counted(folder: str, what: str) -> _Counters | None:
    """A counter of either policy, None where neither has it."""
    throttle = _operations(folder, f"blkio.throttle.{what}")
    bfq = _parsed(read_figures(f"{folder}/blkio.bfq.{what}_recursive"))
    if throttle is None or bfq is None:
        return bfq if throttle is None else throttle
    return throttle | {
        key: operations
        for key, operations in bfq.items()
        if not any(throttle.get(key, {}).values())
    }


def _operations(folder: str, name: str) -> _Counters | None:
    """A counter by device and operation; older kernels have no `_recursive` files."""
    content = read_figures(f"{folder}/{name}_recursive")
    return _parsed(read_figures(f"{folder}/{name}") if content is None else content)


def _parsed(content: bytes | None) -> _Counters | None:
    """The text of such a file."""
    if content is None:
        return None
    found: _Counters = {}
    for words in map(bytes.split, content.splitlines()):
        if len(words) != 3:  # noqa: PLR2004  device, operation, value; the sum has two
            continue
        major, _, minor = words[0].partition(b":")
        key, value = (count(major), count(minor)), count(words[2])
        if key[0] is not None and key[1] is not None and value is not None:
            found.setdefault((key[0], key[1]), {})[words[1]] = value
    return found
