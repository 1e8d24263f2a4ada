"""Events and runs, over HTTP and by the verbs that ask an agent or look for themselves."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import integer, member, sequence, text
from tests.contract.conftest import PATIENCE, PROGRAM, environment
from tests.contract.test_stats import run, uri_of
from tests.support.canned_engine import recorded

if TYPE_CHECKING:
    from selfinspect.model import Json
    from tests.contract.conftest import Agent
    from tests.support.canned_engine import CannedEngine

SECOND = 10**9


def restart(engine: CannedEngine) -> None:
    """What `docker restart` has the engine tell, after all that it told before."""
    now = max(integer(dict(event), "timeNano") or 0 for event in engine.held)
    told: dict[str, dict[str, Json]] = {
        "kill": {"signal": "15"},
        "die": {"exitCode": "143"},
        "stop": {},
        "start": {},
    }
    for action, attributes in told.items():
        now += SECOND
        actor: dict[str, Json] = {
            "ID": recorded("inspect")["Id"],
            "Attributes": {"name": "web", **attributes},
        }
        engine.emit({"Type": "container", "Action": action, "Actor": actor, "timeNano": now})


@pytest.fixture
def inspect() -> dict[str, Json]:
    """The recorded container, without the labels that hide what its events say."""
    document = recorded("inspect")
    config = document["Config"]
    assert isinstance(config, dict)
    return {**document, "Config": {**config, "Labels": {}}}


@pytest.fixture
def restarted(web: Agent, engine: CannedEngine) -> Agent:
    """An agent that has seen its container stop and start."""
    with web.api.stream("/v1/events/stream") as stream:
        restart(engine)
        stream.event("start")
    return web


def test_the_run_before(restarted: Agent) -> None:
    """Over each of its paths the same."""
    before = restarted.api.ask("/v1/runs/previous").json
    assert [member(before, name) for name in ("cause", "exit_code", "signal", "oom_killed")] == [
        "stopped",
        143,
        "SIGTERM",
        False,
    ]
    assert member(restarted.api.ask("/v1/self").json, "previous_run") == before
    runs = sequence(restarted.api.ask("/v1/runs").json, "runs")
    assert [member(run, "number") for run in runs] == [2, 1]
    assert runs[1] == before
    assert restarted.api.text("/v1/self/previous_run/cause") == "stopped\n"
    page = restarted.metrics.text("/metrics")
    assert "selfinspect_previous_exit_code 143.0" in page
    assert "selfinspect_previous_oom_killed 0.0" in page


def test_a_first_run_has_none_before_it(web: Agent) -> None:
    """404 for one who asks, null in the document, no series for Prometheus."""
    assert web.api.ask("/v1/runs/previous").status == 404
    assert web.api.text("/v1/self/previous_run") == "\n"
    assert "selfinspect_previous_" not in web.metrics.text("/metrics")


def test_the_runs_by_the_verb(restarted: Agent) -> None:
    """The agent's, as a table or as JSON."""
    where = {"SELFINSPECT_URI": uri_of(restarted)}
    table = run("runs", environ=where)
    assert table.returncode == 0, table.stderr
    assert [line.split()[-1] for line in table.stdout.splitlines()] == [
        "CAUSE",
        "(present)",
        "stopped",
    ]
    document = json.loads(run("runs", "--json", environ=where).stdout)
    assert document == restarted.api.ask("/v1/runs").json


def test_the_events_by_the_verb(restarted: Agent) -> None:
    """All that the agent holds, or those from a time on."""
    where = {"SELFINSPECT_URI": uri_of(restarted)}
    held = sequence(restarted.api.ask("/v1/events").json, "events")
    told = run("events", "--json", environ=where).stdout.splitlines()
    assert [json.loads(line) for line in told] == held
    since = text(held[-2], "time") or ""
    lines = run("events", "--since", since, environ=where).stdout.splitlines()
    assert [line.split()[2] for line in lines] == ["stop", "start"]


@pytest.mark.parametrize("asked", ["an agent", "the engine"])
def test_events_as_they_come(
    web: Agent, engine: CannedEngine, here: tuple[str, ...], asked: str
) -> None:
    """Each once, after those of before; ^C ends it."""
    options = [option for option in here if not option.startswith("--stats-source")]
    agents = {"SELFINSPECT_URI": uri_of(web)}
    process = subprocess.Popen(
        [*PROGRAM, "events", "--follow", "--json", *(options if asked == "the engine" else ())],
        env=environment(agents if asked == "an agent" else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        before = json.loads(process.stdout.readline())
        assert before["action"] == "create"
        if asked == "the engine":
            engine.wait_for_streams(4)
        restart(engine)
        actions: list[str] = []
        while "stop" not in actions:
            actions.append(json.loads(process.stdout.readline())["action"])
        # Reconciliation may find the health check's verdict in between.
        ended = [action for action in actions if action in ("kill", "die", "stop")]
        assert ended == ["kill", "die", "stop"]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert process.stderr.read().strip() == ""
    finally:
        process.kill()
        process.communicate()
