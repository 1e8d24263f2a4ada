"""Waiting for a change, from outside."""

from __future__ import annotations

import resource
import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.contract.conftest import PATIENCE
from tests.contract.test_http import ID, happened

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from selfinspect.model import Json
    from tests.contract.conftest import Agent, Serve
    from tests.support.canned_engine import CannedEngine

FIXTURES = Path(__file__).parents[1] / "fixtures"
MOST = 1024
NAME = "/v1/self/name?wait_for_change=true&timeout_sec=300"


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process have a connection for everyone who waits."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(before[0], min(4 * MOST, before[1]))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def rename(engine: CannedEngine, inspect: dict[str, Json], name: str) -> None:
    """Have the engine rename the container, and report it."""
    engine.knows({**inspect, "Name": f"/{name}"})
    engine.emit(happened("rename", time.time_ns(), oldName="/web", name=name))


def asking(path: str) -> bytes:
    """A request that has its connection closed after it."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()


def answer(connection: socket.socket) -> bytes:
    """The whole answer."""
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def full(agent: Agent) -> bool:
    """Whether nobody more may wait."""
    status = agent.api.ask("/v1/self/name?wait_for_change=true&timeout_sec=0").status
    assert status in (200, 503)
    return status == 503


def until_it_is(wanted: bool, agent: Agent) -> None:  # noqa: FBT001
    """Wait until as many wait as may, or until a place is free."""
    deadline = time.monotonic() + PATIENCE
    while full(agent) is not wanted:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_change_comes_with_its_tag(
    web: Agent, engine: CannedEngine, inspect: dict[str, Json]
) -> None:
    """Who waits with the ETag it got has the next value, and with that one nothing yet."""
    tag = web.api.ask("/v1/self/name").headers["etag"]
    with web.api.connect() as waiting:
        waiting.sendall(asking(f"{NAME}&last_etag={tag}"))
        assert web.api.text("/healthz") == "ok\n"
        rename(engine, inspect, "shop")
        head, _, body = answer(waiting).partition(b"\r\n\r\n")
    assert (head[:13], body) == (b"HTTP/1.1 200 ", b"shop\n")
    new = web.api.ask("/v1/self/name").headers["etag"]
    assert f"etag: {new}".encode() in head.split(b"\r\n")
    assert new != tag
    assert web.api.ask(f"{NAME}&last_etag={tag}").body == b"shop\n"
    brief = "/v1/self/name?wait_for_change=true&timeout_sec=0.1"
    assert web.api.ask(f"{brief}&last_etag={new}").body == b"shop\n"
    assert web.api.ask("/v1/self/name", headers={"If-None-Match": new}).status == 304


@pytest.mark.usefixtures("many_files")
def test_a_thousand_waiters_cost_one_inspect(
    web: Agent, engine: CannedEngine, inspect: dict[str, Json]
) -> None:
    """None of the engine while they wait, the usual one for the event; one more is refused."""
    asked = len(engine.requests)
    with ExitStack() as open_connections:
        waiting = [open_connections.enter_context(web.api.connect()) for _ in range(MOST)]
        for connection in waiting:
            connection.sendall(asking(NAME))
        until_it_is(wanted=True, agent=web)
        refused = web.api.ask(NAME)
        assert refused.headers["retry-after"]
        assert isinstance(refused.json, dict)
        assert refused.json["type"] == "urn:selfinspect:problem:too-many-streams"
        assert web.api.text("/v1/self/id") == f"{ID}\n"
        assert len(engine.requests) == asked
        rename(engine, inspect, "shop")
        for connection in waiting:
            assert answer(connection).endswith(b"\r\n\r\nshop\n")
    assert [request.split("?")[0].split(" ")[1] for request in engine.requests[asked:]] == [
        f"/v1.41/containers/{ID}/json"
    ]


@pytest.mark.usefixtures("many_files")
def test_who_hangs_up_makes_room(web: Agent) -> None:
    """A place is free again as soon as its client is gone."""
    with ExitStack() as open_connections:
        for _ in range(MOST):
            open_connections.enter_context(web.api.connect()).sendall(asking(NAME))
        until_it_is(wanted=True, agent=web)
    until_it_is(wanted=False, agent=web)


def failing(engine: CannedEngine, inspect: dict[str, Json], streak: int) -> None:
    """Have a health check fail again: no event says so, but that the check's exec ended."""
    state = inspect["State"]
    assert isinstance(state, dict)
    health: Json = {"Status": "healthy", "FailingStreak": streak, "Log": []}
    engine.knows({**inspect, "State": {**state, "Health": health}})
    now = time.time_ns()
    command = "/bin/sh -c test ! -e /tmp/sick"
    engine.emit(happened(f"exec_create: {command}", now, execID="a"))
    engine.emit(happened(f"exec_start: {command}", now + 1, execID="a"))
    engine.emit(happened("exec_die", now + 2, execID="a"))


@pytest.mark.parametrize(
    "path", ["/v1/self/health/failing_streak", "/v1/self", "/v1/inspect/State/Health/FailingStreak"]
)
def test_health_is_current_while_somebody_waits_for_it(
    web: Agent, engine: CannedEngine, inspect: dict[str, Json], path: str
) -> None:
    """Of it alone, or with all the rest."""
    with web.api.connect() as waiting:
        waiting.sendall(asking(f"{path}?wait_for_change=true&timeout_sec=300"))
        assert web.api.text("/healthz") == "ok\n"
        failing(engine, inspect, 2)
        assert answer(waiting)[:13] == b"HTTP/1.1 200 "
    assert web.api.text("/v1/self/health/failing_streak") == "2\n"


def test_health_is_current_while_somebody_streams(
    web: Agent, engine: CannedEngine, inspect: dict[str, Json]
) -> None:
    """As the page does; who waits for another member has it as of `inspected_at`."""
    asked = len(engine.matching(r"/json$"))
    with web.api.connect() as waiting:
        waiting.sendall(asking(NAME))
        assert web.api.text("/healthz") == "ok\n"
        failing(engine, inspect, 2)
        engine.emit(happened("exec_create: ls", time.time_ns(), execID="b"))
        while web.api.text("/v1/events?action=exec_create").count('"cursor"') == 0:
            time.sleep(0.01)
        assert len(engine.matching(r"/json$")) == asked
        with web.api.stream("/v1/events/stream"):
            failing(engine, inspect, 3)
            engine.wait_for_requests(asked + 1, r"/json$")


def test_without_an_engine_limits_follow_the_kernel(serve: Serve, tmp_path: Path) -> None:
    """`docker update` writes them: who asks has the new ones, and so has who waits."""
    root = shutil.copytree(FIXTURES / "cgroup-v2", tmp_path / "root", symlinks=True)
    agent = serve("--engine=off", f"--root={root}").ready()
    path = "/v1/self/limits/memory_bytes"
    before = agent.api.text(path)
    with agent.api.connect() as waiting:
        waiting.sendall(asking(f"{path}?wait_for_change=true&timeout_sec=300"))
        assert agent.api.text("/healthz") == "ok\n"
        (tmp_path / "memory.max").write_text("314572800\n")
        (tmp_path / "memory.max").rename(root / "sys/fs/cgroup/memory.max")
        deadline = time.monotonic() + PATIENCE
        while (found := agent.api.text(path)) == before:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert answer(waiting).endswith(b"\r\n\r\n314572800\n")
    assert (before, found) == ("134217728\n", "314572800\n")


def test_a_stop_answers_who_waits(web: Agent) -> None:
    """With what there is, whole, and long before its own time is over."""
    with web.api.connect() as waiting:
        waiting.sendall(asking(NAME))
        assert web.api.text("/healthz") == "ok\n"
        assert web.stop() == 0
        said = answer(waiting)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.endswith(b"\r\n\r\nweb\n")
