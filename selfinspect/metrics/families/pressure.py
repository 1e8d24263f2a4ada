"""Pressure stall information."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.metrics.families.family import family, point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.metrics.families.family import Family
    from selfinspect.model import Sample


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
