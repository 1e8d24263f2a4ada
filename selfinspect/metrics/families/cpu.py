"""CPU time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.metrics.families.family import Point, family, point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.metrics.families.family import Family
    from selfinspect.model import Sample


def cpu(sample: Sample) -> Iterator[Family]:
    """CPU time, and how a quota held it back."""
    per_cpu = sample.detail.per_cpu_seconds
    yield family(
        "container_cpu_usage_seconds",
        "counter",
        "CPU time used, in seconds.",
        [Point(seconds, {"cpu": f"cpu{number:02d}"}) for number, seconds in enumerate(per_cpu)]
        if per_cpu
        else point(sample.cpu.usage_seconds, cpu="total"),
    )
    for name, value, text in (
        ("cpu_user_seconds", sample.cpu.user_seconds, "CPU time used in user mode, in seconds."),
        (
            "cpu_system_seconds",
            sample.cpu.system_seconds,
            "CPU time used in the kernel, in seconds.",
        ),
        ("cpu_cfs_periods", sample.cpu.periods, "Periods in which the quota was enforced."),
        ("cpu_cfs_throttled_periods", sample.cpu.throttled_periods, "Periods cut short."),
        ("cpu_cfs_throttled_seconds", sample.cpu.throttled_seconds, "Time held back, in seconds."),
    ):
        yield family(f"container_{name}", "counter", text, point(value))
