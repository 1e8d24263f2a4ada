"""What an engine says and who asks are not trusted: neither breaks an answer, nor the agent."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, NoReturn

import pytest

from selfinspect.engine.access import mapping, member
from tests.canned_engine import Answer
from tests.contract.conftest import HAS_OWN_RUN, PROGRAM, environment

if TYPE_CHECKING:
    from selfinspect.model import Json
    from tests.canned_engine import CannedEngine
    from tests.contract.conftest import Serve


def strict(body: bytes) -> Json:
    """The document of a body that is JSON by the letter, in UTF-8."""

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(constant)

    document: Json = json.loads(body.decode(), parse_constant=refuse)
    return document


def lies(engine: CannedEngine, inspect: dict[str, Json]) -> None:
    """Let the engine say numbers that are none, and halves of characters."""
    host = mapping(inspect, "HostConfig")
    lying = {**inspect, "HostConfig": {**host, "NanoCpus": 0, "Memory": 0}}
    document = json.dumps(lying)
    for said, instead in (
        ('"Image": "', '"Image": "\\ud83d'),
        ('"NanoCpus": 0', '"NanoCpus": NaN'),
        ('"Memory": 0', '"Memory": 1e999'),
    ):
        assert said in document, said
        document = document.replace(said, instead)
    engine.answers[f"/containers/{inspect['Id']}/json"] = Answer(body=document.encode())


def test_what_an_engine_cannot_mean_is_made_sane(
    serve: Serve, here: tuple[str, ...], engine: CannedEngine, inspect: dict[str, Json]
) -> None:
    """NaN and infinities are null, halves of characters U+FFFD, in inspect, stats and events."""
    lies(engine, inspect)
    stats = b'{"read": "2026-11-21T09:00:00Z", "cpu_stats": {"online_cpus": NaN}, "x": "\\udc00"}'
    engine.answers[f"/containers/{inspect['Id']}/stats"] = Answer(body=stats)
    agent = serve(*here)
    agent.logged("engine.followed")
    document = strict(agent.api.ask("/v1/inspect").body)
    assert str(member(document, "Config", "Image")).startswith("\ufffd")
    host = mapping(document, "HostConfig")
    assert (host["NanoCpus"], host["Memory"]) == (None, None)
    strict(agent.api.ask("/v1/self").body)
    strict(agent.api.ask("/v1/stats/raw").body)
    event = {
        "Type": "container",
        "Action": "rename",
        "Actor": {"ID": inspect["Id"], "Attributes": {"oldName": "\ud83d"}},
        "timeNano": 1_900_000_000_000_000_000,
    }
    with agent.api.stream("/v1/events/stream") as stream:
        engine.emit(event)
        assert strict(stream.frame()["data"].encode())
    strict(agent.api.ask("/v1/events").body)


@pytest.mark.skipif(not HAS_OWN_RUN, reason="a mount namespace needs root")
def test_a_name_with_half_a_character_holds_no_command_back(
    here: tuple[str, ...], engine: CannedEngine, inspect: dict[str, Json]
) -> None:
    """PID 1 hears that the agent is ready, and exports what can be said."""
    lies(engine, inspect)
    run = [*PROGRAM, "run", *here, "--listen=127.0.0.1:0", "--metrics-listen=off"]
    command = ["--wait=15s", "--export-env", "--", "sh", "-c", "echo $SELFINSPECT_CONTAINER_ID"]
    done = subprocess.run(
        [*run, *command], env=environment(), capture_output=True, timeout=60, check=False
    )
    assert os.fsdecode(done.stdout).strip() == inspect["Id"], done.stderr
