from __future__ import annotations

from dataclasses import replace

import pytest

from selfinspect.model import Cpu, Detail, Memory, Sample, Specification
from selfinspect.stats.sample import with_limits, with_percent


def _sample(
    second: int, used: float | None, machine: float | None, online: int | None = 4
) -> Sample:
    return Sample(
        read_at=f"2026-11-21T12:00:{second:02d}.500000000Z",
        source="kernel",
        cpu=Cpu(usage_seconds=used, online=online),
        detail=Detail(system_seconds=machine),
    )


def test_percent_is_the_share_of_the_machine_times_its_cpus() -> None:
    """Two of four CPUs fully used for five seconds are 200 %."""
    cpu = with_percent(_sample(10, 30.0, 1020.0), _sample(5, 20.0, 1000.0)).cpu
    assert (cpu.percent, cpu.percent_interval_seconds) == (200.0, 5.0)


def test_the_share_of_the_quota_is_by_the_clock() -> None:
    """Half a second in each second of a quota of two CPUs, however much of it was stolen."""
    sample, before = _sample(10, 22.5, 1010.0), _sample(5, 20.0, 1000.0)
    assert with_percent(sample, before).cpu.quota_percent is None
    under = replace(sample, detail=replace(sample.detail, quota_cpus=2.0))
    cpu = with_percent(under, before).cpu
    assert (cpu.percent, cpu.quota_percent) == (100.0, 25.0)


def test_the_quota_of_an_engines_sample_is_the_configured_one() -> None:
    """An engine's stats have none; without a limit there is none."""
    said = _sample(5, 1.0, 2.0)
    half = Specification(cpu_quota=50_000, cpu_period=100_000)
    assert with_limits(said, half).detail.quota_cpus == 0.5
    assert with_limits(said, half).memory == said.memory
    assert with_limits(said, Specification()) == said


def test_an_idle_container_uses_nothing() -> None:
    """No CPU time in between is a zero, not an unknown."""
    assert with_percent(_sample(10, 20.0, 1020.0), _sample(5, 20.0, 1000.0)).cpu.percent == 0.0


def test_nothing_else_changes() -> None:
    """Only the percentage and its interval are filled in."""
    sample = _sample(10, 30.0, 1020.0)
    done = with_percent(sample, _sample(5, 20.0, 1000.0))
    assert replace(done, cpu=sample.cpu) == sample


@pytest.mark.parametrize(
    "previous",
    [
        None,
        _sample(10, 20.0, 1000.0),
        _sample(11, 20.0, 1000.0),
        _sample(5, 31.0, 1000.0),
        _sample(5, 20.0, 1020.0),
        _sample(5, 20.0, 2000.0),
        _sample(5, None, 1000.0),
        _sample(5, 20.0, None),
        replace(_sample(5, 20.0, 1000.0), source="engine"),
    ],
    ids=[
        "first",
        "same moment",
        "later",
        "restarted",
        "machine stood still",
        "machine rebooted",
        "usage unknown",
        "machine unknown",
        "other source",
    ],
)
def test_no_percent_without_something_to_compare(previous: Sample | None) -> None:
    """Where the two samples cannot be compared there is neither percentage nor interval."""
    stale = replace(_sample(10, 30.0, 1020.0), cpu=Cpu(usage_seconds=30.0, percent=5.0, online=4))
    cpu = with_percent(stale, previous).cpu
    assert (cpu.percent, cpu.percent_interval_seconds) == (None, None)


def test_no_percent_without_the_number_of_cpus() -> None:
    """How many CPUs the machine's time is spread over must be reported."""
    done = with_percent(_sample(10, 30.0, 1020.0, online=None), _sample(5, 20.0, 1000.0))
    assert done.cpu.percent is None


@pytest.mark.parametrize(
    ("used", "configured", "limit", "percent"),
    [(50, 200, 200, 25.0), (50, 0, None, None), (None, 200, 200, None)],
)
def test_the_memory_limit_is_the_configured_one(
    used: int | None, configured: int, limit: int | None, percent: float | None
) -> None:
    """Whatever an engine says of it: it reports the machine's memory where there is none."""
    said = replace(_sample(5, 1.0, 2.0), memory=Memory(7, used, limit_bytes=1000, percent=5.0))
    configuration = Specification(memory_bytes=configured)
    assert with_limits(said, configuration).memory == Memory(
        7, used, limit_bytes=limit, percent=percent
    )
