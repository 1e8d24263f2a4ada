"""Figures of a container from the files of cgroup v2, all in one folder.

Formats: the kernel's admin-guide/cgroup-v2. A file that is missing or makes no sense leaves
only its own figures unknown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.kernel.files import count, keyed, number, read_figures
from selfinspect.kernel.memory import memory as memory_parts
from selfinspect.model import Cpu, Detail, Device, Memory, Pressure, Stall, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable

_FIGURES = (b"rbytes", b"wbytes", b"rios", b"wios")
_OPERATIONS = {"Read": b"rbytes", "Write": b"wbytes", "Discard": b"dbytes"}
"""As v1 calls them."""


def cpu(folder: str) -> tuple[Cpu, Detail]:
    """CPU time. The share on each CPU is not reported."""
    stat = keyed(f"{folder}/cpu.stat")
    limit, _, every = (read_figures(f"{folder}/cpu.max") or b"").partition(b" ")
    quota, period = count(limit), count(every)
    held_back = stat if quota else {}
    return (
        Cpu(
            usage_seconds=_seconds(stat.get("usage_usec")),
            user_seconds=_seconds(stat.get("user_usec")),
            system_seconds=_seconds(stat.get("system_usec")),
            periods=held_back.get("nr_periods"),
            throttled_periods=held_back.get("nr_throttled"),
            throttled_seconds=_seconds(held_back.get("throttled_usec")),
        ),
        Detail(
            quota_cpus=quota / period if quota and period else None,
            burst_periods=held_back.get("nr_bursts"),
            burst_seconds=_seconds(held_back.get("burst_usec")),
        ),
    )


def memory(folder: str) -> tuple[Memory, Detail]:
    """Memory; the peak is known from Linux 5.19 on."""
    events = keyed(f"{folder}/memory.events")
    figures, detail = memory_parts(
        keyed(f"{folder}/memory.stat"),
        usage=number(f"{folder}/memory.current"),
        limit=number(f"{folder}/memory.max"),
        peak=number(f"{folder}/memory.peak"),
        swap=number(f"{folder}/memory.swap.current"),
        failcnt=events.get("max"),
        oom_kills=events.get("oom_kill"),
    )
    return figures, replace(detail, high_events=events.get("high"), max_events=events.get("max"))


def io(
    folder: str, device: Callable[[int, int], str]
) -> tuple[dict[str, Device] | None, tuple[Transfer, ...]]:
    """Traffic with each block device, None where there is no `io.stat`; its bytes by operation."""
    content = read_figures(f"{folder}/io.stat")
    if content is None:
        return None, ()
    found: dict[str, Device] = {}
    transfers: list[Transfer] = []
    for line in content.splitlines():
        # Some kernels forget the line break after a device without figures, so that the
        # figures of a line are those of the last device named in it.
        words = line.split()
        major, _, minor = next((w for w in reversed(words) if b"=" not in w), b"").partition(b":")
        key = count(major), count(minor)
        figures = {name: count(value) for name, _, value in (w.partition(b"=") for w in words)}
        if key[0] is not None and key[1] is not None and figures.keys() & _FIGURES:
            name = device(key[0], key[1])
            found[name] = Device(*map(figures.get, _FIGURES))
            transfers += (
                Transfer(name, key[0], key[1], operation, value)
                for operation, figure in _OPERATIONS.items()
                if (value := figures.get(figure)) is not None
            )
    return found, tuple(transfers)


def pressure(folder: str) -> Pressure:
    """Pressure stall information; unknown where the kernel keeps none."""
    return Pressure(
        cpu=_stall(f"{folder}/cpu.pressure"),
        memory=_stall(f"{folder}/memory.pressure"),
        io=_stall(f"{folder}/io.pressure"),
    )


def _stall(path: str) -> Stall:
    totals = {
        line.partition(b" ")[0]: count(line.rpartition(b"total=")[2])
        for line in (read_figures(path) or b"").splitlines()
        if b" total=" in line
    }
    return Stall(_seconds(totals.get(b"some")), _seconds(totals.get(b"full")))


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / 1e6
