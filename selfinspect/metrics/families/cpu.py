"""CPU time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.metrics.families.family import Point, family, point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.metrics.families.family import Family
    from selfinspect.model import Sample


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
