from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import until
from tests.engine.prometheus import scraping

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.conftest import Container, Engine
    from tests.engine.prometheus import Prometheus

pytestmark = pytest.mark.engine


@pytest.fixture
def app(engine: Engine) -> Container:
    """A container with an agent and a memory limit."""
    return engine.start("--name", "scraped", "--memory", "128m").ready()


@pytest.fixture
def server(app: Container, tmp_path: Path) -> Iterator[Prometheus]:
    """Debian's Prometheus in the engine's network, scraping the container from outside."""
    with scraping(app, tmp_path) as server:
        yield server


def test_prometheus_learns_the_containers_memory(app: Container, server: Prometheus) -> None:
    """A real scrape, a real query: the container's memory, under its own name and ID."""
    query = 'container_memory_usage_bytes{name="scraped"}'
    until(lambda: server.query(query), "the first scrape")
    [(labels, value)] = server.query(query)
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
