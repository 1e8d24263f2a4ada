"""The engine and the limits of our access to it, from outside: `/v1/engine` and `doctor`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from selfinspect.jsonread import member, text
from tests.contract.conftest import PROGRAM, environment
from tests.support.canned_engine import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selfinspect.model import Json
    from tests.contract.conftest import Serve
    from tests.support.canned_engine import CannedEngine

DENIED = Answer(403, b"<html><body><h1>403 Forbidden</h1></body></html>")
VERSION = Answer(
    body={
        "Version": "20.10.24",
        "MinAPIVersion": "1.12",
        "Os": "linux",
        "KernelVersion": "6.1.0-9-amd64",
    }
)


def doctor(
    *options: str, environ: Mapping[str, str] | None = None, by: Sequence[str] = ()
) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code and the checks by their names."""
    ended = subprocess.run(
        [*by, *PROGRAM, "doctor", "--json", *options],
        env=environment(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stderr == ""
    document = json.loads(ended.stdout)
    assert document["ok"] is (ended.returncode == 0)
    return ended.returncode, {check["name"]: check for check in document["checks"]}


def test_the_engine_is_shown(engine: CannedEngine, serve: Serve, here: tuple[str, ...]) -> None:
    """Its versions, its machine, and what it lets through; asking costs it nothing."""
    engine.answers["/version"] = VERSION
    agent = serve(*here).ready()
    engine.wait_for_streams()
    engine.wait_for_requests(2, "/containers/.*/json")
    before = list(engine.requests)
    document = agent.api.ask("/v1/engine").json
    assert engine.requests == before
    assert isinstance(document, dict)
    assert (document["endpoint"], document["product"]) == (engine.url, "Docker")
    assert (document["version"], document["api_version"]) == ("20.10.24", "1.41")
    assert (document["min_api_version"], document["os"]) == ("1.12", "linux")
    assert (document["kernel"], document["encrypted"]) == ("6.1.0-9-amd64", None)
    assert document["reachable"] is True
    assert document["tried"] == [{"endpoint": engine.url, "outcome": "answers"}]
    capabilities = document["capabilities"]
    assert isinstance(capabilities, dict)
    assert (capabilities["inspect"], capabilities["events"]) == ("allowed", "allowed")
    assert (capabilities["logs"], capabilities["changes"]) == ("unknown", "unknown")


def test_without_an_engine_the_places_tried_are_reported(
    serve: Serve, here: tuple[str, ...]
) -> None:
    """All else is null."""
    document = serve(*here[1:2], "--engine=unix:///nowhere.sock").api.ask("/v1/engine").json
    assert (text(document, "endpoint"), member(document, "reachable")) == (None, False)


def _denying(engine: CannedEngine, inspect: dict[str, Json]) -> None:
    identifier = inspect["Id"]
    engine.answers |= {f"/containers/{identifier}/json": DENIED, "/containers/json": DENIED}


def test_a_proxys_denial_is_reported_with_what_opens_it(
    engine: CannedEngine, serve: Serve, here: tuple[str, ...], inspect: dict[str, Json]
) -> None:
    """403 names the capability and the variable; the engine counts as reachable."""
    _denying(engine, inspect)
    agent = serve(*here[:2])
    agent.logged("engine.missing")
    problem = agent.api.ask("/v1/inspect")
    assert problem.status == 403
    assert text(problem.json, "type") == "urn:selfinspect:problem:denied-by-engine"
    assert (text(problem.json, "detail") or "").startswith("inspect: ")
    assert "CONTAINERS=1" in (text(problem.json, "hint") or "")
    for path in ("/v1/stats?source=engine", "/v1/stats/raw", "/v1/top", "/v1/logs", "/v1/image"):
        assert agent.api.ask(path).status == 403, path
    document = agent.api.ask("/v1/engine").json
    assert member(document, "reachable") is True
    assert member(document, "capabilities", "inspect") == "denied"


def test_the_doctor_finds_nothing_amiss(engine: CannedEngine, here: tuple[str, ...]) -> None:
    """It asks for everything once, only reads, and needs no agent."""
    code, checks = doctor(*here[:2])
    assert (code, checks["identity"]["status"]) == (0, "pass")
    assert checks[f"engine {engine.url}"]["seen"] == "Docker 20.10.24, API 1.41"
    assert "stats" in checks["capabilities"]["seen"]
    assert not engine.matching("^(?!GET |HEAD )")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a privilege to go without")
def test_the_doctor_judges_as_the_agent_where_it_is_denied_itself(
    engine: CannedEngine, serve: Serve, here: tuple[str, ...], tmp_path: Path
) -> None:
    """As CMD's user, who may not open the engine's socket, while the agent's user may."""
    serve(*here).ready()
    Path(engine.url.removeprefix("unix://")).chmod(0)
    environ = {
        "SELFINSPECT_URI": f"http+unix://{quote(f'{tmp_path}/api.sock', safe='')}",
        "SELFINSPECT_ENGINE": engine.url,
        "SELFINSPECT_ROOT": here[1].removeprefix("--root="),
    }
    modes_apply = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
    code, checks = doctor(environ=environ, by=modes_apply)
    assert (code, checks["identity"]["status"]) == (0, "pass")
    place = checks[f"engine {engine.url}"]
    assert place["status"] == "pass"
    assert not place["fix"]
    assert "permission denied" in place["seen"]
    assert "the agent reaches it: Docker 20.10.24" in place["seen"]


def test_the_doctor_names_the_variable_of_a_denied_capability(
    engine: CannedEngine, here: tuple[str, ...], inspect: dict[str, Json]
) -> None:
    """What is denied beside the inspect is a warning, each with its fix."""
    engine.answers |= {f"/containers/{inspect['Id']}/stats": DENIED, "/info": DENIED}
    code, checks = doctor(*here[:2])
    assert code == 0
    assert checks["capability stats"]["status"] == "warn"
    assert "CONTAINERS=1" in checks["capability stats"]["fix"]
    assert "INFO=1" in checks["capability info"]["fix"]


def test_the_doctor_fails_where_the_inspect_is_denied(
    engine: CannedEngine, here: tuple[str, ...], inspect: dict[str, Json]
) -> None:
    """The place is the failing check, and the variable its fix."""
    _denying(engine, inspect)
    code, checks = doctor(*here[:2])
    assert (code, checks[f"engine {engine.url}"]["status"]) == (1, "fail")
    assert "CONTAINERS=1" in checks[f"engine {engine.url}"]["fix"]
