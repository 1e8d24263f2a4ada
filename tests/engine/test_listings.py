"""`/v1/logs`, `/v1/top`, `/v1/changes`, `/v1/image` of a real engine."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import integer, member, sequence, text, texts
from tests.engine.conftest import PATIENCE, until

if TYPE_CHECKING:
    from selfinspect.model import Json
    from tests.engine.conftest import Container, Engine

pytestmark = pytest.mark.engine

PRINTS = """
echo out; echo err >&2; echo "the password is $DB_PASSWORD";
head -c 40000 /dev/zero | tr '\\0' y; echo; head -c 200000 /dev/zero | tr '\\0' z; echo;
printf 'zw\\303\\266i\\n'; touch /tmp/added; echo done; exec sleep 1000
"""
NDJSON = ("--header", "Accept: application/x-ndjson")


def printing(engine: Engine, *options: str) -> Container:
    """A container whose app has printed all that it prints."""
    command = ("run", "--wait", "5m", "--log-level", "error", "--", "sh", "-c", PRINTS)
    app = engine.start("--env", "DB_PASSWORD=hunter2-battery", *options, command=command).ready()
    until(lambda: app.curl("/v1/logs?tail=1") == "done", "the last line")
    return app


def records(app: Container, query: str = "") -> list[dict[str, Json]]:
    """The log, line by line."""
    return [json.loads(line) for line in app.curl(f"/v1/logs{query}", *NDJSON).splitlines()]


def test_the_log_of_a_container_without_a_terminal(engine: Engine) -> None:
    """Both outputs, whole lines however the engine cuts them, secrets masked, times in order."""
    app = printing(engine)
    told = records(app)
    lines = {str(line["line"]): line["stream"] for line in told}
    assert lines["out"] == lines["done"] == lines["zwöi"] == lines["y" * 40_000] == "stdout"
    assert lines["err"] == "stderr"
    assert "the password is [masked]" in lines
    assert "z" * 61_440 + " [cut: 138560 bytes more]" in lines
    assert len(told) == 7
    times = [str(line["time"]) for line in told if line["stream"] == "stdout"]
    assert times == sorted(times)
    assert all(len(time) == len("2026-11-21T09:03:01.000000000Z") for time in times)
    assert app.curl("/v1/logs?stderr=true") == "err"
    assert app.curl("/v1/logs?stdout=true&tail=2") == "zwöi\ndone"
    assert app.curl(f"/v1/logs?since={times[-1]}") == "done"
    assert "done" not in app.curl(f"/v1/logs?until={times[0]}")
    # An engine alone would look for it among the last line of the whole log.
    assert app.curl(f"/v1/logs?stdout=true&tail=1&until={times[0]}") == "out"
    assert app.exec("selfinspect", "logs", "--tail", "1") == "done"
    capabilities = member(app.json("/v1/engine"), "capabilities")
    assert text(capabilities, "logs") == "allowed"


def test_a_log_that_nobody_keeps(engine: Engine) -> None:
    """The logging driver `none`: what helps is said, and the page sees the driver beforehand."""
    app = engine.start("--log-driver", "none", command=("run", "--", "sleep", "1000")).ready()
    problem = app.json("/v1/logs")
    assert member(problem, "type") == "urn:selfinspect:problem:unsupported-by-engine"
    assert "--log-driver local" in str(member(problem, "hint"))
    assert member(app.json("/v1/inspect/HostConfig"), "LogConfig", "Type") == "none"


def test_the_log_of_a_container_with_a_terminal(engine: Engine) -> None:
    """One stream without frames, its lines without carriage returns."""
    app = printing(engine, "--tty")
    plain = app.curl("/v1/logs").split("\n")
    assert plain[:3] == ["out", "err", "the password is [masked]"]
    assert plain[3] == "y" * 40_000
    assert {line["stream"] for line in records(app)} == {"stdout"}
    assert text(records(app)[0], "line") == "out"
    assert all(line["time"] for line in records(app))


def test_the_log_is_followed(engine: Engine) -> None:
    """A line is there when it is printed; the answer ends with the container."""
    app = printing(engine)
    following = subprocess.Popen(
        [
            "nsenter", "--net", "--target", str(app.pid), "curl", "--silent", "--no-buffer",
            "--max-time", str(2 * PATIENCE), "http://127.0.0.1:10310/v1/logs?follow=true&tail=1",
        ],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with following:
        assert following.stdout is not None
        assert following.stdout.readline() == "done\n"
        app.exec("sh", "-c", "echo later > /proc/1/fd/1")
        assert following.stdout.readline() == "later\n"
        engine.docker("stop", "--time", "60", app.id)
        assert following.stdout.read() == ""


def test_a_driver_that_keeps_no_log(engine: Engine) -> None:
    """Is a problem with a name."""
    app = engine.start("--log-driver", "none").ready()
    problem = app.json("/v1/logs")
    assert member(problem, "status") == 503
    assert text(problem, "type") == "urn:selfinspect:problem:unsupported-by-engine"
    assert text(app.json("/v1/engine"), "capabilities", "logs") == "unsupported"


def test_processes_changes_and_image(engine: Engine) -> None:
    """What the engine lists of the container."""
    app = printing(engine)
    top = app.json("/v1/top?args=-eo%20pid,args")
    assert texts(top, "titles") == ("PID", "COMMAND")
    commands = [row[1] for row in sequence(top, "processes") if isinstance(row, list)]
    assert "sleep 1000" in commands
    assert "sleep 1000" in app.exec("selfinspect", "top")
    assert {"path": "/tmp/added", "kind": "added"} in sequence(app.json("/v1/changes"), "changes")
    image = app.json("/v1/image")
    assert text(image, "id") == app.inspect("{{.Image}}")
    assert text(image, "reference") == engine.image
    assert integer(image, "size_bytes")
    made = [text(layer, "created_by") for layer in sequence(image, "history")]
    assert any("selfinspect" in (one or "") for one in made)
    states = member(app.json("/v1/engine"), "capabilities")
    assert {text(states, name) for name in ("top", "changes", "image")} == {"allowed"}
