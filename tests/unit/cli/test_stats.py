"""`stats` and `top`: what this container uses, and its processes."""

from __future__ import annotations

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.cli.conftest import Call

ID = "a1b2c3d4" * 8
FIXTURES = Path(__file__).parents[2] / "fixtures"


class Asked(BaseHTTPRequestHandler):
    """An agent that somebody asked before: each answer has a percentage."""

    percents: ClassVar[list[float]] = []

    def do_GET(self) -> None:
        body = json.dumps({"cpu": {"percent": self.percents.pop(0)}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def environ() -> Iterator[dict[str, str]]:
    """Where such an agent is; its first percentage is of hours, its second of a second."""
    Asked.percents[:] = [1.0, 99.0]
    with HTTPServer(("127.0.0.1", 0), Asked) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield {"SELFINSPECT_URI": f"http://127.0.0.1:{server.server_port}"}
        finally:
            server.shutdown()
            thread.join()


def test_people_get_the_percentage_of_a_second(call: Call, environ: dict[str, str]) -> None:
    """Not the one since anybody last asked, which may be hours."""
    outcome = call("stats", environ=environ)
    assert outcome.code == 0
    assert outcome.out.splitlines()[1].startswith("99.00")


def test_programs_get_it_at_once(call: Call, environ: dict[str, str]) -> None:
    """With the seconds that it is of, as the agent answers."""
    outcome = call("stats", "--json", environ=environ)
    assert json.loads(outcome.out)["cpu"]["percent"] == 1.0
    assert Asked.percents == [99.0]


@pytest.fixture
def engineless(tmp_path: Path) -> tuple[str, ...]:
    """Options for a container without an engine that has two processes."""
    root = shutil.copytree(FIXTURES / "cgroup-v2", tmp_path / "root", symlinks=True)
    (root / "proc/self/cgroup").write_text(f"0::/docker/{ID}\n")
    group = shutil.copytree(root / "sys/fs/cgroup", root / f"sys/fs/cgroup/docker/{ID}")
    (group / "cgroup.procs").write_text("7\n8\n")
    for pid in (7, 8):
        (root / f"proc/{pid}").mkdir()
        (root / f"proc/{pid}/stat").write_text(f"{pid} (app{pid}) S 1 {'0 ' * 20}\n")
    return "--engine", "off", "--root", str(root)


def test_the_kernel_lists_processes_without_an_engine(
    call: Call, engineless: tuple[str, ...]
) -> None:
    """As `/v1/top?source=kernel` does; nothing is said where all are listed."""
    outcome = call("top", "--source", "kernel", *engineless)
    assert (outcome.code, outcome.err) == (0, "")
    head, *rows = map(str.split, outcome.out.splitlines())
    assert (head[0], head[-1]) == ("PID", "COMMAND")
    assert [(row[0], row[-1]) for row in rows] == [("7", "[app7]"), ("8", "[app8]")]


def test_processes_that_are_not_listed_are_counted(
    call: Call, engineless: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the list, which stays one for programs."""
    monkeypatch.setattr("selfinspect.kernel.processes._MOST_LISTED", 1)
    outcome = call("top", "--source", "kernel", *engineless)
    assert (outcome.code, len(outcome.out.splitlines())) == (0, 2)
    assert outcome.err == "1 more are not listed\n"
    document = json.loads(call("top", "--source", "kernel", "--json", *engineless).out)
    assert document["truncated"] == {"processes": 1}


def test_the_kernel_takes_no_columns(call: Call) -> None:
    """It runs no `ps`."""
    outcome = call("top", "--source", "kernel", "--args", "-ef")
    assert outcome.code == 2
    assert "--args" in outcome.err
