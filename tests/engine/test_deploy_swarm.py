from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import ROOT, Container, until
from tests.engine.prometheus import configuration, prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.conftest import Engine

pytestmark = [pytest.mark.engine, pytest.mark.slow]

TASKS = "label=com.docker.swarm.task"


@pytest.fixture(scope="module")
def one_node(private_engine: Engine) -> Iterator[Engine]:
    """The engine as a Swarm of one node; in a second Swarm it attaches nothing to a network."""
    private_engine.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
    try:
        yield private_engine
    finally:
        private_engine.docker("swarm", "leave", "--force")
        no_tasks(private_engine)
        private_engine.docker("network", "rm", "docker_gwbridge")


@pytest.fixture
def swarm(one_node: Engine) -> Iterator[Engine]:
    """The Swarm; the services a test creates end with it."""
    yield one_node
    one_node.remove_started()
    if services := one_node.docker("service", "ls", "--quiet").split():
        one_node.docker("service", "rm", *services)
    no_tasks(one_node)


def no_tasks(node: Engine) -> None:
    """Wait for the end of the containers of services."""
    until(lambda: not node.docker("ps", "--quiet", "--filter", TASKS), "the end of the tasks")


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


def test_the_stack_runs_its_app_with_a_secret(swarm: Engine, tmp_path: Path) -> None:
    """Two tasks where they are placed; their metrics want the token that is a secret."""
    swarm.docker(
        "build", "--quiet", "--build-arg", f"SELFINSPECT_IMAGE={swarm.image}",
        "--build-arg", "PYTHON_IMAGE=selfinspect-base:bookworm", "--tag", "selfinspect-quickstart",
        ROOT / "examples" / "quickstart",
    )  # fmt: skip
    token = tmp_path / "token"
    token.write_text("a-token\n")
    swarm.docker("secret", "create", "metrics-token", token)
    environ = {
        **os.environ,
        "DOCKER_HOST": swarm.url,
        "DOCKER_GID": str(swarm.group),
        "DOCKER_SOCKET": str(swarm.socket),
        "APP_PLACEMENT": "node.role==manager",
    }
    stack = ROOT / "deploy" / "swarm" / "stack.yml"
    subprocess.run(
        ["docker", "stack", "deploy", "--resolve-image", "never", "--compose-file", stack, "shop"],
        env=environ, check=True, capture_output=True,
    )  # fmt: skip
    label = "label=com.docker.swarm.service.name=shop_app"

    def tasks() -> list[str]:
        return swarm.docker("ps", "--quiet", "--no-trunc", "--filter", label).split()

    try:
        until(lambda: len(tasks()) == 2, "two tasks")
        for identifier in tasks():
            app = Container(swarm, identifier).ready()
            assert app.curl("/v1/self/swarm/service") == "shop_app"
            assert app.curl("/v1/self/identity/level") == "proven"
            assert app.status("/metrics", port=10311) == 401
            bearer = ("--header", "Authorization: Bearer a-token")
            assert app.status("/metrics", *bearer, port=10311) == 200
    finally:
        swarm.docker("stack", "rm", "shop")
