"""The programs that others use for the same, each in a Python environment of its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.asking import HOST
from tests.engine.conftest import ROOT, sh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engine.conftest import Container

_PATIENCE = 300
CLIENTS = ("docker>=7", "aiodocker>=0.24")
SLOW_START = 10

# It was written for Flask's old names.
_OLD_NAMES = """
import sys, types, flask_restful
sys.modules["flask.ext"] = types.ModuleType("flask.ext")
sys.modules["flask.ext.restful"] = flask_restful
from docker_introspection.docker_introspection import main
main()
"""


class NotToBeHad(Exception):  # noqa: N818 - it is said in the table, not raised to a user
    """Why a peer is not here."""


@dataclass(frozen=True)
class Server:
    """A peer that answers over HTTP.

    Attributes:
        name: the package that pip installs.
        packages: it, and what it needs beside.
        command: what follows `python`; `{port}` and `{engine}` are filled in.
        port: of the loopback.
        path: what is asked; `{id}` is the container's.
        what: the rows that it stands in.
    """

    name: str
    packages: tuple[str, ...]
    command: tuple[str, ...]
    port: str
    path: str
    what: str

    def words(self, engine: Path) -> list[str]:
        """The command line, once it is installed.

        Raises:
            NotToBeHad: it cannot be installed.
        """
        python = environment(self.packages)
        filled = (each.format(port=self.port, engine=engine) for each in self.command)
        return [str(python), *filled]


SERVERS = (
    Server(
        "docker-introspection",
        ("docker-introspection", "requests<2.29", "urllib3<2"),
        ("-c", _OLD_NAMES, "-b", HOST, "-p", "{port}", "-u", "unix://{engine}", "--no-auth"),
        "15055",
        "/containers/{id}",
        "own document",
    ),
    Server(
        "glorpen-docker-exporter",
        ("glorpen-docker-exporter",),
        ("-m", "glorpen_docker_exporter", "-a", HOST, "-p", "{port}"),
        "15056",
        "/metrics",
        "figures",
    ),
    Server(
        "glances",
        ("glances[web,containers]",),
        ("-m", "glances", "-w", "-B", HOST, "-p", "{port}", "--disable-webui",
         "--disable-autodiscover", "--disable-check-update"),
        "15057",
        "/api/4/containers",
        "figures",
    ),
)  # fmt: skip


@cache
def environment(packages: tuple[str, ...]) -> Path:
    """The Python of a virtual environment with these packages; it is kept for the next time.

    Raises:
        NotToBeHad: pip does not install them.
    """
    cached = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    key = hashlib.sha256(repr((sys.version, packages)).encode()).hexdigest()[:16]
    folder = cached / "selfinspect" / "peers" / key
    python, complete = folder / "bin" / "python", folder / ".complete"
    if not complete.exists():
        print(f"installing {', '.join(packages)}", file=sys.stderr)
        pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
        for command in ((sys.executable, "-m", "venv", "--clear", folder), (python, *pip)):
            _installed(command)
        complete.touch()
    return python


def _installed(command: tuple[object, ...]) -> None:
    words = [str(word) for word in command]
    try:
        subprocess.run(words, check=True, capture_output=True, text=True, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        raise NotToBeHad(f"pip took more than {_PATIENCE} s") from None
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.startswith("ERROR")]
        raise NotToBeHad((lines or ["pip failed"])[-1]) from None


@cache
def installed(name: str) -> str:
    """The path of a program that Debian has in a package of that name.

    Raises:
        NotToBeHad: there is none, and apt installs none.
    """
    if not shutil.which(name):
        script = f"source {ROOT}/deploy/packages.sh; install_missing {name}={name}"
        sh("bash", "-c", script, check=False)
    if found := shutil.which(name):
        return found
    raise NotToBeHad(f"apt-get install {name} failed")


def within(app: Container) -> list[str]:
    """What runs a command of this machine in a container's network."""
    return ["nsenter", "--net", "--target", str(app.pid)]


@contextmanager
def serving(app: Container) -> Iterator[dict[str, int]]:
    """The process of each peer that can be had, on its port of a container's loopback."""
    with ExitStack() as stack:
        running = {}
        for server in SERVERS:
            try:
                command = [*within(app), *server.words(app.engine.socket)]
            except NotToBeHad:
                continue
            running[server.name] = stack.enter_context(_running(command, app)).pid
        yield running


@contextmanager
def _running(command: list[str], app: Container) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        command,
        env=os.environ | {"DOCKER_HOST": app.engine.url},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as program:  # fmt: skip
        try:
            yield program
        finally:
            program.terminate()
            try:
                program.wait(timeout=SLOW_START)
            except subprocess.TimeoutExpired:
                program.kill()
