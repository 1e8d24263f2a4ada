"""What binds the container, when it began, how it is, and that it was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect import times
from selfinspect.metrics.families.family import Point, family, point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.metrics.families.family import Family
    from selfinspect.model import Self, Specification


def specification(found: Specification) -> Iterator[Family]:
    """What binds the container: memory 0 is unlimited, and no quota has no sample."""
    for name, value in (
        ("limit", found.memory_bytes),
        ("swap_limit", found.memory_swap_bytes),
        ("reservation_limit", found.memory_reservation_bytes),
    ):
        yield family(
            f"container_spec_memory_{name}_bytes",
            "gauge",
            "As configured, 0 for unlimited.",
            point(value),
        )
    for name, text, value in (
        ("shares", "Share of the CPU.", found.cpu_shares),
        ("quota", "CPU time a period, in us.", found.cpu_quota),
        ("period", "A period, in us.", found.cpu_period),
    ):
        yield family(f"container_spec_cpu_{name}", "gauge", text, point(value))


def life(own: Self) -> Iterator[Family]:
    """When the container was created and started, and its health."""
    for name, text, time in (
        ("start_time_seconds", "When the container started, Unix time.", own.started_at),
        ("creation_time_seconds", "When the container was created, Unix time.", own.created_at),
    ):
        yield family(f"container_{name}", "gauge", text, point(_unix(time)))
    if own.state is not None:
        health = {"healthy": 1, "none": -1}.get(own.health.status if own.health else "none", 0)
        yield family(
            "container_health_state", "gauge", "1 healthy, -1 no check, else 0.", point(health)
        )


def last_seen(now: float) -> Iterator[Family]:
    """When the container was last seen, with that time as the sample's own timestamp.

    So a series of it ends with the container, and its age can be alerted on.
    """
    yield family(
        "container_last_seen",
        "gauge",
        "When the container was last seen, Unix time.",
        [Point(float(int(now)), {}, timestamp=now)],
    )


def _unix(time: str | None) -> float | None:
    """Seconds since the Unix epoch."""
    return None if time is None else times.nanoseconds(time) / 1e9
