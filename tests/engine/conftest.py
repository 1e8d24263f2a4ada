from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selfinspect.model import Json

ROOT = Path(__file__).parents[2]
PATIENCE = 180.0
_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """For a run of `test_engines.py` alone."""
    parser.addoption(
        "--update-engines-table",
        action="store_true",
        help="write what the engines give into the table of `help engines`",
    )


def sh(*command: object, check: bool = True) -> str:
    """A command's standard output, without the last line break."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 or not check, f"{command}: {done.stdout[-3000:]}{done.stderr}"
    return done.stdout.rstrip("\n")


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition, but not for ever."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.02)


def settled(relay: Relay) -> None:
    """Wait until the event streams are open, the past is read and the inspect after that made."""
    until(
        lambda: (
            sum("/events" in request for request in relay.requests) >= 4
            and relay.requests[-1].endswith("/json")
        ),
        f"two streams, their past, then an inspect: {relay.requests}",
    )


@dataclass
class Container:
    """A container with an agent in it, seen from outside."""

    engine: Engine
    id: str

    @property
    def pid(self) -> int:
        return int(self.inspect("{{.State.Pid}}"))

    def inspect(self, template: str) -> str:
        return self.engine.docker("inspect", "--format", template, self.id)

    def curl(self, path: str, *options: str, port: int = 10310) -> str:
        """What curl prints in the container's network."""
        return sh(
            "nsenter", "--net", "--target", self.pid, "curl", "--silent", "--show-error",
            "--max-time", "60", *options, f"http://127.0.0.1:{port}{path}",
        )  # fmt: skip

    def status(self, path: str, *options: str, port: int = 10310) -> int:
        return int(
            self.curl(
                path, "--output", "/dev/null", "--write-out", "%{http_code}", *options, port=port
            )
        )

    def json(self, path: str) -> Json:
        document: Json = json.loads(self.curl(path, "--header", "Accept: application/json"))
        return document

    def ready(self) -> Container:
        until(lambda: self._status_or_zero("/readyz") == 200, f"/readyz: {self.logs()}")
        return self

    def up(self) -> Container:
        """Wait until the agent answers at all, and has looked for an engine."""
        until(lambda: self._status_or_zero("/healthz") == 200, f"/healthz: {self.logs()}")
        until(lambda: "still being resolved" not in self.curl("/v1/identity"), "identity")
        return self

    def logs(self) -> str:
        return sh("docker", "--host", self.engine.url, "logs", self.id, check=False)

    def exec(self, *command: str) -> str:
        return self.engine.docker("exec", self.id, *command)

    def _status_or_zero(self, path: str) -> int:
        with contextlib.suppress(AssertionError):
            return self.status(path)
        assert self.inspect("{{.State.Running}}") == "true", self.engine.docker("logs", self.id)
        return 0


@dataclass
class Engine:
    """A private engine with the agent's image in it."""

    home: Path
    image: str = ""
    busybox: str = ""
    started: list[str] = field(default_factory=list)

    @property
    def socket(self) -> Path:
        return self.home / "docker.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def group(self) -> int:
        return self.socket.stat().st_gid

    @property
    def pid(self) -> int:
        return int((self.home / "docker.pid").read_text())

    def docker(self, *arguments: object) -> str:
        return sh("docker", "--host", self.url, *arguments)

    def start(
        self,
        *options: object,
        image: str | None = None,
        command: tuple[str, ...] = (),
        socket: Path | None = None,
        joined: bool = True,
    ) -> Container:
        """Start a container with the engine's socket in it, as a member of its group."""
        mounted = ("--volume", f"{socket or self.socket}:/var/run/docker.sock")
        group = ("--group-add", self.group) if joined else ()
        return self.start_plain(*mounted, *group, *options, image=image, command=command)

    def start_plain(
        self, *options: object, image: str | None = None, command: tuple[str, ...] = ()
    ) -> Container:
        """Start a container without any socket."""
        name = () if "--name" in options else ("--name", f"t-{os.getpid()}-{next(_numbers)}")
        identifier = self.docker("run", "--detach", *name, *options, image or self.image, *command)
        self.started.append(identifier)
        return Container(self, identifier)

    def remove_started(self) -> None:
        if self.started:
            self.docker("rm", "--force", "--volumes", *self.started)
            self.started.clear()


@contextlib.contextmanager
def serving_engine(home: Path) -> Iterator[Engine]:
    """An engine with the agent's image; its images stay on disk for the next one."""
    engine = Engine(home)
    script = ROOT / "deploy" / "local-engine.sh"
    home.parent.mkdir(parents=True, exist_ok=True)
    with (home.parent / "selfinspect-tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be filling it
        sh(ROOT / "deploy" / "wheelhouse.sh")
    sh(script, "up", "--dir", engine.home)
    try:
        base = sh(script, "base-image", "--dir", engine.home)
        engine.busybox = sh(script, "base-image", "--busybox", "--dir", engine.home)
        engine.image = "selfinspect:test"
        engine.docker(
            "build", "--quiet", "--build-arg", f"PYTHON_IMAGE={base}", "--tag", engine.image, ROOT
        )
        yield engine
        engine.docker("container", "prune", "--force")
        engine.docker("image", "prune", "--force")
    finally:
        sh(script, "down", "--dir", engine.home)


@pytest.fixture
def engine(private_engine: Engine) -> Iterator[Engine]:
    """The session's engine; the containers a test starts end with it."""
    yield private_engine
    private_engine.remove_started()


@pytest.fixture
def relay(engine: Engine, tmp_path: Path) -> Iterator[Relay]:
    """A socket that leads to the engine and counts what passes."""
    with relayed(engine, tmp_path) as relay:
        yield relay


@contextlib.contextmanager
def relayed(
    engine: Engine, folder: Path, *, of_answer: Callable[[bytes], bytes] = bytes
) -> Iterator[Relay]:
    """The same for any engine, with the socket in a folder; what it answers may be looked at."""
    with Relay(folder / "relay.sock", engine.socket, of_answer=of_answer) as relay:
        os.chown(relay.path, -1, engine.group)
        relay.path.chmod(0o660)
        yield relay


@contextlib.contextmanager
def another_engine(first: Engine, name: str, *options: str) -> Iterator[Engine]:
    """One more engine, with the first one's images, for as long as the context lasts."""
    engine = Engine(first.home.with_name(f"{first.home.name}-{name}"))
    script = ROOT / "deploy" / "local-engine.sh"
    sh(script, "up", *options, "--dir", engine.home)
    try:
        engine.busybox = sh(script, "base-image", "--busybox", "--dir", engine.home)
        engine.image = first.image
        copy_image(first, engine, engine.image)
        yield engine
        engine.docker("container", "prune", "--force")
        engine.docker("image", "prune", "--force")
    finally:
        sh(script, "down", "--dir", engine.home)


def copy_image(source: Engine, target: Engine, image: str) -> None:
    """An image, moved without a registry."""
    images = {engine.docker("images", "--quiet", image) for engine in (source, target)}
    if len(images) == 1:
        return
    sh(
        "bash", "-o", "pipefail", "-c",
        f"docker --host {source.url} save {image} | docker --host {target.url} load",
    )  # fmt: skip


@pytest.fixture(scope="session")
def lone_engine(private_engine: Engine) -> Iterator[Engine]:
    """An engine on which no other test has a container."""
    with another_engine(private_engine, "lone") as engine:
        yield engine


@pytest.fixture
def restartable(lone_engine: Engine) -> Iterator[Engine]:
    """An engine that a test may stop and start; the containers it starts end with the test."""
    yield lone_engine
    lone_engine.remove_started()
