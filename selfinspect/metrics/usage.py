"""CPU time.

Memory.

Threads, processes, and what they hold open.

Pressure stall information.

Network traffic.

Block devices and the file system.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from selfinspect.metrics.family import Point, family, point

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selfinspect.metrics.family import Family
    from selfinspect.model import Filesystem, Interface, Processes, Sample


def cpu(sample: Sample) -> Iterator[Family]:
    """CPU time, and how a quota held it back.

    By CPU the kernel counts each *possible* one, of which a virtual machine may have a hundred
    more than it has: one that was never used has no series.
    """
    figures, detail = sample.cpu, sample.detail
    yield family(
        "container_cpu_usage_seconds_total",
        [
            Point(seconds, {"cpu": f"cpu{number:02d}"})
            for number, seconds in enumerate(detail.per_cpu_seconds)
            if seconds
        ]
        if detail.per_cpu_seconds
        else point(figures.usage_seconds, cpu="total"),
    )
    for name, value in (
        ("user_seconds", figures.user_seconds),
        ("system_seconds", figures.system_seconds),
        ("cfs_periods", figures.periods),
        ("cfs_throttled_periods", figures.throttled_periods),
        ("cfs_throttled_seconds", figures.throttled_seconds),
        ("cfs_burst_periods", detail.burst_periods),
        ("cfs_burst_seconds", detail.burst_seconds),
    ):
        yield family(f"container_cpu_{name}_total", point(value))


def memory(sample: Sample) -> Iterator[Family]:
    """Memory charged to the container, and what became of its pages."""
    figures, detail = sample.memory, sample.detail
    for name, value in (
        ("usage_bytes", figures.usage_bytes),
        ("working_set_bytes", figures.working_set_bytes),
        ("rss", figures.rss_bytes),
        ("cache", figures.cache_bytes),
        ("swap", figures.swap_bytes),
        ("mapped_file", detail.mapped_file_bytes),
        ("kernel_usage", detail.kernel_bytes),
        ("max_usage_bytes", figures.peak_bytes),
        ("total_active_file_bytes", detail.active_file_bytes),
        ("total_inactive_file_bytes", detail.inactive_file_bytes),
        ("file_dirty_bytes", detail.dirty_bytes),
        ("file_writeback_bytes", detail.writeback_bytes),
        ("failcnt", detail.failcnt),
        ("workingset_refault_file_total", detail.file_refaults),
        ("workingset_refault_anon_total", detail.anon_refaults),
        ("pgscan_total", detail.pages_scanned),
        ("pgsteal_total", detail.pages_stolen),
        ("events_high_total", detail.high_events),
        ("events_max_total", detail.max_events),
    ):
        yield family(f"container_memory_{name}", point(value))
    yield family(
        "container_memory_failures_total",
        [
            Point(value, {"failure_type": kind, "scope": scope})
            for kind, scope, value in (
                ("pgfault", "container", detail.own_page_faults),
                ("pgfault", "hierarchy", detail.page_faults),
                ("pgmajfault", "container", detail.own_major_page_faults),
                ("pgmajfault", "hierarchy", detail.major_page_faults),
            )
            if value is not None
        ],
    )
    yield family("container_oom_events_total", point(figures.oom_kills))


def tasks(sample: Sample) -> Iterator[Family]:
    """Tasks in the container, and how many it may have; 0 is unlimited."""
    yield family("container_threads", point(sample.pids.current))
    yield family("container_threads_max", point(sample.detail.tasks_limit))


def processes(found: Processes) -> Iterator[Family]:
    """Processes in the container, what they hold open, and how many tasks are in each state."""
    for name, value in (
        ("processes", found.count),
        ("file_descriptors", found.file_descriptors),
        ("sockets", found.sockets),
    ):
        yield family(f"container_{name}", point(value))
    yield family(
        "container_tasks_state",
        [Point(number, {"state": state}) for state, number in found.tasks.items()],
    )


def pressure(sample: Sample) -> Iterator[Family]:
    """Time that tasks waited for each resource."""
    for resource, stall in (
        ("cpu", sample.pressure.cpu),
        ("memory", sample.pressure.memory),
        ("io", sample.pressure.io),
    ):
        for name, seconds in (
            ("waiting", stall.waiting_seconds),
            ("stalled", stall.stalled_seconds),
        ):
            yield family(f"container_pressure_{resource}_{name}_seconds_total", point(seconds))


_NEVER_REPORTED = re.compile(r"lo|(veth|docker).*")
_TRAFFIC = ("bytes", "packets", "errors", "dropped")


def network(sample: Sample) -> Iterator[Family]:
    """Traffic of each interface."""
    interfaces = {
        name: interface
        for name, interface in (sample.network or {}).items()
        if not _NEVER_REPORTED.fullmatch(name)
    }
    for direction, prefix in (("receive", "rx"), ("transmit", "tx")):
        for what in _TRAFFIC:
            name = "packets_dropped" if what == "dropped" else what
            yield family(
                f"container_network_{direction}_{name}_total",
                _traffic(interfaces, f"{prefix}_{what}"),
            )


def _traffic(interfaces: Mapping[str, Interface], field: str) -> list[Point]:
    return [
        Point(value, {"interface": name})
        for name, interface in interfaces.items()
        if (value := getattr(interface, field)) is not None
    ]


def io(sample: Sample) -> Iterator[Family]:
    """What was read from and written to each device."""
    for name, field in (
        ("reads_bytes", "read_bytes"),
        ("writes_bytes", "write_bytes"),
        ("reads", "reads"),
        ("writes", "writes"),
    ):
        yield family(
            f"container_fs_{name}_total",
            [
                Point(value, {"device": device})
                for device, figures in (sample.io or {}).items()
                if (value := getattr(figures, field)) is not None
            ],
        )
    yield family(
        "container_blkio_device_usage_total",
        [
            Point(
                each.bytes,
                {
                    "device": each.device,
                    "major": str(each.major),
                    "minor": str(each.minor),
                    "operation": each.operation,
                },
            )
            for each in sample.detail.transfers
        ],
    )


def filesystem(found: Filesystem, usage: int | None) -> Iterator[Family]:
    """The file system below the container's root.

    Args:
        found: its size and its inodes.
        usage: bytes of the container's own writable layer, None where they were not counted.
    """
    for name, value in (
        ("usage_bytes", usage),
        ("limit_bytes", found.size_bytes or None),
        ("inodes_free", found.inodes_free if found.inodes else None),
        ("inodes_total", found.inodes or None),
    ):
        yield family(f"container_fs_{name}", point(value, device=found.device))
