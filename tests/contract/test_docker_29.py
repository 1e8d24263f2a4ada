"""Docker 29, whose API is 1.52 to 1.55: answers made after its documentation, not recorded."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.api.connection import HIGHEST_API
from tests.support.canned_engine import PING, Answer, recorded, recorded_events
from tests.support.container_root import container_root

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.conftest import Agent, Serve
    from tests.support.canned_engine import CannedEngine

MADE = 1_795_264_561_447_859_168
STAMP = "2026-11-21T12:36:01.447859168Z"


RELEASES = {
    "29.0.0": ("1.52", "1.44", b""),
    "29.2.0": ("1.53", "1.44", b"\x1e"),
    "29.3.0": ("1.54", "1.40", b""),
    "29.6.0": ("1.55", "1.40", b"\x1e"),
}
"""Each with its highest and its lowest API, and what its events begin with: JSON lines have
nothing there, json-seq has a record separator. Either may come from any of them.
"""


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """One release."""
    return str(request.param)


@pytest.fixture
def web(serve: Serve, engine: CannedEngine, tmp_path: Path, release: str) -> Agent:
    """An agent whose container has no layer in inspect, and no volume, which forbids the stamp."""
    highest, lowest, engine.separator = RELEASES[release]
    inspect = recorded("inspect-api-1.52") | {"Mounts": []}
    identifier = str(inspect["Id"])
    engine.knows(inspect, image=recorded("image"), stats=recorded("stats"))
    engine.answers["/_ping"] = Answer(
        body=b"OK",
        headers={**PING.headers, "Api-Version": highest, "Server": f"Docker/{release}"},
    )
    engine.answers["/version"] = Answer(
        body={"Version": release, "ApiVersion": highest, "MinAPIVersion": lowest, "Os": "linux"}
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


def test_it_is_asked_in_a_version_of_both(web: Agent, engine: CannedEngine, release: str) -> None:
    """Ours, which is not below its lowest, or it would refuse: every path but the first has it."""
    highest, lowest, _ = RELEASES[release]
    assert _number(lowest) <= _number(HIGHEST_API) <= _number(highest)
    paths = [request.split(" ")[1] for request in engine.requests]
    assert paths[0] == "/_ping"
    assert all(path.startswith(f"/v{HIGHEST_API}/") for path in paths[1:])
    document = web.api.ask("/v1/engine").json
    assert isinstance(document, dict)
    shown = (document["version"], document["api_version"], document["min_api_version"])
    assert shown == (release, HIGHEST_API, lowest)


def test_it_proves_itself_without_a_layer(web: Agent, release: str) -> None:
    """No GraphDriver on the containerd image store: the date of a file is the proof."""
    identity = web.api.ask("/v1/identity").json
    assert isinstance(identity, dict)
    assert (identity["level"], identity["method"]) == ("proven", "stamp")
    assert web.api.text("/v1/self/engine/version") == f"{release}\n"


def test_its_networks_are_known(web: Agent) -> None:
    """The addresses stand with the networks alone."""
    networks = web.api.ask("/v1/self/networks").json
    assert isinstance(networks, dict)
    assert all(isinstance(one, dict) and one["ip"] for one in networks.values())
    assert networks


def test_its_past_is_read(web: Agent) -> None:
    """What it held before the agent was there, as lines or as a sequence."""
    document = web.api.ask("/v1/events").json
    assert isinstance(document, dict)
    events = document["events"]
    assert isinstance(events, list)
    found = [(each["action"], each["source"]) for each in events if isinstance(each, dict)]
    assert ("start", "replay") in found
    assert not any(action == "gap" for action, _ in found)


def test_its_events_arrive(web: Agent, engine: CannedEngine) -> None:
    """Without `status`, `id` and `from`, as lines or as a sequence."""
    events = recorded_events("events-api-1.52")
    [rename] = [event for event in events if event["Action"] == "rename"]
    with web.api.stream("/v1/events/stream") as stream:
        engine.emit(rename)
        assert stream.frame()["event"] == "rename"


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
