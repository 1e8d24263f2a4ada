"""Containers in several networks, found by both generations of Prometheus."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import until
from tests.engine.prometheus import configuration, newest_prometheus, prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engine.conftest import Engine
    from tests.engine.prometheus import Prometheus

pytestmark = pytest.mark.engine

NETWORKS = [f"{name}-{os.getpid()}" for name in ("first", "second")]


@pytest.fixture(scope="module")
def networked(private_engine: Engine) -> Iterator[Engine]:
    """Containers in two networks: created in either, in the bridge, and one with a wish."""
    first, second = NETWORKS
    for network in NETWORKS:
        private_engine.docker("network", "create", network)
    try:
        for name, created_in, joined, *wish in (
            ("in-first", first, second),
            ("in-second", second, first),
            ("in-bridge", "bridge", first),
            ("wishes", first, second, "--label", f"selfinspect.network={second}"),
        ):
            container = private_engine.start(
                "--name", name, "--network", created_in, "--expose", "8080",
                "--label", "selfinspect.scrape=true", *wish,
            )  # fmt: skip
            private_engine.docker("network", "connect", joined, container.id)
            container.ready()
        yield private_engine
    finally:
        private_engine.remove_started()
        for network in NETWORKS:
            private_engine.docker("network", "rm", network)


@pytest.fixture(scope="module", params=["docker.yml", "docker-3.yml"])
def server(
    networked: Engine, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """A Prometheus of each generation with its configuration, which has found some figures."""
    config = configuration(request.param, networked, tmp_path_factory.mktemp("networks"))
    program = "prometheus" if request.param == "docker.yml" else newest_prometheus()
    with prometheus(networked.pid, config, program) as server:
        until(lambda: len(server.query("count_over_time(up[1m]) > 3")) == 4, "some scrapes")
        yield server


def test_each_is_one_target_that_stays_up(server: Prometheus) -> None:
    """Never two of the same labels, which overwrite one another, and never none."""
    names = ["in-bridge", "in-first", "in-second", "wishes"]
    assert sorted(str(instance) for instance, _ in server.targets()) == names

    def ups() -> list[tuple[str, float]]:
        # Over several scrapes: of two with the same labels one would be down.
        found = server.query("min_over_time(up[10s])")
        return sorted((labels["instance"], value) for labels, value in found)

    until(lambda: ups() == [(name, 1) for name in names], "none that is down")
    lowest = server.query("up")
    assert {labels["host"] for labels, _ in lowest} == {"local"}


def test_each_is_scraped_in_the_network_that_is_meant(
    networked: Engine, server: Prometheus
) -> None:
    """The one it was created in, or the one that it asks for."""
    first, second = NETWORKS
    meant = {"in-first": first, "in-second": second, "in-bridge": "bridge", "wishes": second}
    found = dict(server.targets())
    for name, network in meant.items():
        template = f'{{{{(index .NetworkSettings.Networks "{network}").IPAddress}}}}'
        address = networked.docker("inspect", "--format", template, name)
        assert found[name] == f"http://{address}:10311/metrics"
