from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import member, sequence, text
from tests.engine.conftest import until
from tests.engine.identity.conftest import documents

if TYPE_CHECKING:
    from tests.engine.conftest import Engine
    from tests.engine.identity.conftest import Bench

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("cgroupns", ["host", "private"])
def test_netns_is_the_container_whose_network_we_share(
    engine: Engine, bench: Bench, cgroupns: str
) -> None:
    """A sidecar's agent reports on the app, and on itself where the network is its own."""
    app = bench.neighbour
    sidecar = engine.start(
        "--network", f"container:{app.id}", "--cgroupns", cgroupns,
        command=("serve", "--target", "netns"),
    ).ready()  # fmt: skip
    assert sidecar.curl("/v1/self/id") == app.id
    assert text(sidecar.json("/v1/identity"), "level") == "confirmed"
    assert text(sidecar.json("/v1/stats"), "source") == "engine"
    assert sidecar.exec("selfinspect", "id", "--target", "self") == sidecar.id
    alone = engine.start("--cgroupns", cgroupns)
    assert alone.exec("selfinspect", "id", "--target", "netns") == alone.id


def test_a_name_gives_that_container(engine: Engine, bench: Bench) -> None:
    """By name or short ID: confirmed, never proven, and the figures are the engine's."""
    other = bench.neighbour
    name = other.inspect("{{.Name}}").removeprefix("/")
    agent = engine.start(command=("serve", "--target", name)).ready()
    assert agent.curl("/v1/self/id") == other.id
    assert agent.curl("/v1/self/name") == name
    assert agent.curl("/v1/self/identity/level") == "confirmed"
    assert text(agent.json("/v1/stats"), "source") == "engine"
    printed = agent.exec("selfinspect", "id", "--json", "--target", other.id[:12])
    assert text(json.loads(printed), "id") == other.id
    assert text(json.loads(printed), "level") == "confirmed"


def test_the_command_prints_what_the_agent_answers(engine: Engine) -> None:
    """`id --json` of the agent, and of a look of its own, are `/v1/identity`."""
    app = engine.start().ready()
    answered = app.json("/v1/identity")
    socket = "unix:///var/run/docker.sock"
    for options in ((), ("--engine", socket)):
        (printed,) = documents(app.exec("selfinspect", "id", "--json", *options))
        assert printed == answered
    assert member(answered, "reason") is None


def test_a_name_is_looked_up_again_when_its_container_was_removed(engine: Engine) -> None:
    """Until the next of that name is there, its state is `gone` and the agent not ready."""
    first = engine.start_plain(image=engine.busybox, command=("sleep", "1000"))
    name = first.inspect("{{.Name}}").removeprefix("/")
    agent = engine.start(command=("serve", "--target", name)).ready()
    engine.started.remove(first.id)
    engine.docker("rm", "--force", first.id)
    until(lambda: agent.curl("/v1/self/state") == "gone", "the removal")
    assert agent.curl("/v1/self/id") == first.id
    assert agent.status("/readyz") == 503
    assert f"{name} was removed" in agent.curl("/readyz")
    other = engine.start_plain(
        "--name", f"{name}-2", image=engine.busybox, command=("sleep", "1000")
    )
    engine.docker("rename", other.id, name)
    until(lambda: agent.curl("/v1/self/id") == other.id, "the next of that name")
    agent.ready()
    assert agent.curl("/v1/self/state") == "running"
    until(lambda: sequence(agent.json("/v1/events?action=rename"), "events"), "its rename")
    told = sequence(agent.json("/v1/events"), "events")
    assert {text(event, "actor", "id") for event in told if text(event, "type") == "container"} == {
        other.id
    }
