"""A supervised command with a fake agent: real programs, each recognised by what it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

DRIVER = """
import json, os, sys
from selfinspect.supervise.run import run
agent, uri_file, *arguments = sys.argv[1:]
sys.exit(run(arguments, os.environ, json.loads(agent), uri_file))
"""

AGENT = """
import os, signal, sys
from selfinspect.supervise.handover import Handover
handover = Handover.from_environment(os.environ)
def say(*words):
    os.write(1, " ".join(["agent", *map(str, words), "\\n"]).encode())
"""


class Supervised:
    """A running supervisor; its output is the command's and the agent's."""

    def __init__(self, process: subprocess.Popen[bytes], uri_file: Path) -> None:
        self.process = process
        self.uri_file = uri_file
        assert process.stdin is not None
        assert process.stdout is not None
        self.stdin = process.stdin
        self.stdout = process.stdout

    def line(self) -> str:
        """The next line of output, waited for."""
        return self.stdout.readline().decode().strip()

    def write(self, text: str) -> None:
        """Write a line to the command's standard input."""
        self.stdin.write(f"{text}\n".encode())
        self.stdin.flush()

    def send(self, number: int) -> None:
        """Send the supervisor a signal."""
        self.process.send_signal(number)

    def rest(self) -> list[str]:
        """All further lines, until every process that may write has ended."""
        return self.stdout.read().decode().splitlines()


class Supervise(Protocol):
    """Starts a supervisor."""

    def __call__(
        self,
        *command: str,
        agent: str | Sequence[str] = ...,
        listen: str = ...,
        options: Sequence[str] = ...,
        stderr: int | None = ...,
        through: Sequence[str] = ...,
    ) -> Supervised:
        """Supervise a command beside an agent: the rest of a script in Python, or a program."""
        ...


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Supervise]:
    """Start supervisors, and see to their end."""
    started = []

    def start(
        *command: str,
        agent: str | Sequence[str] = "handover.control.recv(1)",
        listen: str = "127.0.0.1:0",
        options: Sequence[str] = (),
        stderr: int | None = None,
        through: Sequence[str] = (),
    ) -> Supervised:
        uri_file = tmp_path / "run" / "uri"
        listeners = ["--listen", listen, "--metrics-listen", "off"]
        arguments = [*listeners, *options, "--", *command]
        program = [sys.executable, "-c", AGENT + agent] if isinstance(agent, str) else list(agent)
        process = subprocess.Popen(
            [
                *through,
                sys.executable,
                "-c",
                DRIVER,
                json.dumps(program),
                str(uri_file),
                *arguments,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, "SELFINSPECT_URI": "http://of.another.agent"},
        )
        started.append(process)
        return Supervised(process, uri_file)

    yield start
    for process in started:
        with process:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
