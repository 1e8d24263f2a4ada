"""What an engine says and who asks are not trusted: neither breaks an answer, nor the agent."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from selfinspect.jsonread import mapping, member
from tests.contract.conftest import HAS_OWN_RUN, PATIENCE, PROGRAM, environment
from tests.support.canned_engine import Answer, recorded

if TYPE_CHECKING:
    from selfinspect.model import Json
    from tests.contract.conftest import Listener, Serve
    from tests.support.canned_engine import CannedEngine


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
    event: dict[str, Json] = {
        "Type": "container",
        "Action": "rename",
        "Actor": {"ID": inspect["Id"], "Attributes": {"oldName": "\ud83d"}},
        "timeNano": 1_900_000_000_000_000_000,
    }
    with agent.api.stream("/v1/events/stream") as stream:
        engine.emit(event)
        assert strict(stream.event("rename")["data"].encode())
    strict(agent.api.ask("/v1/events").body)


def pipelining(listener: Listener, host: str) -> socket.socket:
    """A client that asks again and again for metrics, and reads nothing."""
    address, _, port = listener.address.rpartition(":")
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.bind((host, 0))
    client.settimeout(PATIENCE)
    client.connect((address, int(port)))
    client.setblocking(False)  # noqa: FBT003
    requests = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 50
    with suppress(OSError):
        client.send(requests)
    return client


def answers(listener: Listener) -> bool:
    try:
        return listener.ask("/healthz").status == 200
    except ConnectionResetError:
        return False


def test_clients_that_do_not_read_leave_room_for_a_scrape(serve: Serve) -> None:
    """One host with a hundred connections, or many hosts, hold no place of who reads."""
    agent = serve("--engine=off", by=("prlimit", "--nofile=256:256"))
    for hosts in (["127.0.0.2"], [f"127.0.1.{number}" for number in range(1, 101)]):
        with ExitStack() as stack:
            for number in range(100):
                client = pipelining(agent.metrics, hosts[number % len(hosts)])
                stack.enter_context(client)
            # While all of them are being answered nobody is slow yet, and the newest makes room.
            while not answers(agent.metrics):
                pass
            for _ in range(5):
                reply = agent.metrics.ask("/metrics")
                assert reply.status == 200
                assert b"# EOF" in reply.body or b"process_start_time" in reply.body
    assert [line for line in agent.log if line["level"] in ("error", "critical")] == []


@pytest.mark.skipif(not HAS_OWN_RUN, reason="a mount namespace needs root")
def test_a_name_with_half_a_character_holds_no_command_back(
    here: tuple[str, ...], engine: CannedEngine, inspect: dict[str, Json]
) -> None:
    """PID 1 hears that the agent is ready, and exports what can be said."""
    lies(engine, inspect)
    run = [*PROGRAM, "run", *here, "--listen=127.0.0.1:0", "--metrics-listen=off"]
    command = ["--wait=5m", "--export-env", "--", "sh", "-c", "echo $SELFINSPECT_CONTAINER_ID"]
    done = subprocess.run([*run, *command], env=environment(), capture_output=True, check=False)
    assert os.fsdecode(done.stdout).strip() == inspect["Id"], done.stderr


def _peak(process: int) -> int:
    """MiB that a process has had resident at most."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10


@pytest.mark.slow
def test_an_engine_that_knows_no_measure_does_not_fill_the_memory(
    serve: Serve, here: tuple[str, ...], engine: CannedEngine, inspect: dict[str, Json]
) -> None:
    """Of 150,000 variables some are kept, the rest counted, and each secret of all hidden."""
    secrets = [f"s3-{number * 7919 % 1_000_003:06d}-{number:06d}" for number in range(150_000)]
    config = mapping(inspect, "Config")
    env: list[Json] = [f"TOKEN_{number}={secret}" for number, secret in enumerate(secrets)]
    config["Env"] = env
    mapping(inspect, "Config", "Labels")["note"] = f"it ends with {secrets[-1]} now"
    engine.knows(inspect, image=recorded("image"), stats=recorded("stats"))
    agent = serve(*here, environ={"MALLOC_ARENA_MAX": "1"})
    line = agent.logged("inspect.truncated", level="warning")
    assert line["left_out"] == {"env": 150_000 - 4096}
    agent.logged("engine.followed")
    document = strict(agent.api.ask("/v1/self").body)
    assert member(document, "truncated") == {"env": 150_000 - 4096}
    assert len(mapping(document, "env")) == 4096
    assert set(mapping(document, "env").values()) == {"[masked]"}
    assert member(document, "labels", "note") == "it ends with [masked] now"
    assert member(strict(agent.api.ask("/v1/inspect").body), "truncated")
    assert _peak(agent.process.pid) <= 96
    assert len([line for line in agent.log if line["event"] == "inspect.truncated"]) == 1


@pytest.mark.parametrize(
    "odd",
    [
        "[" + ",".join(["{}"] * 2_500_000) + "]",
        '"' + "x" * 7_500_000 + '"',
        '"\U0001f600' + "x" * 7_500_000 + '"',
        "[" * 1_000_000 + "]" * 1_000_000,
        "[" + ",".join(["12345678"] * 800_000) + "]",
    ],
    ids=["objects", "text", "wide text", "depth", "numbers"],
)
def test_no_answer_fills_the_memory(
    serve: Serve, here: tuple[str, ...], engine: CannedEngine, inspect: dict[str, Json], odd: str
) -> None:
    """Of whatever kind it is: it is read and cut, or refused and said to be."""
    document = json.dumps({**inspect, "Odd": "@"}).replace('"@"', odd)
    engine.answers[f"/containers/{inspect['Id']}/json"] = Answer(body=document.encode())
    agent = serve(*here, environ={"MALLOC_ARENA_MAX": "1"})
    agent.logged_one_of("engine.missing", "engine.followed")
    strict(agent.api.ask("/v1/self").body)
    assert _peak(agent.process.pid) <= 96
