"""One agent in its own image, beside the programs that others use for the same."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.benchmarks import asking, processes
from tests.benchmarks.asking import OverSocket, asked
from tests.benchmarks.figures import OURS, Row
from tests.benchmarks.peers import CLIENTS, SERVERS, NotToBeHad, environment, serving, within
from tests.engine.conftest import relayed, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from selfinspect.model import Json
    from tests.benchmarks.peers import Server
    from tests.engine.conftest import Container, Engine
    from tests.support.relay import Relay

API, METRICS = "10310", "10311"
SCRIPT = Path(asking.__file__)
SLOW = 5
"""Turns of what takes a second."""


@dataclass(frozen=True)
class Effort:
    """How often what is measured.

    Attributes:
        answers: of each kind.
        scrapes: before memory is read.
        requests: of the document, before it is read again.
        busy: seconds with a scrape and an event each, before it is read again.
        starts: of the agent.
        events: from the engine to a subscriber.
        idle: seconds.
        inits: starts of PID 1.
    """

    answers: int = 500
    scrapes: int = 2000
    requests: int = 100_000
    busy: float = 600
    starts: int = 15
    events: int = 100
    idle: float = 60
    inits: int = 25


QUICK = Effort(
    answers=150, scrapes=500, requests=5000, busy=20, starts=5, events=30, idle=15, inits=7
)


def measured(engine: Engine, folder: Path, effort: Effort) -> Iterator[Row]:
    """Everything of one agent."""
    app = engine.start("--no-healthcheck").ready()
    yield from _starts(app, effort)
    with serving(app) as peers:
        yield from _memory("after start", {OURS: app.pid})
        yield from _answers(app, effort, peers)
        _at(app, "together", API, "/metrics", 4, effort.scrapes // 4)
        in_use = f"in use (ours: {effort.scrapes} scrapes)"
        yield from _memory(in_use, {OURS: app.pid, **peers})
        document = ["http", API, "/v1/self", app.id]
        _at(app, "answers", {OURS: document}, effort.requests)
        yield from _memory(f"after {effort.requests} requests", {OURS: app.pid})
        _busy(app, effort.busy)
        yield from _memory(f"after {effort.busy:.0f} s of scrapes and events", {OURS: app.pid})
        _at(app, "together", API, "/metrics", 50, 10)
        yield from _memory("after 50 scrapes at once", {OURS: app.pid})
        yield from _idle(engine, folder, effort, peers)
    yield from _a_second(engine, effort)
    yield from _events(engine, folder, effort)
    yield from _pid_1(engine)


def _at(app: Container, function: str, *arguments: object, python: Path | None = None) -> Json:
    """What a function of `asking` answers in the network of a container."""
    words = [*within(app), python or sys.executable, SCRIPT, json.dumps([function, *arguments])]
    environ = os.environ | {"DOCKER_HOST": app.engine.url}
    done = subprocess.run(
        [str(word) for word in words], env=environ, stdout=subprocess.PIPE, check=True
    )
    found: Json = json.loads(done.stdout)
    return found


def _row(what: str, who: str, unit: str, found: Json) -> Row:
    """A row of samples, or of the reason why there are none."""
    if isinstance(found, list):
        return Row(what, who, unit, tuple(float(str(each)) for each in found))
    return Row(what, who, unit, lack=str(found))


def _starts(app: Container, effort: Effort) -> Iterator[Row]:
    """From exec to the first right answer: ours in its image, beside the agent that runs there."""
    what = "exec to the first right answer"
    app.engine.docker("cp", SCRIPT, f"{app.id}:/tmp/asking.py")
    command = ["selfinspect", "serve", "--listen=127.0.0.1:20000", "--metrics-listen=off"]
    spoken = json.dumps(["starts", command, "20000", "/v1/self", app.id, effort.starts])
    yield _row(what, OURS, "ms", json.loads(app.exec("python3", "/tmp/asking.py", spoken)))
    for server in SERVERS:
        try:
            command = server.words(app.engine.socket)
            found = _at(app, "starts", command, *_asked(server, app), SLOW)
        except NotToBeHad as error:
            found = str(error)
        except subprocess.CalledProcessError:
            found = "it does not start"
        yield _row(what, server.name, "ms", found)


def _asked(server: Server, app: Container) -> list[str]:
    """A peer's port, the path there, and what a right answer holds."""
    return [server.port, server.path.format(id=app.id), app.id[:12]]


def _answers(app: Container, effort: Effort, peers: Mapping[str, int]) -> Iterator[Row]:
    """Over kept connections: the container's own document, and its figures."""
    engine, own = str(app.engine.socket), f"/containers/{app.id}"
    stats = f"{own}/stats?stream=false&one-shot=true"
    asks = {
        "own document": {
            OURS: ["http", API, "/v1/self", app.id],
            "engine, raw socket": ["raw", engine, f"{own}/json"],
            "docker SDK": ["sdk", engine, app.id, "inspect"],
            "aiodocker": ["aiodocker", engine, app.id],
        },
        "figures": {OURS: ["http", METRICS, "/metrics", ""]},
    }
    slow = {
        "engine, raw socket": ["raw", engine, stats],
        "docker SDK": ["sdk", engine, app.id, "stats"],
    }
    for server in SERVERS:
        if server.name in peers:
            asks[server.what][server.name] = ["http", *_asked(server, app)]
    # It asks the engine at each scrape, which takes a second on some.
    if exporter := asks["figures"].pop("glorpen-docker-exporter", None):
        slow["glorpen-docker-exporter"] = exporter
    try:
        python = environment(CLIENTS)
    except NotToBeHad:
        python = Path(sys.executable)
    for what, turns, each in (
        ("own document", effort.answers, asks["own document"]),
        ("figures", effort.answers, asks["figures"]),
        ("figures", SLOW, slow),
    ):
        found = _at(app, "answers", each, turns, python=python)
        assert isinstance(found, dict)
        for who, samples in sorted(found.items(), key=lambda item: [*each].index(item[0])):
            yield _row(what, who, "ms", samples)
    for server in SERVERS:
        if server.name not in peers:
            yield Row(server.what, server.name, "ms", lack="see its start")


def _a_second(engine: Engine, effort: Effort) -> Iterator[Row]:
    """Where agent and client share one CPU; the engine has the machine's others."""
    app = engine.start("--no-healthcheck", "--cpuset-cpus", "0").ready()
    own = f"/containers/{app.id}/json"
    for who, ask in (
        (OURS, ["http", API, "/v1/self", app.id]),
        ("engine, raw socket", ["raw", str(engine.socket), own]),
    ):
        found = _at(app, "a_second", ask, effort.answers * 2, SLOW)
        yield _row("own documents a second, client on the same CPU", who, "1/s", found)


def _busy(app: Container, seconds: float) -> None:
    """A scrape and an event each second."""
    end = time.monotonic() + seconds
    with (
        ThreadPoolExecutor(1) as pool,
        contextlib.closing(OverSocket(str(app.engine.socket))) as connection,
    ):
        scrapes = pool.submit(_at, app, "scrapes", METRICS, "/metrics", seconds)
        while time.monotonic() < end:
            asked(connection, f"/containers/{app.id}/rename?name=n-{time.monotonic_ns()}", "POST")
            time.sleep(1)
        scrapes.result()


def _memory(when: str, running: Mapping[str, int]) -> Iterator[Row]:
    for kind in processes.Memory._fields:
        for who, process in running.items():
            sample = getattr(processes.memory(process), kind)
            yield Row(f"memory, {kind}, {when}", who, "MiB", (sample,))


def _idle(engine: Engine, folder: Path, effort: Effort, peers: Mapping[str, int]) -> Iterator[Row]:
    """CPU, wake-ups and requests to the engine while nobody asks and nothing happens."""
    with relayed(engine, folder) as relay:
        app = engine.start("--no-healthcheck", socket=relay.path).ready()
        until(lambda: _is_quiet(relay), "the agent has asked all it asks at its start")
        running = {OURS: app.pid, **peers}
        requests = len(relay.requests)
        before = {who: _taken(process) for who, process in running.items()}
        time.sleep(effort.idle)
        after = {who: _taken(process) for who, process in running.items()}
        for index, what, unit, over in (
            (0, "idle, CPU", "ms/min", 60),
            (1, "idle, wake-ups", "1/s", 1),
        ):
            for who in running:
                sample = (after[who][index] - before[who][index]) / effort.idle * over
                yield Row(what, who, unit, (sample,))
        asked_for = (len(relay.requests) - requests) / effort.idle * 60
        yield Row("idle, requests to the engine", OURS, "1/min", (asked_for,))


def _is_quiet(relay: Relay) -> bool:
    """Whether nothing is asked for two seconds."""
    before = len(relay.requests)
    time.sleep(2)
    return len(relay.requests) == before


def _taken(process: int) -> tuple[float, int]:
    return processes.cpu(process), processes.wakeups(process)


def _events(engine: Engine, folder: Path, effort: Effort) -> Iterator[Row]:
    """From the engine's raw stream to a subscriber of ours."""
    shared = folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    app = engine.start(
        "--volume", f"{shared}:/shared", "--no-healthcheck",
        "--env", "SELFINSPECT_LISTEN=127.0.0.1:10310,unix:///shared/api.sock",
    ).ready()  # fmt: skip
    filters = quote(json.dumps({"container": [app.id], "event": ["rename"]}))
    raw_path = f"/v{asking.VERSION}/events?filters={filters}"
    with (
        _arrivals(engine.socket, raw_path, b'"Action":"rename"') as raw,
        _arrivals(shared / "api.sock", "/v1/events/stream", b"event: rename") as ours,
        contextlib.closing(OverSocket(str(engine.socket))) as connection,
    ):
        for number in range(effort.events):
            asked(connection, f"/containers/{app.id}/rename?name=n-{number}", "POST")
            until(lambda: len(raw) == len(ours) == number + 1, "the rename, twice")  # noqa: B023
    delays = tuple((our - their) * 1e3 for our, their in zip(ours, raw, strict=True))
    yield Row("event, from the engine's raw stream to an SSE subscriber", OURS, "ms", delays)


@contextlib.contextmanager
def _arrivals(path: Path, target: str, mark: bytes) -> Iterator[Sequence[float]]:
    """When each line with a mark came, appended as they come."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        lines = connection.makefile("rb")
        assert b" 200 " in lines.readline()
        found: list[float] = []

        def read() -> None:
            for line in lines:
                if mark in line:
                    found.append(time.monotonic())  # noqa: PERF401 - seen while it grows

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield found
        finally:
            connection.shutdown(socket.SHUT_RDWR)
            reader.join()
            lines.close()


def _pid_1(engine: Engine) -> Iterator[Row]:
    """Its memory, and how long a killed agent is away."""
    app = engine.start("--no-healthcheck", command=("run", "--", "sleep", "1000")).ready()
    for kind, sample in processes.memory(app.pid)._asdict().items():
        yield Row(f"PID 1, memory, {kind}", OURS, "MiB", (sample,))
    taken = []
    for _ in range(3):
        agent = processes.agent_of(app.pid)
        begun = time.perf_counter()
        os.kill(agent, 9)
        until(lambda: processes.agents_of(app.pid) not in ([], [agent]), "another agent")  # noqa: B023
        app.ready()
        taken.append(time.perf_counter() - begun)
    yield Row("agent killed to its next ready answer", OURS, "s", tuple(taken))
