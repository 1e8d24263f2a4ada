"""`/v1/logs` from outside: followed, hung up on, stopped, and read slowly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.canned_engine import Answer
from tests.unit.engine.inspect.test_frames import frame

if TYPE_CHECKING:
    from selfinspect.model import Json
    from tests.contract.conftest import Agent
    from tests.support.canned_engine import CannedEngine


def test_a_log_is_followed_until_the_agent_stops(web: Agent, engine: CannedEngine) -> None:
    """Each line comes as it is printed, and the answer ends as an answer does."""
    with web.api.open("/v1/logs?follow=true&tail=0") as response:
        engine.wait_for_logs(1)
        engine.print(frame(1, b"one\n"))
        assert response.readline() == b"one\n"
        assert web.stop() == 0
        assert response.read() == b""
    engine.wait_for_logs(0)


def test_who_hangs_up_leaves_nothing_open(web: Agent, engine: CannedEngine) -> None:
    """Neither here nor at the engine, though nothing is printed any more."""
    responses = [web.api.open("/v1/logs?follow=true") for _ in range(3)]
    engine.wait_for_logs(3)
    for response in responses:
        response.close()
    engine.wait_for_logs(0)
    assert web.stop() == 0


def test_a_log_ends_with_the_container(web: Agent, engine: CannedEngine) -> None:
    """What the engine ends is ended, its last line whole."""
    with web.api.open("/v1/logs?follow=true") as response:
        engine.wait_for_logs(1)
        engine.print(frame(1, b"the end"))
        engine.end_logs()
        assert response.read() == b"the end\n"


def test_a_secret_in_two_frames_is_masked(
    web: Agent, engine: CannedEngine, inspect: dict[str, Json]
) -> None:
    """By the values of the container's variables."""
    config = inspect["Config"]
    assert isinstance(config, dict)
    assert isinstance(config["Env"], list)
    [secret] = [
        str(entry).partition("=")[2]
        for entry in config["Env"]
        if str(entry).startswith("DB_PASSWORD=")
    ]
    half = len(secret) // 2
    frames = frame(1, secret[:half].encode()) + frame(1, f"{secret[half:]} used\n".encode())
    engine.answers[f"/containers/{inspect['Id']}/logs"] = Answer(body=frames)
    assert web.api.text("/v1/logs") == "[masked] used\n"


def test_a_long_log_takes_no_memory(
    web: Agent, engine: CannedEngine, inspect: dict[str, Json]
) -> None:
    """Sixteen mebibytes pass through, and are never all there at once."""
    lines = b"".join(frame(1, b"%06d %s\n" % (number, b"x" * 8000)) for number in range(2048))
    engine.answers[f"/containers/{inspect['Id']}/logs"] = Answer(body=lines)
    before = peak(web)
    with web.api.open("/v1/logs") as response:
        last = b""
        while line := response.readline():
            last = line
    assert last.startswith(b"002047 ")
    assert peak(web) - before < 8 * 2**20


def peak(agent: Agent) -> int:
    """The most memory that the agent ever had, in bytes."""
    status = Path(f"/proc/{agent.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


def test_an_engine_without_a_log(
    web: Agent, engine: CannedEngine, inspect: dict[str, Json]
) -> None:
    """Its no is a problem of its own, and is remembered."""
    engine.answers[f"/containers/{inspect['Id']}/logs"] = Answer(501, {"message": "no such driver"})
    reply = web.api.ask("/v1/logs")
    assert reply.status == 503
    assert b"urn:selfinspect:problem:unsupported-by-engine" in reply.body
    document = web.api.ask("/v1/engine").json
    assert isinstance(document, dict)
    assert isinstance(document["capabilities"], dict)
    assert document["capabilities"]["logs"] == "unsupported"
