from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from selfinspect.engine.access import sequence, text_mapping
from tests.engine.conftest import sh, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selfinspect.model import Json
    from tests.engine.conftest import Container, Engine

pytestmark = pytest.mark.engine


@pytest.fixture
def app(engine: Engine) -> Container:
    """A container with an agent and a memory limit."""
    return engine.start("--name", "scraped", "--memory", "128m").ready()


@pytest.fixture
def prometheus(app: Container, tmp_path: Path) -> Iterator[Prometheus]:
    """Debian's Prometheus in the engine's network, scraping the container from outside."""
    address = app.inspect("{{.NetworkSettings.IPAddress}}")
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        "scrape_configs:\n"
        "  - job_name: selfinspect\n"
        f"    static_configs: [{{targets: ['{address}:10311']}}]\n"
    )
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            ["nsenter", "--net", "--target", str(app.engine.pid), "prometheus",
             f"--config.file={config}", f"--storage.tsdb.path={tmp_path}/data",
             "--web.listen-address=127.0.0.1:19090"],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield Prometheus(app.engine)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)


class Prometheus:
    """A running Prometheus, asked over its own API."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """The labels and the value of each sample of an instant query."""
        answer = sh(
            "nsenter", "--net", "--target", self._engine.pid, "curl", "--silent",
            f"http://127.0.0.1:19090/api/v1/query?query={quote(expression)}", check=False,
        )  # fmt: skip
        document: Json = json.loads(answer or "{}")
        return [
            (dict(text_mapping(each, "metric")), float(str(sequence(each, "value")[1])))
            for each in sequence(document, "data", "result")
        ]


def test_prometheus_learns_the_containers_memory(app: Container, prometheus: Prometheus) -> None:
    """A real scrape, a real query: the container's memory, under its own name and ID."""
    query = 'container_memory_usage_bytes{name="scraped"}'
    until(lambda: prometheus.query(query), "the first scrape")
    [(labels, value)] = prometheus.query(query)
    assert labels["id"] == f"/docker/{app.id}"
    assert labels["image"] == app.engine.image
    assert 10 << 20 < value < 128 << 20


def test_the_page_is_what_promtool_expects(app: Container) -> None:
    """`promtool check metrics` complains of nothing but of cAdvisor's own names."""
    page = app.curl("/metrics", port=10311)
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=page + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in checked.stderr.splitlines() if not line.startswith("container_")]
    assert complaints == []
