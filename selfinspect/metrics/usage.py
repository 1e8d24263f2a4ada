"""The container's use of CPU, memory, tasks, network and disks, from a sample. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from selfinspect.metrics.family import Point, families, family, point

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selfinspect.metrics.family import Family
    from selfinspect.model import Filesystem, Processes, Sample

_NEVER_REPORTED = re.compile(r"lo|(veth|docker).*")


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
    yield from families(
        "container_cpu_",
        user_seconds_total=figures.user_seconds,
        system_seconds_total=figures.system_seconds,
        cfs_periods_total=figures.periods,
        cfs_throttled_periods_total=figures.throttled_periods,
        cfs_throttled_seconds_total=figures.throttled_seconds,
        **detail.cpu,
    )


def memory(sample: Sample) -> Iterator[Family]:
    """Memory charged to the container, and what became of its pages."""
    figures, detail = sample.memory, sample.detail
    yield from families(
        "container_memory_",
        usage_bytes=figures.usage_bytes,
        working_set_bytes=figures.working_set_bytes,
        rss=figures.rss_bytes,
        cache=figures.cache_bytes,
        swap=figures.swap_bytes,
        max_usage_bytes=figures.peak_bytes,
        **detail.memory,
    )
    yield family(
        "container_memory_failures_total",
        [
            Point(value, {"failure_type": kind, "scope": scope})
            for kind, scopes in detail.page_faults.items()
            for scope, value in scopes.items()
            if value is not None
        ],
    )
    yield family("container_oom_events_total", point(figures.oom_kills))


def tasks(sample: Sample) -> Iterator[Family]:
    """Tasks in the container, and how many it may have; 0 is unlimited."""
    yield from families(
        "container_", threads=sample.pids.current, threads_max=sample.detail.tasks_limit
    )


def processes(found: Processes) -> Iterator[Family]:
    """Processes in the container, what they hold open, and how many tasks are in each state."""
    yield from families(
        "container_",
        processes=found.count,
        file_descriptors=found.file_descriptors,
        sockets=found.sockets,
    )
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
        yield from families(
            f"container_pressure_{resource}_",
            waiting_seconds_total=stall.waiting_seconds,
            stalled_seconds_total=stall.stalled_seconds,
        )


def network(sample: Sample) -> Iterator[Family]:
    """Traffic of each interface."""
    interfaces = {
        name: interface
        for name, interface in (sample.network or {}).items()
        if not _NEVER_REPORTED.fullmatch(name)
    }
    for direction, prefix in (("receive", "rx"), ("transmit", "tx")):
        for what in ("bytes", "packets", "errors", "packets_dropped"):
            field = f"{prefix}_{what.removeprefix('packets_')}"
            yield family(
                f"container_network_{direction}_{what}_total",
                _field_by("interface", interfaces, field),
            )


def io(sample: Sample) -> Iterator[Family]:
    """What was read from and written to each device."""
    for name, field in (
        ("reads_bytes", "read_bytes"),
        ("writes_bytes", "write_bytes"),
        ("reads", "reads"),
        ("writes", "writes"),
    ):
        yield family(f"container_fs_{name}_total", _field_by("device", sample.io or {}, field))
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


def _field_by(label: str, records: Mapping[str, object], field: str) -> list[Point]:
    """A field of each record that has it, by the record's name."""
    return [
        Point(value, {label: name})
        for name, record in records.items()
        if (value := getattr(record, field)) is not None
    ]


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
