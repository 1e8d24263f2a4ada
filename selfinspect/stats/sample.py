"""Arithmetic on samples. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.times import nanoseconds

if TYPE_CHECKING:
    from selfinspect.model import Sample


def with_percent(sample: Sample, previous: Sample | None) -> Sample:
    """The sample with its share of CPU time since the previous one, 100 being one whole CPU.

    As the docker CLI computes it: the container's time over the machine's, times the CPUs that
    are online. None where there is nothing to compare with: no previous sample, one of another
    source, no time between the two, or a counter that fell because the container restarted.
    """
    share = _share(sample, previous) if previous and previous.source == sample.source else None
    percent, interval = share or (None, None)
    return replace(
        sample, cpu=replace(sample.cpu, percent=percent, percent_interval_seconds=interval)
    )


def with_memory_limit(sample: Sample, configured: int) -> Sample:
    """The sample with the memory limit that was configured, and the share of it in use.

    An engine tells the machine's memory where there is no limit, or one beyond that.

    Args:
        sample: of an engine.
        configured: bytes, 0 for no limit.
    """
    used = sample.memory.working_set_bytes
    return replace(
        sample,
        memory=replace(
            sample.memory,
            limit_bytes=configured or None,
            percent=used / configured * 100 if configured and used is not None else None,
        ),
    )


def _share(sample: Sample, previous: Sample) -> tuple[float, float] | None:
    """Percent and the seconds over which it was taken."""
    used = _rise(sample.cpu.usage_seconds, previous.cpu.usage_seconds)
    machine = _rise(sample.detail.system_seconds, previous.detail.system_seconds)
    interval = nanoseconds(sample.read_at) - nanoseconds(previous.read_at)
    if used is None or not machine or interval <= 0 or sample.cpu.online is None:
        return None
    return used / machine * sample.cpu.online * 100, interval / 1e9


def _rise(now: float | None, before: float | None) -> float | None:
    """How much a counter rose, None where that is not known or it fell."""
    return now - before if now is not None and before is not None and now >= before else None
