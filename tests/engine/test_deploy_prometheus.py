from __future__ import annotations

import os
import re
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import ROOT, until
from tests.engine.prometheus import configuration, prometheus, scraping
from tests.support.dashboard import panels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engine.conftest import Container, Engine
    from tests.engine.prometheus import Prometheus

pytestmark = pytest.mark.engine

# Uses up a small CPU quota in bursts, and writes and reads past the page cache.
BUSY = """
while :; do
  timeout 0.3 sh -c 'while :; do :; done'
  dd if=/dev/zero of=/tmp/disk bs=64k count=4 oflag=direct status=none
  dd if=/tmp/disk of=/dev/null bs=64k iflag=direct status=none
  sleep 0.2
done
"""
SECOND = f"second-{os.getpid()}"
VARIABLES = {
    "$job": "selfinspect",
    "$host": "local",
    "$instance": "busy",
    "$__rate_interval": "10s",
}
# Metrics of the dashboard that this container cannot have here, and why.
ABSENT: dict[str, str] = {}
if not Path("/sys/fs/cgroup/cgroup.controllers").exists():
    ABSENT["container_pressure_"] = "the kernel counts pressure on cgroup v2"


def block_device(path: Path) -> Path:
    """The whole disk that a folder lies on: no kernel limits a partition."""
    number = path.stat().st_dev
    device = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve(strict=True)
    disk = device.parent if (device / "partition").exists() else device
    return Path("/dev", disk.name)


@pytest.fixture(scope="module")
def busy(private_engine: Engine) -> Iterator[Container]:
    """A container with limits, a health check, two networks, work to do and a past; another one."""
    disk = block_device(private_engine.home)
    private_engine.docker("network", "create", SECOND)
    private_engine.start_plain(image=private_engine.busybox, command=("sleep", "600"))
    container = private_engine.start(
        "--name", "busy", "--memory", "128m", "--cpus", "0.25",
        "--health-cmd", "true", "--health-interval", "1s",
        "--device-write-bps", f"{disk}:100mb", "--device-read-bps", f"{disk}:100mb",
        "--expose", "8080", "--expose", "9090",
        "--env", "SELFINSPECT_FS_USAGE_INTERVAL=5s",
        "--label", "selfinspect.scrape=true", "--label", "selfinspect.network=bridge",
        command=("run", "--wait", "10s", "--", "sh", "-c", BUSY),
    )  # fmt: skip
    try:
        private_engine.docker("network", "connect", SECOND, container.id)
        container.ready()
        private_engine.docker("restart", "--time", "1", container.id)
        yield container.ready()
    finally:
        private_engine.remove_started()
        private_engine.docker("network", "rm", SECOND)


@pytest.fixture(scope="module")
def server(busy: Container, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that looks for containers on the engine, and has found some figures."""
    config = configuration("docker.yml", busy.engine, tmp_path_factory.mktemp("docker"))
    with prometheus(busy.engine.pid, config) as server:
        until(lambda: server.query("count_over_time(up[1m]) > 3"), "some scrapes")
        yield server


def expressions() -> list[str]:
    """What the dashboard asks, in the order of its panels."""
    return [query.expression or "" for panel in panels() for query in panel.queries]


def absent(expression: str) -> bool:
    """Whether an expression asks for what cannot be here."""
    return any(metric in expression for metric in ABSENT)


def test_a_labelled_container_is_found_once(server: Prometheus) -> None:
    """Two networks and three exposed ports are one target, named as the container is."""
    until(lambda: server.query("up == 1"), "a scrape")
    [(labels, _)] = server.query("up")
    assert labels["job"] == "selfinspect"
    assert labels["instance"] == "busy"


@pytest.mark.parametrize("expression", [each for each in expressions() if not absent(each)])
def test_a_query_of_the_dashboard_returns_data(server: Prometheus, expression: str) -> None:
    """What a panel asks has an answer for a container that has everything."""
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    until(lambda: any(isfinite(value) for _, value in server.query(expression)), expression)


def test_the_dashboard_shows_a_container_without_an_engine(
    private_engine: Engine, tmp_path: Path
) -> None:
    """It goes by instance: state, health and restarts alone are not there, and what is of those."""
    app = private_engine.start_plain(
        "--memory", "128m", "--cpus", "0.25",
        command=("run", "--engine", "off", "--", "sh", "-c", BUSY),
    ).ready()  # fmt: skip
    with scraping(app, tmp_path) as server:
        until(lambda: server.query("count_over_time(up[1m]) > 3"), "some scrapes")
        [(labels, _)] = server.query("up")
        values = {**VARIABLES, "$host": ".*", "$instance": labels["instance"]}
        asked = []
        for expression in expressions():
            for variable, value in values.items():
                expression = expression.replace(variable, value)  # noqa: PLW2901
            asked.append(expression)

        def empty() -> list[str]:
            return [expression for expression in asked if not server.query(expression)]

        until(lambda: len(asked) - len(empty()) >= 40, f"data for forty: {empty()}")


@pytest.mark.parametrize("metric", ABSENT)
def test_what_is_said_to_be_absent_is(server: Prometheus, metric: str) -> None:
    """The list of exceptions holds nothing that could be asked for."""
    assert any(metric in expression for expression in expressions())
    assert server.query(f'count({{__name__=~"{metric}.*"}})') == [], "it is there: ask for it"


@pytest.mark.parametrize(
    "record",
    re.findall(r"record: (\S+)", (ROOT / "deploy" / "prometheus" / "recording.yml").read_text()),
)
def test_a_recording_rule_records(server: Prometheus, record: str) -> None:
    """Each recorded name has a value for that container, and not merely zero."""
    until(lambda: server.query(f'{record}{{name="busy"}} > 0'), record)
