"""The kernel's figures beside the engine's, and the pages of unusual containers."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from selfinspect.jsonread import integer, mapping, member
from tests.engine.busy_container import busy_container
from tests.engine.conftest import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selfinspect.model import Json
    from tests.engine.conftest import Container, Engine

pytestmark = pytest.mark.engine

COUNTERS = ("cpu", "network", "io")
MEMORY_MOVES = 8 << 20


def figures(document: Json, prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a document by its path."""
    for name, value in document.items() if isinstance(document, dict) else ():
        if isinstance(value, dict):
            yield from figures(value, f"{prefix}{name}.")
        elif isinstance(value, int | float):
            yield f"{prefix}{name}", value


def test_kernel_and_engine_agree(engine: Engine, tmp_path: Path) -> None:
    """Between two readings of the engine the kernel's lies: counters exactly, the rest nearly."""
    with busy_container(engine, tmp_path) as app:
        before, own, after = (
            dict(figures(app.json(f"/v1/stats?source={source}")))
            for source in ("engine", "kernel", "engine")
        )
    compared = {
        name
        for name in own
        if name in before
        and name in after
        and name.startswith(COUNTERS)
        and "percent" not in name
        and name != "cpu.online"
    }
    assert {"cpu.usage_seconds", "cpu.periods", "network.eth0.tx_bytes"} <= compared
    assert any(name.startswith("io./dev/loop") for name in compared)
    outside = {
        name: (before[name], own[name], after[name])
        for name in compared
        if not before[name] <= own[name] <= after[name]
    }
    assert outside == {}
    for name in ("memory.usage_bytes", "memory.working_set_bytes", "memory.rss_bytes"):
        assert own[name] == pytest.approx(before[name], abs=MEMORY_MOVES)
    for name in ("memory.limit_bytes", "pids.limit", "cpu.online"):
        assert before[name] == own[name] == after[name]
    assert abs(own["pids.current"] - before["pids.current"]) <= 4


def page(app: Container) -> dict[str, list[dict[str, str]]]:
    """The labels of each sample of the page, which is valid."""
    text = app.curl("/metrics", port=10311) + "\n"
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    complaints = [line for line in checked.stderr.splitlines() if not line.startswith("container_")]
    assert complaints == []
    return found


@pytest.mark.parametrize("network", ["none", "host"])
def test_no_network_of_its_own(engine: Engine, network: str) -> None:
    """Neither the host's traffic nor a zero is reported; everything else is."""
    app = engine.start("--network", network).ready()
    found = page(app)
    assert not [name for name in found if name.startswith("container_network")]
    assert "container_memory_usage_bytes" in found


def test_a_shared_network_is_the_others(engine: Engine) -> None:
    """Its traffic is reported by the container whose network it is, and counted once."""
    other = engine.start_plain(image=engine.busybox, command=("sleep", "1000"))
    app = engine.start("--network", f"container:{other.id}").ready()
    found = page(app)
    assert not [name for name in found if name.startswith("container_network")]
    assert member(app.json("/v1/stats?source=engine"), "network") is None
    assert member(app.json("/v1/stats?source=kernel"), "network") is None


def test_no_limits(engine: Engine) -> None:
    """Unlimited memory is 0 or null, and without a quota nothing is said of one."""
    app = engine.start().ready()
    text = app.curl("/metrics", port=10311)
    for name in ("limit", "swap_limit", "reservation_limit"):
        [line] = [
            line
            for line in text.splitlines()
            if line.startswith(f"container_spec_memory_{name}_bytes{{")
        ]
        assert line.endswith(" 0.0")
    for source in ("kernel", "engine"):
        assert member(app.json(f"/v1/stats?source={source}"), "memory", "limit_bytes") is None
    assert "container_spec_cpu_quota" not in text
    assert "container_cpu_cfs" not in text


def test_without_an_engine_limits_come_from_the_kernel(engine: Engine) -> None:
    """What the cgroup enforces stands in for what only the engine was given."""
    app = engine.start_plain("--memory", "64m", "--cpus", "0.5").up()
    text = app.curl("/metrics", port=10311)
    values = {line.partition("{")[0]: line.rpartition(" ")[2] for line in text.splitlines()}
    assert float(values["container_spec_memory_limit_bytes"]) == 64 << 20
    assert float(values["container_spec_cpu_quota"]) == 50_000
    assert float(values["container_spec_cpu_shares"]) == 1024


def test_a_hundred_odd_labels(engine: Engine) -> None:
    """Quotes, line breaks and letters of the world: a valid page that says them exactly."""
    odd = 'a "quoted"\nline \\ ünï 🐳'
    labels = [f"--label=odd/{number}-слон={odd}" for number in range(100)]
    app = engine.start(*labels, "--env", "SELFINSPECT_METRICS_LABELS=*").ready()
    found = page(app)
    [carried] = found["container_memory_usage_bytes"]
    assert carried["container_label_odd_99_____"] == odd
    assert len([name for name in carried if name.startswith("container_label_odd")]) == 100


def test_the_writable_layer_is_counted_only_when_asked_for(engine: Engine) -> None:
    """The engine walks a disk for it."""
    plain = engine.start().ready()
    assert "container_fs_usage_bytes" not in page(plain)
    app = engine.start("--env", "SELFINSPECT_FS_USAGE_INTERVAL=1m").ready()
    until(lambda: "container_fs_usage_bytes" in page(app), "the count")


def test_what_others_hold_open_is_not_guessed(engine: Engine) -> None:
    """Processes are counted; descriptors are absent where one of them is another user's."""
    app = engine.start("--no-healthcheck").ready()
    assert {"container_processes", "container_file_descriptors"} <= page(app).keys()
    engine.docker("exec", "--detach", "--user", "0", app.id, "sleep", "1000")
    found = page(app)
    assert "container_processes" in found
    assert "container_file_descriptors" not in found
    assert integer(app.json("/v1/stats"), "pids", "current")


@pytest.mark.parametrize("source", ["kernel", "engine"])
def test_a_container_with_all_the_tasks_it_may_have_is_told_of(engine: Engine, source: str) -> None:
    """Then not even a thread can be had, and that is when somebody looks."""
    app = engine.start("--env", f"SELFINSPECT_STATS_SOURCE={source}").ready()
    engine.docker("update", "--pids-limit", "2", app.id)
    assert {"container_threads", "container_threads_max"} <= page(app).keys()
    assert integer(app.json("/v1/stats"), "pids", "limit") == 2
    assert app.status("/v1/events") == 200


def test_the_engines_stats_as_they_are(engine: Engine) -> None:
    """Untouched, for what our own form leaves out."""
    raw = engine.start().ready().json("/v1/stats/raw")
    assert mapping(raw, "cpu_stats", "cpu_usage")
