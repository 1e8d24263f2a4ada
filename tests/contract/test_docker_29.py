"""Docker 29, whose API is 1.52 at first: answers made after its documentation, not recorded."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.support.canned_engine import PING, Answer, recorded, recorded_events
from tests.support.container_root import container_root

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.conftest import Agent, Serve
    from tests.support.canned_engine import CannedEngine

MADE = 1_795_264_561_447_859_168
STAMP = "2026-11-21T12:36:01.447859168Z"


@pytest.fixture
def web(serve: Serve, engine: CannedEngine, tmp_path: Path) -> Agent:
    """An agent whose container has no layer in inspect, and no volume, which forbids the stamp."""
    inspect = recorded("inspect-api-1.52") | {"Mounts": []}
    identifier = str(inspect["Id"])
    engine.knows(inspect, image=recorded("image"), stats=recorded("stats"))
    engine.answers["/_ping"] = Answer(
        body=b"OK", headers={**PING.headers, "Api-Version": "1.52", "Server": "Docker/29.0.0"}
    )
    path_stat = base64.b64encode(json.dumps({"mtime": STAMP}).encode()).decode()
    engine.answers[f"/containers/{identifier}/archive"] = Answer(
        headers={"X-Docker-Container-Path-Stat": path_stat}
    )
    engine.answers["/containers/json"] = Answer(body=[{"Id": identifier, "Created": 1}])
    root = container_root(tmp_path / "root", container=identifier, layer="ab" * 32)
    (root / ".dockerenv").touch()
    os.utime(root / ".dockerenv", ns=(MADE, MADE))
    agent = serve(f"--engine={engine.url}", f"--root={root}", "--stats-source=engine").ready()
    agent.logged("engine.followed")
    return agent


def test_it_proves_itself_without_a_layer(web: Agent) -> None:
    """No GraphDriver on the containerd image store: the date of a file is the proof."""
    identity = web.api.ask("/v1/identity").json
    assert isinstance(identity, dict)
    assert (identity["level"], identity["method"]) == ("proven", "stamp")
    assert web.api.text("/v1/self/engine/version") == "29.0.0\n"


def test_its_networks_are_known(web: Agent) -> None:
    """The addresses stand with the networks alone."""
    networks = web.api.ask("/v1/self/networks").json
    assert isinstance(networks, dict)
    assert all(isinstance(one, dict) and one["ip"] for one in networks.values())
    assert networks


def test_its_events_arrive(web: Agent, engine: CannedEngine) -> None:
    """Without `status`, `id` and `from`, and each behind a record separator."""
    events = recorded_events("events-api-1.52")
    [rename] = [event for event in events if event["Action"] == "rename"]
    with web.api.stream("/v1/events/stream") as stream:
        engine.emit_line(b"\x1e" + json.dumps(rename).encode() + b"\n")
        assert stream.frame()["event"] == "rename"
