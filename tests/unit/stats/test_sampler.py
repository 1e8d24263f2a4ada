from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from selfinspect.errors import EngineUnreachableError
from selfinspect.model import Cpu, Detail, Sample
from selfinspect.stats.sampler import Sampler

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Clock:
    """Time that stands still until it is moved."""

    now: float = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@dataclass
class Canned:
    """A source whose container uses half of one of two CPUs, counting its readings."""

    clock: Clock
    readings: int = 0
    before: list[Callable[[], None]] = field(default_factory=list)
    running: bool = True

    def read(self) -> Sample | None:
        """A sample, at the clock's time."""
        self.readings += 1
        for step in self.before:
            step()
        if not self.running:
            return None
        seconds = self.clock.now
        return Sample(
            read_at=f"2026-11-21T12:00:{seconds - 100:012.9f}Z",
            source="kernel",
            cpu=Cpu(usage_seconds=seconds / 2, online=2),
            detail=Detail(system_seconds=seconds * 2),
        )


@pytest.fixture
def clock() -> Clock:
    """Stands still."""
    return Clock()


@pytest.fixture
def source(clock: Clock) -> Canned:
    """Reads as the clock says."""
    return Canned(clock)


def test_the_first_sample_has_no_percentage(clock: Clock, source: Canned) -> None:
    """There is nothing to compare with yet."""
    sample = Sampler(waits=True, clock=clock).sample(source.read)
    assert sample is not None
    assert (sample.cpu.percent, sample.cpu.percent_interval_seconds) == (None, None)


def test_the_second_sample_has_one(clock: Clock, source: Canned) -> None:
    """Since the sample before: a quarter of the machine's two CPUs is 50 %."""
    sampler = Sampler(waits=True, clock=clock)
    sampler.sample(source.read)
    clock.now += 5
    sample = sampler.sample(source.read)
    assert sample is not None
    assert (sample.cpu.percent, sample.cpu.percent_interval_seconds) == (50.0, 5.0)


def test_a_reading_of_an_engine_serves_for_a_while(clock: Clock, source: Canned) -> None:
    """Who takes one of that age gets the same sample, percentage and all."""
    sampler = Sampler(waits=True, clock=clock)
    first = sampler.sample(source.read)
    clock.now += 0.99
    assert sampler.sample(source.read, max_age=1.0) is first
    assert sampler.sample(source.read) is not first
    clock.now += 1
    sampler.sample(source.read, max_age=1.0)
    assert source.readings == 3


def test_a_reading_that_costs_nothing_is_always_made(clock: Clock, source: Canned) -> None:
    """The kernel's figures are of now."""
    sampler = Sampler(waits=False, clock=clock)
    sampler.sample(source.read, max_age=1.0)
    sampler.sample(source.read, max_age=1.0)
    assert source.readings == 2


def test_a_percentage_is_over_half_a_second_at_least(clock: Clock, source: Canned) -> None:
    """Who asks right after another does not get the noise of a moment."""
    sampler = Sampler(waits=True, clock=clock)
    sampler.sample(source.read)
    intervals = []
    for step in (2.0, 0.1, 0.1, 0.5):
        clock.now += step
        sample = sampler.sample(source.read)
        assert sample is not None
        intervals.append(sample.cpu.percent_interval_seconds)
    assert intervals == pytest.approx([2.0, 2.1, 2.2, 0.7])


def test_an_engine_that_takes_too_long_is_left_to_it(clock: Clock, source: Canned) -> None:
    """Whoever has a deadline gets an error then; the reading goes on, and serves the next."""
    sampler = Sampler(waits=True, clock=clock)
    go_on = threading.Event()
    source.before = [lambda: assert_set(go_on)]
    with pytest.raises(EngineUnreachableError, match="in time"):
        sampler.sample(source.read, timeout=0.01)
    go_on.set()
    assert sampler.sample(source.read, max_age=1.0, timeout=60) is not None
    assert source.readings == 1


def test_those_who_ask_together_share_a_reading(clock: Clock, source: Canned) -> None:
    """However many wait, the source is read once."""
    sampler = Sampler(waits=True, clock=clock)
    begun, go_on = threading.Event(), threading.Event()
    source.before = [begun.set, lambda: assert_set(go_on)]
    found: list[Sample | None] = []

    def ask() -> None:
        # Who comes only once it is over has the same, too.
        found.append(sampler.sample(source.read, max_age=1.0))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    threads[0].start()
    assert begun.wait(60)
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join()
    assert source.readings == 1
    assert found == [found[0]] * 4


def assert_set(event: threading.Event) -> None:
    """Wait for an event that has to come."""
    assert event.wait(60)


def test_the_age_counts_from_the_end_of_a_reading(clock: Clock, source: Canned) -> None:
    """An engine that takes a second to answer is not asked at once again."""
    sampler = Sampler(waits=True, clock=clock)

    def take_long() -> None:
        clock.now += 2

    source.before = [take_long]
    sampler.sample(source.read)
    sampler.sample(source.read, max_age=1.0)
    assert source.readings == 1


def test_a_container_without_figures_has_no_sample(clock: Clock, source: Canned) -> None:
    """While it is stopped there is none, and what comes after compares with nothing older."""
    sampler = Sampler(waits=True, clock=clock)
    sampler.sample(source.read)
    clock.now += 5
    source.running = False
    assert sampler.sample(source.read) is None
    clock.now += 5
    source.running = True
    sample = sampler.sample(source.read)
    assert sample is not None
    assert sample.cpu.percent is None


def test_a_failure_is_not_kept(clock: Clock, source: Canned) -> None:
    """Who asks after a failure has the source asked again."""

    def fail() -> None:
        raise EngineUnreachableError("gone")

    sampler = Sampler(waits=True, clock=clock)
    source.before = [fail]
    with pytest.raises(EngineUnreachableError):
        sampler.sample(source.read)
    source.before = []
    assert sampler.sample(source.read) is not None


def test_a_sample_is_taken_where_no_thread_can_be_had(
    source: Canned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container with all the tasks it may have gets its reading now, and again later."""

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    sampler = Sampler(waits=True)
    assert sampler.sample(source.read, timeout=60) is not None
    assert sampler.sample(source.read, timeout=60) is not None
