"""A sample from an engine's stats JSON, and what is computed of two samples. Pure.

The JSON is that of Docker's API from 1.41 on, for cgroup v1 and v2, and of Podman's compatible API,
which leaves out more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.jsonread import mapping, sequence
from selfinspect.kernel.cgroup import io_of
from selfinspect.kernel.limits import cpus
from selfinspect.kernel.memory import is_v1, memory, percent_of
from selfinspect.model import Cpu, Detail, Interface, Json, Memory, Pids, Sample
from selfinspect.times import nanoseconds, normalized

if TYPE_CHECKING:
    from collections.abc import Callable

    from selfinspect.kernel.cgroup import Counters
    from selfinspect.model import Specification

_UNSIGNED_OVERFLOW = 1 << 63
"""A number from here on is not a figure: "unlimited", or a difference that fell below zero."""


def engine_sample(
    stats: Json, now: str, device: Callable[[int, int], str] = "{}:{}".format
) -> Sample | None:
    """The sample in an engine's stats; None where there is none.

    An engine answers 200 for a container that isn't running: Docker with a zero `read`,
    Podman with nothing at all.

    Args:
        stats: the answer to `GET /containers/{id}/stats`, decoded.
        now: the time of the sample where the engine reports none.
        device: names a block device by its major and minor number.
    """
    if not isinstance(stats, dict) or not stats.get("cpu_stats"):
        return None
    read_at = normalized(stats.get("read", now))
    if read_at is None:
        return None
    cpu, per_cpu, system = _cpu(mapping(stats, "cpu_stats"))
    memory_part, detail = _memory(mapping(stats, "memory_stats"))
    traffic = mapping(stats, "blkio_stats")
    volume, number_of = (
        _operations(traffic, f"io_{each}_recursive") for each in ("service_bytes", "serviced")
    )
    devices, transfers = io_of(volume, number_of, device)
    pids = mapping(stats, "pids_stats")
    current, limit = _count(pids, "current"), _count(pids, "limit") or None
    return Sample(
        read_at=read_at,
        source="engine",
        cpu=cpu,
        memory=memory_part,
        network=_network(stats.get("networks")),
        io=devices,
        pids=Pids(current, limit),
        detail=replace(
            detail,
            system_seconds=system,
            per_cpu_seconds=per_cpu,
            tasks_limit=None if current is None else limit or 0,
            transfers=transfers,
        ),
    )


def _cpu(stats: dict[str, Json]) -> tuple[Cpu, tuple[float, ...], float | None]:
    """CPU time, its share on each CPU (cgroup v1), and the machine's CPU time."""
    usage, throttling = mapping(stats, "cpu_usage"), mapping(stats, "throttling_data")
    shares = [_figure(nano) for nano in sequence(usage, "percpu_usage")]
    # A malformed one would shift the numbers of the CPUs after it.
    per_cpu = [] if None in shares else [nano / 1e9 for nano in shares if nano is not None]
    # Without a quota, and from Podman always, there are no periods and the zeros mean nothing.
    periods = _count(throttling, "periods") or None
    return (
        Cpu(
            usage_seconds=_seconds(usage, "total_usage"),
            user_seconds=_seconds(usage, "usage_in_usermode"),
            system_seconds=_seconds(usage, "usage_in_kernelmode"),
            online=_count(stats, "online_cpus") or len(per_cpu) or None,
            periods=periods,
            throttled_periods=_count(throttling, "throttled_periods") if periods else None,
            throttled_seconds=_seconds(throttling, "throttled_time") if periods else None,
        ),
        tuple(per_cpu),
        _seconds(stats, "system_cpu_usage") or None,
    )


def _memory(stats: dict[str, Json]) -> tuple[Memory, Detail]:
    inner = mapping(stats, "stats")
    stat = {name: value for name in inner if (value := _count(inner, name)) is not None}
    # Docker leaves a zero out, so without its statistics an absent count of failures says
    # nothing; and older Podmans, which have none, give the limit for the peak.
    return memory(
        stat,
        usage=_count(stats, "usage"),
        limit=_count(stats, "limit"),
        peak=(_count(stats, "max_usage") or None) if stat else None,
        failcnt=(_count(stats, "failcnt") or 0) if is_v1(stat) else None,
    )


def _network(networks: Json) -> dict[str, Interface] | None:
    if not isinstance(networks, dict):
        return None
    return {
        name: Interface(
            *(
                _count(counters, f"{way}_{what}")
                for way in ("rx", "tx")
                for what in ("bytes", "packets", "errors", "dropped")
            )
        )
        for name in networks
        if (counters := mapping(networks, name))
    }


def _operations(stats: dict[str, Json], name: str) -> Counters | None:
    """A counter by device and operation, which v1 capitalises and v2 does not.

    A null list does not say that there was no traffic.
    """
    if not isinstance(stats.get(name), list):
        return None
    found: Counters = {}
    for entry in sequence(stats, name):
        if not isinstance(entry, dict):
            continue
        major, minor, value = (_count(entry, part) for part in ("major", "minor", "value"))
        operation = entry.get("op")
        if (
            major is not None
            and minor is not None
            and value is not None
            and isinstance(operation, str)
        ):
            found.setdefault((major, minor), {})[operation.capitalize()] = value
    return found


def _count(parent: dict[str, Json], name: str) -> int | None:
    return _figure(parent.get(name))


def _figure(value: Json) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value < _UNSIGNED_OVERFLOW else None


def _seconds(parent: dict[str, Json], name: str) -> float | None:
    nano = _count(parent, name)
    return None if nano is None else nano / 1e9


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
    """The sample with the limits as configured, and the share of its memory in use.

    An engine's stats have no quota, and report the machine's memory where there is no limit, or
    one beyond that.

    Args:
        sample: of an engine.
        configured: the container's limits; a memory limit of 0 is none.
    """
    quota = cpus(configured.cpu_quota, configured.cpu_period)
    detail, memory = replace(sample.detail, quota_cpus=quota), sample.memory
    limit = configured.memory_bytes
    if limit is not None:
        percent = percent_of(limit, memory.working_set_bytes)
        memory = replace(memory, limit_bytes=limit or None, percent=percent)
    return replace(sample, detail=detail, memory=memory)


def _share(sample: Sample, previous: Sample) -> tuple[float, float | None, float] | None:
    """Percent of a CPU, percent of the quota, and the seconds over which they were taken."""
    used = rise(sample.cpu.usage_seconds, previous.cpu.usage_seconds)
    machine = rise(sample.detail.system_seconds, previous.detail.system_seconds)
    interval = nanoseconds(sample.read_at) - nanoseconds(previous.read_at)
    if used is None or not machine or interval <= 0 or sample.cpu.online is None:
        return None
    seconds, quota = interval / 1e9, sample.detail.quota_cpus
    of_quota = used / (quota * seconds) * 100 if quota else None
    return used / machine * sample.cpu.online * 100, of_quota, seconds


def rise(now: float | None, before: float | None) -> float | None:
    """How much a counter rose, None where that is unknown or it fell."""
    return now - before if now is not None and before is not None and now >= before else None
