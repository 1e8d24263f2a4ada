"""The verbs that ask the engine for more than a look shows: with an agent, and without."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.contract.conftest import PATIENCE, PROGRAM, environment
from tests.contract.test_cli import run
from tests.support.canned_engine import Answer
from tests.unit.engine.inspect.test_frames import TIME, frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.model import Json
    from tests.contract.conftest import Agent
    from tests.support.canned_engine import CannedEngine


@pytest.fixture(autouse=True)
def listings(engine: CannedEngine, inspect: dict[str, Json]) -> None:
    """What the engine answers about the container."""
    container = f"/containers/{inspect['Id']}"
    rows: Json = [["7", "app --password=verysecret9"], ["12345", "sh"]]
    engine.answers |= {
        f"{container}/top": Answer(body={"Titles": ["PID", "CMD"], "Processes": rows}),
        f"{container}/logs": Answer(body=frame(1, b"one\n") + frame(2, b"two\n")),
    }


@pytest.fixture
def uri(web: Agent) -> dict[str, str]:
    """What a command beside the agent of `web` has in its environment."""
    path = web.api.address.removeprefix("unix://").replace("/", "%2F")
    return {"SELFINSPECT_URI": f"http+unix://{path}"}


TABLE = "PID    CMD\n7      app --password=[masked]\n12345  sh\n"


def test_the_processes(here: tuple[str, ...], engine: CannedEngine) -> None:
    """As a table, or as JSON; the columns can be chosen."""
    assert run("top", *here[:2]).stdout == TABLE
    ended = run("top", "--json", "--args", "-eo pid,cmd", *here[:2])
    assert json.loads(ended.stdout)["titles"] == ["PID", "CMD"]
    assert engine.matching("/top")[-1].endswith("?ps_args=-eo+pid%2Ccmd")


def test_columns_that_cannot_be_chosen_are_exit_2(here: tuple[str, ...]) -> None:
    """With what can be."""
    ended = run("top", "--args", "-p 1", *here[:2])
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "args '-p 1' are not allowed" in ended.stderr
    assert "-eo pid,comm" in ended.stderr


def test_the_log(here: tuple[str, ...], engine: CannedEngine) -> None:
    """As it was printed; so many of its last lines."""
    ended = run("logs", "--tail", "10", *here[:2])
    assert (ended.returncode, ended.stdout) == (0, "one\ntwo\n")
    assert "tail=10" in engine.matching("/logs")[-1]


def test_the_log_as_json(
    here: tuple[str, ...], engine: CannedEngine, inspect: dict[str, Json]
) -> None:
    """A document a line, with its time."""
    body = frame(1, TIME + b" one\n")
    engine.answers[f"/containers/{inspect['Id']}/logs"] = Answer(body=body)
    [line] = run("logs", "--json", *here[:2]).stdout.splitlines()
    assert json.loads(line) == {
        "stream": "stdout",
        "time": "2026-11-21T09:03:01.000000007Z",
        "line": "one",
    }


@pytest.mark.parametrize("beside", [True, False], ids=["an agent", "no agent"])
def test_a_part_of_the_log_with_its_times(
    request: pytest.FixtureRequest,
    here: tuple[str, ...],
    engine: CannedEngine,
    inspect: dict[str, Json],
    beside: bool,  # noqa: FBT001
) -> None:
    """The engine chooses the lines; each begins with its time."""
    environ = request.getfixturevalue("uri") if beside else {}
    engine.answers[f"/containers/{inspect['Id']}/logs"] = Answer(body=frame(1, TIME + b" one\n"))
    words = ("logs", "--since", "1000", "--until", "1970-01-01T00:20:00Z", "-t")
    ended = run(*words, *(() if beside else here[:2]), environ=environ)
    assert ended.stdout == "2026-11-21T09:03:01.000000007Z one\n"
    asked = engine.matching("/logs")[-1]
    assert "since=1000.000000000" in asked
    assert "until=1200.000000000" in asked
    assert "timestamps=true" in asked


def test_the_inspect_document(here: tuple[str, ...]) -> None:
    """Whole or a member, as `show` prints."""
    assert run("inspect", "State/Status", *here[:2]).stdout == "running\n"
    assert json.loads(run("inspect", "Config", *here[:2]).stdout)["Tty"] is False
    assert run("inspect", "Nope", *here[:2]).returncode == 1


def test_an_agent_is_asked_where_there_is_one(uri: Mapping[str, str], engine: CannedEngine) -> None:
    """It knows the engine already: one request each, and none for the inspect document."""
    before = len(engine.requests)
    assert run("top", environ=uri).stdout == TABLE
    assert run("logs", environ=uri).stdout == "one\ntwo\n"
    assert run("inspect", "State/Status", environ=uri).stdout == "running\n"
    assert len(engine.requests) == before + 2


@pytest.mark.parametrize("beside", [True, False], ids=["an agent", "no agent"])
def test_a_log_is_followed(
    request: pytest.FixtureRequest,
    here: tuple[str, ...],
    engine: CannedEngine,
    inspect: dict[str, Json],
    beside: bool,  # noqa: FBT001
) -> None:
    """Until the container ends; each line is there at once."""
    environ = request.getfixturevalue("uri") if beside else {}
    options = () if beside else here[:2]
    del engine.answers[f"/containers/{inspect['Id']}/logs"]
    following = subprocess.Popen(
        [*PROGRAM, "logs", "--follow", *options],
        env=environment(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    with following:
        assert following.stdout is not None
        try:
            engine.wait_for_logs(1)
            engine.print(frame(1, b"one\n"))
            assert following.stdout.readline() == "one\n"
            engine.end_logs()
            assert following.wait(PATIENCE) == 0
        finally:
            following.kill()


@pytest.mark.parametrize("verb", ["top", "logs", "inspect"])
def test_without_an_engine_they_are_exit_4(here: tuple[str, ...], verb: str) -> None:
    """With what was looked for."""
    ended = run(verb, "--engine=unix:///nowhere.sock", here[1])
    assert (ended.returncode, ended.stdout) == (4, "")
    assert "nowhere.sock" in ended.stderr


@pytest.mark.parametrize("verb", ["top", "logs"])
def test_what_is_denied_is_exit_5(
    here: tuple[str, ...], engine: CannedEngine, inspect: dict[str, Json], verb: str
) -> None:
    """With the variable that opens it."""
    engine.answers[f"/containers/{inspect['Id']}/{verb}"] = Answer(403, b"<h1>no</h1>")
    ended = run(verb, *here[:2])
    assert (ended.returncode, ended.stdout) == (5, "")
    assert "CONTAINERS=1" in ended.stderr
