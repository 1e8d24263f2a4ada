"""Arithmetic on samples. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.times import nanoseconds

if TYPE_CHECKING:
    from selfinspect.model import Sample, Specification


def with_percent(sample: Sample, previous: Sample | None) -> Sample:
    """The sample with its share of CPU time since the previous one, 100 being one whole CPU.

    As the docker CLI computes it: the container's time over the machine's, times the CPUs that
    are online. The machine's time leaves out what a hypervisor stole, so where time is stolen the
    result is too high. The share of the quota beside it is measured by the clock.
    None where there is nothing to compare with: no previous sample, one of another source, no time
    between the two, or a counter that fell because the container restarted.
    """
    share = _share(sample, previous) if previous and previous.source == sample.source else None
    percent, quota_percent, interval = share or (None, None, None)
    return replace(
        sample,
        cpu=replace(
            sample.cpu,
            percent=percent,
            quota_percent=quota_percent,
            percent_interval_seconds=interval,
        ),
    )


def with_limits(sample: Sample, configured: Specification) -> Sample:
    """The sample with the limits that were configured, and the share of its memory in use.

    An engine's stats have no quota, and report the machine's memory where there is no limit, or
    one beyond that.

    Args:
        sample: of an engine.
        configured: what binds the container; a memory limit of 0 is none.
    """
    quota, period = configured.cpu_quota, configured.cpu_period
    detail = replace(sample.detail, quota_cpus=quota / period if quota and period else None)
    limit, used = configured.memory_bytes, sample.memory.working_set_bytes
    if limit is None:
        return replace(sample, detail=detail)
    percent = used / limit * 100 if limit and used is not None else None
    memory = replace(sample.memory, limit_bytes=limit or None, percent=percent)
    return replace(sample, detail=detail, memory=memory)


def _share(sample: Sample, previous: Sample) -> tuple[float, float | None, float] | None:
    """Percent of a CPU, percent of the quota, and the seconds over which they were taken."""
    used = _rise(sample.cpu.usage_seconds, previous.cpu.usage_seconds)
    machine = _rise(sample.detail.system_seconds, previous.detail.system_seconds)
    interval = nanoseconds(sample.read_at) - nanoseconds(previous.read_at)
    if used is None or not machine or interval <= 0 or sample.cpu.online is None:
        return None
    seconds, quota = interval / 1e9, sample.detail.quota_cpus
    of_quota = used / (quota * seconds) * 100 if quota else None
    return used / machine * sample.cpu.online * 100, of_quota, seconds


def _rise(now: float | None, before: float | None) -> float | None:
    """How much a counter rose, None where that is not known or it fell."""
    return now - before if now is not None and before is not None and now >= before else None
