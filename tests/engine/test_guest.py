"""Containers on a machine with cgroup v2 alone: a guest that `tests/guest` emulates.

Times in it say nothing about any other machine; figures are the kernel's own.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import member, sequence
from selfinspect.times import nanoseconds
from tests.engine.conftest import ROOT, sh

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selfinspect.model import Json
    from tests.engine.conftest import Engine

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(3600)]

IDENTIFIED = ("busy", "alone", "host-socket", "host-alone", "joined")
KIB = 1 << 10
LEEWAY = 2048 * KIB  # an answer takes memory, and a CPU is charged 64 pages at a time
NANO, ONE = 1e9, 1
SECOND = 10**9


@dataclass(frozen=True)
class Guest:
    """What a guest left behind, a folder for each container."""

    folder: Path

    def text(self, container: str, name: str) -> str:
        return (self.folder / container / name).read_text().strip()

    def json(self, container: str, name: str) -> Json:
        document: Json = json.loads(self.text(container, f"{name}.json"))
        return document

    def metric(self, container: str, name: str, label: str = "") -> float:
        """The value of a family's only sample, among whose labels the one given stands."""
        pattern = rf"^{name}{{.*{re.escape(label)}.*}} (\S+)$"
        (value,) = re.findall(pattern, self.text(container, "metrics.txt"), re.MULTILINE)
        return float(value)

    def bracket(self, container: str, kernel: str, engine: str) -> tuple[float, float, float]:
        """The engine's figure before, the kernel's, and the engine's after."""
        return (
            figure(self.json(container, "engine-before"), engine),
            figure(self.json(container, "stats"), kernel),
            figure(self.json(container, "engine-after"), engine),
        )


def figure(document: Json, path: str) -> float:
    """The number at a path; a list of the engine's is looked into by operation."""
    path, _, operation = path.partition("=")
    found = member(document, *path.split(" "))
    if isinstance(found, list):
        found = next(member(each, "value") for each in found if member(each, "op") == operation)
    assert isinstance(found, int | float), path
    return found


@pytest.fixture(scope="module")
def boot(
    private_engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Guest]:
    """Boots a guest with the agent's image for a scenario, and waits until it has ended."""
    image = tmp_path_factory.mktemp("image") / "image.tar"
    private_engine.docker("save", "--output", image, private_engine.image)
    scripts = ROOT / "tests" / "guest"

    def boot(scenario: str) -> Guest:
        folder = tmp_path_factory.mktemp("guest")
        sh(scripts / "guest.sh", scripts / scenario, folder, image)
        return Guest(folder)

    return boot


@pytest.fixture(scope="module")
def guest(boot: Callable[[str], Guest]) -> Guest:
    """The guest of most tests."""
    return boot("scenario.sh")


@pytest.fixture(scope="module")
def short_of_memory(boot: Callable[[str], Guest]) -> Guest:
    """A guest with containers at their memory limit."""
    return boot("memory.sh")


@pytest.mark.parametrize(
    ("container", "level"),
    [
        ("busy", "proven"),
        ("host-socket", "proven"),
        ("joined", "proven"),
        ("host-alone", "observed"),
        ("alone", "assumed"),
    ],
)
def test_the_identity_is_right(guest: Guest, container: str, level: str) -> None:
    """Proven with a socket, also in another's network; without one as sure as the kernel is.

    What is only assumed is shown, and is nobody's ID elsewhere.
    """
    identity = guest.json(container, "identity")
    assert member(identity, "id") == guest.text(container, "id")
    assert member(identity, "level") == level
    used = None if level == "assumed" else guest.text(container, "id")
    assert member(guest.json(container, "self"), "id") == used


def test_in_anothers_network_without_a_socket_there_is_no_identity(guest: Guest) -> None:
    """All that it sees names the other container: it answers that it does not know."""
    identity = guest.json("joined-alone", "identity")
    assert (member(identity, "id"), member(identity, "level")) == (None, None)
    assert guest.text("busy", "id") in str(member(identity, "candidates"))
    for document in ("self", "stats"):
        problem = guest.json("joined-alone", document)
        assert member(problem, "type") == "urn:selfinspect:problem:ambiguous-identity"


@pytest.mark.parametrize("container", IDENTIFIED)
@pytest.mark.parametrize(
    ("kernel", "engine", "unit"),
    [
        ("cpu usage_seconds", "cpu_stats cpu_usage total_usage", NANO),
        ("cpu user_seconds", "cpu_stats cpu_usage usage_in_usermode", NANO),
        ("cpu system_seconds", "cpu_stats cpu_usage usage_in_kernelmode", NANO),
        ("io /dev/nvme0n1 read_bytes", "blkio_stats io_service_bytes_recursive=read", ONE),
        ("io /dev/nvme0n1 write_bytes", "blkio_stats io_service_bytes_recursive=write", ONE),
    ],
)
def test_counters_lie_between_the_engines(
    guest: Guest, container: str, kernel: str, engine: str, unit: float
) -> None:
    """A counter is no less than the engine's before it and no more than the engine's after."""
    before, ours, after = guest.bracket(container, kernel, engine)
    assert before / unit <= ours <= after / unit


@pytest.mark.parametrize("container", ["busy", "alone", "host-socket", "host-alone"])
@pytest.mark.parametrize("way", ["rx", "tx"])
@pytest.mark.parametrize("what", ["bytes", "packets", "errors", "dropped"])
def test_network_counters_lie_between_the_engines(
    guest: Guest, container: str, way: str, what: str
) -> None:
    """So do those of the network, where it is the container's own."""
    name = f"{way}_{what}"
    before, ours, after = guest.bracket(container, f"network eth0 {name}", f"networks eth0 {name}")
    assert before <= ours <= after


@pytest.mark.parametrize("name", ["periods", "throttled_periods"])
def test_throttling_is_counted_where_there_is_a_quota(guest: Guest, name: str) -> None:
    """The busy container was held back as often as the engine says, the others have no figure."""
    engine = f"cpu_stats throttling_data {name}"
    before, ours, after = guest.bracket("busy", f"cpu {name}", engine)
    assert 0 < before <= ours <= after
    assert figure(guest.json("busy", "stats"), "cpu throttled_seconds") > 0
    assert member(guest.json("alone", "stats"), "cpu", name) is None


@pytest.mark.parametrize("container", IDENTIFIED)
@pytest.mark.parametrize(
    ("kernel", "engine", "leeway"),
    [
        ("memory usage_bytes", "memory_stats usage", LEEWAY),
        ("memory rss_bytes", "memory_stats stats anon", LEEWAY),
        ("memory cache_bytes", "memory_stats stats file", 128 * KIB),
        ("pids current", "pids_stats current", 2),  # a thread that answers, a process that ends
    ],
)
def test_gauges_agree(
    guest: Guest, container: str, kernel: str, engine: str, leeway: float
) -> None:
    """A gauge is the engine's, within what moved and what it takes to answer."""
    before, ours, after = guest.bracket(container, kernel, engine)
    assert min(before, after) - leeway <= ours <= max(before, after) + leeway


@pytest.mark.parametrize("container", IDENTIFIED)
def test_the_working_set_agrees(guest: Guest, container: str) -> None:
    """It is what the docker CLI shows: usage without the page cache that nobody uses."""
    usages = guest.bracket(container, "memory working_set_bytes", "memory_stats usage")
    inactive = guest.bracket(container, "memory usage_bytes", "memory_stats stats inactive_file")
    before, after = usages[0] - inactive[0], usages[2] - inactive[2]
    assert min(before, after) - LEEWAY <= usages[1] <= max(before, after) + LEEWAY


@pytest.mark.parametrize("container", IDENTIFIED)
def test_limits_are_the_containers_own(guest: Guest, container: str) -> None:
    """The memory and the tasks it may have, in either cgroup namespace."""
    stats = guest.json(container, "stats")
    assert member(stats, "source") == "kernel"
    assert figure(stats, "memory limit_bytes") == 128 * KIB * KIB
    assert figure(stats, "pids limit") == 64


def test_another_containers_network_is_not_ours(guest: Guest) -> None:
    """Who joined a network has no network figures; the engine would give the other's."""
    assert member(guest.json("joined", "stats"), "network") is None
    assert member(guest.json("joined", "engine-after"), "networks", "eth0")


def test_a_process_killed_for_want_of_memory_is_counted(guest: Guest) -> None:
    """One in the busy container, at its limit; none in its neighbours."""
    memory = member(guest.json("busy", "stats"), "memory")
    assert figure(memory, "oom_kills") == 1
    assert figure(memory, "peak_bytes") == figure(memory, "limit_bytes")
    assert figure(guest.json("alone", "stats"), "memory oom_kills") == 0


def test_the_limit_that_was_met_is_an_event(guest: Guest) -> None:
    """The kernel said so by itself: nobody had asked for anything before the process was killed."""
    counts = guest.json("busy", "memory-events")
    assert figure(counts, "oom_kill") == 1
    events = member(guest.json("busy", "kernel-events"), "events")
    assert isinstance(events, list)
    assert [member(event, "action") for event in events][:1] == ["memory_max"]
    reported = figure(events[0], "attributes count")
    assert 0 < reported <= figure(counts, "max")
    assert figure(events[0], "attributes limit_bytes") == 128 * KIB * KIB


def test_pressure_is_told(guest: Guest) -> None:
    """The busy container waited for each resource, in its stats and under cAdvisor's names."""
    pressure = member(guest.json("busy", "stats"), "pressure")
    for resource in ("cpu", "memory", "io"):
        waiting = figure(pressure, f"{resource} waiting_seconds")
        stalled = figure(pressure, f"{resource} stalled_seconds")
        assert waiting >= stalled > 0
        series = f"container_pressure_{resource}"
        assert guest.metric("busy", f"{series}_waiting_seconds_total") >= waiting
        assert guest.metric("busy", f"{series}_stalled_seconds_total") >= stalled


@pytest.mark.parametrize("container", ["busy", "host-socket", "host-alone"])
def test_metrics_name_the_cgroup_as_the_host_does(guest: Guest, container: str) -> None:
    """Its path on the host, which a private namespace hides, stands on every figure."""
    path = f'id="/docker/{guest.text(container, "id")}"'
    assert guest.metric(container, "container_memory_usage_bytes", path) > 0
    assert guest.metric(container, "container_cpu_usage_seconds_total", path) > 0


def test_an_app_is_sent_a_signal_before_memory_runs_out(short_of_memory: Guest) -> None:
    """`--on-memory`: it takes memory step by step, and gets the signal while it still runs."""
    assert "noticed" in short_of_memory.text("short", "log").splitlines()
    events = member(short_of_memory.json("short", "kernel-events"), "events")
    assert isinstance(events, list)
    working_set = max(figure(event, "attributes working_set_bytes") for event in events)
    assert working_set >= 0.9 * 128 * KIB * KIB


def test_page_cache_at_the_limit_is_no_reason_for_the_signal(short_of_memory: Guest) -> None:
    """The kernel counts it, and drops it when somebody needs the memory."""
    assert figure(short_of_memory.json("cached", "memory-events"), "max") > 0
    assert "unnoticed" in short_of_memory.text("cached", "log").splitlines()


def test_a_storm_at_the_limit_is_an_event_a_minute(short_of_memory: Guest) -> None:
    """However often the kernel counts it: each event has the count since the one before."""
    events = sequence(short_of_memory.json("storm", "kernel-events"), "events")
    reported = [nanoseconds(str(member(event, "time"))) for event in events]
    assert len(reported) > 1
    assert all(later - earlier > 45 * SECOND for earlier, later in pairwise(reported))
    counted = sum(figure(event, "attributes count") for event in events)
    assert 100 < counted <= figure(short_of_memory.json("storm", "memory-events"), "max")


def test_the_history_has_a_sample_of_the_limit(short_of_memory: Guest) -> None:
    """It lies between two that are a minute apart, and right before the event."""
    reported = sequence(short_of_memory.json("short", "kernel-events"), "events")[0]
    at = nanoseconds(str(member(reported, "time")))
    taken = [
        nanoseconds(str(row[0]))
        for row in sequence(short_of_memory.json("short", "history"), "samples")
        if isinstance(row, list)
    ]
    before = bisect_left(taken, at)
    gaps = [later - earlier for earlier, later in pairwise(taken[max(0, before - 2) : before + 1])]
    assert min(gaps) < 59 * SECOND


def test_the_limit_is_reported_before_the_container_dies(short_of_memory: Guest) -> None:
    """The kernel killed its command: the next run's journal has when the limit was met."""
    previous = member(short_of_memory.json("doomed", "self"), "previous_run")
    assert member(previous, "cause") == "oom"
    first = sequence(short_of_memory.json("doomed", "kernel-events"), "events")[0]
    died = nanoseconds(short_of_memory.text("doomed", "finished-at"))
    assert member(first, "action") == "memory_max"
    assert nanoseconds(str(member(first, "time"))) < died
