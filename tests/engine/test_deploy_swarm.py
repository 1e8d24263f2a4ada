from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import until
from tests.engine.prometheus import configuration, prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.conftest import Engine

pytestmark = [pytest.mark.engine, pytest.mark.slow]


@pytest.fixture
def swarm(engine: Engine) -> Iterator[Engine]:
    """The engine as a Swarm of one node."""
    engine.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
    try:
        yield engine
    finally:
        engine.remove_started()
        engine.docker("swarm", "leave", "--force")
        until(lambda: not engine.docker("ps", "--quiet"), "the end of the tasks")
        engine.docker("network", "rm", "docker_gwbridge")


def test_the_tasks_of_a_swarm_are_found_once(swarm: Engine, tmp_path: Path) -> None:
    """Each task of a labelled service is one target, named as its container is."""
    for network in ("tasks", "other"):
        swarm.docker("network", "create", "--driver", "overlay", "--attachable", network)
    service = (
        "service", "create", "--detach", "--group", swarm.group, "--network", "tasks",
        "--mount", f"type=bind,src={swarm.socket},dst=/var/run/docker.sock",
        "--health-interval", "1s",
    )  # fmt: skip
    labels = ("--label", "selfinspect.scrape=true", "--label", "selfinspect.network=tasks")
    swarm.docker(
        *service, *labels, "--name", "twice", "--replicas", "2", "--network", "other",
        "--publish", "8080", swarm.image,
    )  # fmt: skip
    swarm.docker(*service, *labels, "--name", "every", "--mode", "global", swarm.image)
    swarm.docker(*service, "--name", "unlabelled", swarm.image)
    neighbour = swarm.start_plain(
        "--network", "tasks", image=swarm.busybox, command=("sleep", "600")
    )
    with prometheus(neighbour.pid, configuration("swarm.yml", swarm, tmp_path)) as server:
        until(lambda: len(server.query("up == 1")) == 3, "three tasks")
        assert len(server.query("up")) == 3
        found = [labels for labels, _ in server.query("selfinspect_container_info")]
    assert sorted(labels["swarm_service"] for labels in found) == ["every", "twice", "twice"]
    assert [labels["instance"] for labels in found] == [labels["name"] for labels in found]
