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
        yield family(f"container_spec_memory_{name}_bytes", point(value))
    for name, value in (
        ("shares", found.cpu_shares),
        ("quota", found.cpu_quota),
        ("period", found.cpu_period),
    ):
        yield family(f"container_spec_cpu_{name}", point(value))


def started(own: Self | None, pid_1: float | None) -> Iterator[Family]:
    """When the container started.

    Args:
        own: what is known of it, None where it is not known which one it is.
        pid_1: when its PID 1 started, Unix seconds, for where no engine says more.
    """
    time = _unix(own.started_at) if own is not None else None
    yield family("container_start_time_seconds", point(pid_1 if time is None else time))


def life(own: Self) -> Iterator[Family]:
    """When the container was created, and its health."""
    yield family("container_creation_time_seconds", point(_unix(own.created_at)))
    if own.state is not None:
        health = {"healthy": 1, "none": -1}.get(own.health.status if own.health else "none", 0)
        yield family("container_health_state", point(health))


def last_seen(now: float) -> Iterator[Family]:
    """When the container was last seen, with that time as the sample's own timestamp.

    So a series of it ends with the container, and its age can be alerted on.
    """
    yield family("container_last_seen", [Point(float(int(now)), {}, timestamp=now)])


def _unix(time: str | None) -> float | None:
    """Seconds since the Unix epoch."""
    return None if time is None else times.nanoseconds(time) / 1e9
