"""The agent as a program of its own, against an engine that answers what a test scripts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import TYPE_CHECKING, Protocol, Self

import pytest

from tests.support.canned_engine import recorded
from tests.support.container_root import container_root

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from selfinspect.model import Json
    from tests.support.canned_engine import CannedEngine

PATIENCE = 60.0
LAYER = "95b814a531a36b643bd71c074b95f60c6db50af37501d77bc07a8619e8fea786"

# The agent leaves its address in /run, where it may, and its journal: each gets one of its own.
_OWN_RUN = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "sh"]
HAS_OWN_RUN = subprocess.run([*_OWN_RUN, "true"], capture_output=True, check=False).returncode == 0
PROGRAM = [*(_OWN_RUN if HAS_OWN_RUN else []), sys.executable, "-m", "selfinspect"]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment, without what would speak to the program under test."""
    ours = ("SELFINSPECT_", "DOCKER_")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**plain, "SELFINSPECT_JOURNAL": "/run/journal", **(extra or {})}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, its header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        """The body, read as JSON."""
        document: Json = json.loads(self.body)
        return document


class Listener:
    """One address of an agent, to be connected to."""

    def __init__(self, address: str) -> None:
        self.address = address

    def connect(self) -> socket.socket:
        """A connection."""
        if self.address.startswith("unix://"):
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(PATIENCE)
            connection.connect(self.address.removeprefix("unix://"))
            return connection
        host, _, port = self.address.rpartition(":")
        host = host.strip("[]").replace("::", "::1") if host == "[::]" else host.strip("[]")
        return socket.create_connection((host, int(port)), PATIENCE)

    def say(self, request: bytes) -> bytes:
        """Everything that comes back after these bytes, until the agent hangs up."""
        with self.connect() as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    def open(
        self, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> HTTPResponse:
        """An answer whose body is still to be read."""
        connection = HTTPConnection("localhost")
        # The answer's file keeps the socket open, and closes it when it is closed itself.
        with self.connect() as connection.sock:
            return self._answer(connection, path, method, {"Host": "localhost", **(headers or {})})

    @staticmethod
    def _answer(
        connection: HTTPConnection, path: str, method: str, headers: Mapping[str, str]
    ) -> HTTPResponse:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse()

    def ask(
        self, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """A whole answer."""
        stated = {"Connection": "close", **(headers or {})}
        with self.open(path, method=method, headers=stated) as response:
            names = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, names, response.read())

    def text(self, path: str) -> str:
        """The body of a good answer."""
        reply = self.ask(path)
        assert reply.status == 200, reply
        return reply.body.decode()

    def stream(self, path: str, **headers: str) -> EventStream:
        """An open event stream."""
        stated = {name.replace("_", "-"): value for name, value in headers.items()}
        return EventStream(self.open(path, headers=stated))


class EventStream:
    """An open answer of server-sent events."""

    def __init__(self, response: HTTPResponse) -> None:
        self.response = response
        assert response.status == 200, response.read()

    def __enter__(self) -> Self:
        assert self.frame() == {"": "selfinspect events"}
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()

    def frame(self) -> dict[str, str]:
        """The next frame, field by field; a comment's field has no name. Empty at the end.

        A comment without a word, which is sent when nothing has happened for long, is none.
        """
        while (fields := self._fields()) == {"": ""}:
            pass
        return fields

    def event(self, action: str) -> dict[str, str]:
        """The next event of this action, waited for, whatever else happens before it."""
        for frame in iter(self.frame, {}):
            if frame.get("event") == action:
                return frame
        raise AssertionError(f"the stream ended without {action}")

    def _fields(self) -> dict[str, str]:
        fields = {}
        while (line := self.response.readline()) not in (b"\n", b""):
            name, _, value = line.decode().rstrip("\n").partition(":")
            fields[name] = value.removeprefix(" ")
        return fields


class Agent:
    """A running agent.

    Attributes:
        api: its first API listener.
        listeners: all of them.
        metrics: its metrics listener.
        log: the lines of its log so far.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.log: list[dict[str, Json]] = []
        self._grown = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        listening = self.logged("agent.listening")
        self.listeners = [Listener(each) for each in str(listening["api"]).split(",")]
        self.api = self.listeners[0]
        self.metrics = Listener(str(listening["metrics"]))

    def logged(self, event: str, **members: Json) -> dict[str, Json]:
        """The first line of the log about this event, waited for."""
        return self.logged_one_of(event, **members)

    def logged_one_of(self, *events: str, **members: Json) -> dict[str, Json]:
        """The first line about any of these events."""

        def found() -> dict[str, Json] | None:
            return next(
                (
                    line
                    for line in self.log
                    if line["event"] in events and members.items() <= line.items()
                ),
                None,
            )

        with self._grown:
            line = self._grown.wait_for(found, PATIENCE)
        assert line, self.log
        return line

    def ready(self) -> Agent:
        """The same, once it is ready."""
        self.logged("agent.ready")
        return self

    def stop(self, number: int = signal.SIGTERM, *, within: float = PATIENCE) -> int:
        """Its exit code after a signal."""
        self.process.send_signal(number)
        return self.ended(within=within)

    def ended(self, *, within: float = PATIENCE) -> int:
        """Its exit code, once it has ended; its log is whole then."""
        code = self.process.wait(within)
        self._reader.join(PATIENCE)
        return code

    def end(self) -> None:
        """See to its end, whatever the test did."""
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
            self._reader.join()
            assert self.process.stderr is not None
            self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for text in self.process.stderr:
            line: dict[str, Json]
            try:
                line = json.loads(text)
            except ValueError:
                line = {"event": "no JSON", "text": text}
            with self._grown:
                self.log.append(line)
                self._grown.notify_all()
        with self._grown:
            self._grown.notify_all()


class Serve(Protocol):
    """Starts an agent."""

    def __call__(
        self,
        *options: str,
        environ: Mapping[str, str] = ...,
        listen: bool = ...,
        by: Sequence[str] = ...,
    ) -> Agent:
        """An agent that listens; on a Unix socket of its own unless options say where.

        Args:
            options: its own.
            environ: further variables.
            listen: whether it has the usual listener.
            by: a command that starts another in its place.
        """
        ...


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start agents, and see to their end."""
    started: list[subprocess.Popen[str]] = []
    agents: list[Agent] = []

    def start(
        *options: str,
        environ: Mapping[str, str] | None = None,
        listen: bool = True,
        by: Sequence[str] = (),
    ) -> Agent:
        usual = [f"--listen=unix://{tmp_path}/api.sock"] if listen else []
        process = subprocess.Popen(
            [*by, *PROGRAM, "serve", "--metrics-listen=127.0.0.1:0", *usual, *options],
            env=environment(environ),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        agents.append(Agent(process))
        return agents[-1]

    yield start
    for agent in agents:
        agent.end()
    for process in started[len(agents) :]:
        process.kill()
        process.wait()


@pytest.fixture
def inspect() -> dict[str, Json]:
    """What the engine says of the container called `web`."""
    return recorded("inspect")


@pytest.fixture
def here(tmp_path: Path, engine: CannedEngine, inspect: dict[str, Json]) -> tuple[str, ...]:
    """Options for the container that the engine knows, whose layer is the proof."""
    engine.knows(inspect, image=recorded("image"), stats=recorded("stats"))
    identifier = str(inspect["Id"])
    root = container_root(
        tmp_path / "root", container=identifier, layer=LAYER, hostname=identifier[:12]
    )
    return (f"--engine={engine.url}", f"--root={root}", "--stats-source=engine")


@pytest.fixture
def web(serve: Serve, here: tuple[str, ...], engine: CannedEngine) -> Agent:
    """A ready agent in the container called `web`, which follows the engine's events.

    All that it asks the engine by itself has been asked.
    """
    agent = serve(*here).ready()
    agent.logged("engine.followed")
    for extra in ("/info", "/version", "/images/.*/json"):
        engine.wait_for_requests(1, extra)
    return agent
