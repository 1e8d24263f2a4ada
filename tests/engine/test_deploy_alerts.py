"""The shipped alerts in a real Prometheus, over what happens to a container in its life."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import until
from tests.engine.prometheus import configuration, newest_prometheus, prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.conftest import Container, Engine
    from tests.engine.prometheus import Prometheus

pytestmark = [pytest.mark.engine, pytest.mark.slow]

HOG = "import os; held = [os.urandom(1 << 20) for _ in range(4096)]"
GONE_AFTER, FOR = 20, 8
"""Seconds, for Prometheus scrapes every second here: as written a redeploy has a minute."""


@pytest.fixture(params=["docker.yml", "docker-3.yml"])
def server(engine: Engine, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Prometheus]:
    """A Prometheus of each generation that finds containers, with its alerts in a hurry."""
    config = configuration(request.param, engine, tmp_path)
    program = "prometheus" if request.param == "docker.yml" else newest_prometheus()
    alerts = config.with_name("alerts.yml")
    text = alerts.read_text()
    for written, hurried in (
        ("} > 60", f"}} > {GONE_AFTER}"),
        ("<= 60", f"<= {GONE_AFTER}"),
        ("for: 30s", f"for: {FOR}s"),
    ):
        assert written in text
        text = text.replace(written, hurried)
    alerts.write_text(text)
    with prometheus(engine.pid, config, program) as server:
        yield server


def deployed(engine: Engine, name: str) -> Container:
    """The app under a name, in little memory."""
    return engine.start(
        "--name", name, "--memory", "96m", "--memory-swap", "96m",
        "--label", "selfinspect.scrape=true", command=("run", "--", "sleep", "infinity"),
    ).ready()  # fmt: skip


def seen(server: Prometheus, container: Container, instance: str) -> None:
    """Wait for two scrapes of it from now on."""
    series = f'container_last_seen{{instance="{instance}", id="/docker/{container.id}"}}'
    now = time.time() + 2
    until(lambda: any(value > now for _, value in server.query(series)), f"scrapes of {instance}")


def test_the_alerts_fire_when_they_should(engine: Engine, server: Prometheus) -> None:
    """Started, OOM-killed, restarted, renamed, redeployed: of all that the OOM alone is a fault.

    The last one is removed, and then it is gone.
    """
    first = deployed(engine, "shop")
    seen(server, first, "shop")
    assert server.firing() == []

    assert first.exec("sh", "-c", f'python3 -c "{HOG}"; echo $?').endswith("137")
    until(server.firing, "the alert of the OOM")
    seen(server, first.ready(), "shop")
    [oom] = server.firing()
    assert (oom["alertname"], oom["instance"]) == ("SelfinspectOomKilled", "shop")

    engine.docker("restart", "--time", "1", first.id)
    seen(server, first.ready(), "shop")
    engine.docker("rename", first.id, "store")
    seen(server, first, "store")
    engine.docker("rename", first.id, "shop")
    seen(server, first, "shop")
    engine.docker("rm", "--force", first.id)
    second = deployed(engine, "shop")
    seen(server, second, "shop")
    unseen = f'time() - max(container_last_seen{{id="/docker/{first.id}"}})'
    until(lambda: server.query(f"{unseen} > {GONE_AFTER}"), "the first one not seen for long")
    due = f"{unseen} > {GONE_AFTER + FOR + 3}"
    until(lambda: server.query(due), "the time at which it would be gone")
    fired = server.query('count by (alertname) (count_over_time(ALERTS{alertstate="firing"}[1h]))')
    assert [labels["alertname"] for labels, _ in fired] == ["SelfinspectOomKilled"]

    unlabelled = 'count_over_time({__name__=~"container_.+", id=""}[1h])'
    assert server.query(unlabelled) == []
    for metric in ("container_memory_rss", "container_start_time_seconds", "up"):
        assert [value for _, value in server.query(f"count by (instance) ({metric})")] == [1]
    assert server.complaints() == []

    engine.docker("rm", "--force", second.id)
    pending = 'ALERTS{alertname="SelfinspectContainerGone", instance="shop"}'
    until(lambda: server.query(pending), "the alert of its end, pending")
    until(
        lambda: (
            [
                each["instance"]
                for each in server.firing()
                if each["alertname"] == "SelfinspectContainerGone"
            ]
            == ["shop"]
        ),
        "the alert of its end",
    )
