"""Whole pages beside the ones they are to be; `UPDATE_GOLDEN=1` writes those again."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.inspect.describe import describe, without_engine
from selfinspect.engine.inspect.limits import specification
from selfinspect.kernel.reader import CgroupReader
from selfinspect.masking import Masking
from selfinspect.metrics.collectors import Condition, Sources, collectors
from selfinspect.metrics.family import container_labels
from selfinspect.metrics.registry import Registry
from selfinspect.model import Engine, Filesystem, Identity, Machine, Processes, Run, Snapshot
from selfinspect.stats.sample import engine_sample
from tests.support.canned_container import ID
from tests.support.canned_engine import recorded

if TYPE_CHECKING:
    from selfinspect.model import Json

FIXTURES = Path(__file__).parents[2] / "fixtures"
GOLDEN = FIXTURES / "metrics"
NOW = 1_795_262_953_000_000_000
IDENTITY = Identity(ID, "proven", "layer", "web")
ENGINE = Engine("unix:///var/run/docker.sock", "Docker", "20.10.24", "1.41")
OF_THE_PROCESS = ("process_", "python_", "selfinspect_build_info", "selfinspect_collector_duration")

CADVISORS = ("container_", "cadvisor_version_info ")

pytestmark = pytest.mark.skipif(not shutil.which("promtool"), reason="there is no promtool")


def inspect(**state: Json) -> Json:
    """The recorded container, in another state."""
    document = recorded("inspect")
    before = document["State"]
    assert isinstance(before, dict)
    return {**document, "State": {**before, **state}}


def page(document: Json, sources: Sources) -> str:
    """The page but for what is of the agent's own process."""
    own = describe(
        document,
        identity=IDENTITY,
        engine=ENGINE,
        image=None,
        info=None,
        inspected_at="2026-11-21T12:00:00.000000000Z",
        truncated={},
    )
    own = replace(
        own, previous_run=Run(1, None, None, 137, "SIGKILL", oom_killed=True, cause="oom")
    )
    return written(Snapshot(IDENTITY, self=own, inspect=document, engine=ENGINE), sources)


def written(snapshot: Snapshot, sources: Sources) -> str:
    """The page of a snapshot."""
    own = snapshot.self
    labels = container_labels(own, cgroup_path=f"/docker/{ID}", masking=Masking()) if own else {}
    condition = Condition(following=True, subscribers=0, now=NOW / 1e9)
    body, _ = Registry().render(
        collectors(snapshot, sources, condition),
        common={"container_": labels},
        media_type="text/plain",
    )
    lines = body.decode().splitlines(keepends=True)
    return "".join(
        line
        for line in lines
        if not line.removeprefix("# HELP ").removeprefix("# TYPE ").startswith(OF_THE_PROCESS)
    )


def of_kernel(version: str, document: Json) -> Sources:
    """Figures from a fixture tree."""
    sample = CgroupReader(FIXTURES / version).read(NOW)
    return Sources(
        lambda: sample,
        specification=lambda: specification(document),
        processes=lambda: Processes(
            3, 21, 4, {"sleeping": 6, "running": 1, "stopped": 0, "uninterruptible": 0}
        ),
        filesystem=lambda: Filesystem("overlay", 10_725_883_904, 5_242_880, 5_171_337),
        fs_usage=lambda: 12_288,
        machine=lambda: Machine(swap_bytes=1 << 30, physical_cores=2, sockets=1),
        info=lambda: recorded("info"),
    )


def unlimited() -> Json:
    """The recorded container, with nothing that binds it."""
    document = inspect()
    assert isinstance(document, dict)
    host = document["HostConfig"]
    assert isinstance(host, dict)
    none: dict[str, Json] = dict.fromkeys(
        ("Memory", "MemorySwap", "MemoryReservation", "NanoCpus", "CpuQuota", "CpuShares"), 0
    )
    return {**document, "HostConfig": {**host, **none}}


def without_limits(sources: Sources) -> Sources:
    """The same figures where nothing was held back."""
    sample = sources.sample()
    assert sample is not None
    cpu = replace(sample.cpu, periods=None, throttled_periods=None, throttled_seconds=None)
    free = replace(sample, cpu=cpu, detail=replace(sample.detail, tasks_limit=0))
    return replace(sources, sample=lambda: free)


def _cases() -> dict[str, tuple[Json, Sources]]:
    running, paused = inspect(), inspect(Status="paused", Paused=True)
    stopped = recorded("inspect-stopped")
    frame = engine_sample(recorded("stats"), "")
    nothing = engine_sample(recorded("stats-stopped"), "")
    return {
        "cgroup-v1": (running, of_kernel("cgroup-v1", running)),
        "cgroup-v2": (running, of_kernel("cgroup-v2", running)),
        "unlimited": (unlimited(), without_limits(of_kernel("cgroup-v2", unlimited()))),
        "paused": (paused, Sources(lambda: frame, specification=lambda: specification(paused))),
        "stopped": (
            stopped,
            Sources(lambda: nothing, specification=lambda: specification(stopped)),
        ),
    }


@pytest.mark.parametrize("name", ["cgroup-v1", "cgroup-v2", "unlimited", "paused", "stopped"])
def test_the_page_is_what_it_was(name: str) -> None:
    """Names, labels, units and values, of a container whose files and answers are recorded."""
    found = page(*_cases()[name])
    golden = GOLDEN / f"{name}.prom"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(found)
    assert found == golden.read_text()


@pytest.mark.parametrize("version", ["cgroup-v1", "cgroup-v2"])
def test_the_page_without_an_engine_is_what_it_was(version: str) -> None:
    """Limits are the kernel's, the start is that of PID 1; of state and health nothing is said."""
    reader = CgroupReader(FIXTURES / version)
    sample = reader.read(NOW)
    sources = Sources(
        lambda: sample,
        specification=reader.specification,
        processes=lambda: Processes(3, None, None),
        started_at=lambda: 1_795_262_900.25,
    )
    identity = Identity(ID, "observed", "kernel")
    found = written(Snapshot(identity, self=without_engine(identity, hostname=None)), sources)
    golden = GOLDEN / f"no-engine-{version}.prom"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(found)
    assert found == golden.read_text()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.prom")), ids=lambda path: path.stem)
def test_promtool_has_nothing_to_say_of_it(path: Path) -> None:
    """But of the names, which are cAdvisor's."""
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=path.read_text(),
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = checked.stderr.splitlines()
    assert [line for line in complaints if not line.startswith(CADVISORS)] == []


def test_a_stopped_container_has_no_figures() -> None:
    """Not even when it was started, or what binds it: it is not seen."""
    text = (GOLDEN / "stopped.prom").read_text()
    assert "container_" not in text.replace("selfinspect_container_", "")
    assert 'selfinspect_container_state{state="exited"} 1.0' in text
