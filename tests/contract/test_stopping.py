"""A stop that is under way, as `run` and its agent say it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.contract.conftest import PROGRAM, Listener, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.model import Json

# Says where its agent is, survives SIGTERM, and ends with its input.
APP = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: print("TERM", flush=True))
print(os.environ["SELFINSPECT_URI"], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def app(here: tuple[str, ...]) -> Iterator[subprocess.Popen[str]]:
    """An app with its agent beside it, both up."""
    options = ("--listen=127.0.0.1:0", "--metrics-listen=off", "--wait=60s", "--stop-timeout=60s")
    process = subprocess.Popen(
        [*PROGRAM, "run", *here, *options, "--", sys.executable, "-c", APP],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process


def test_a_stop_is_told_with_its_deadline_and_in_an_event(app: subprocess.Popen[str]) -> None:
    """The app reads how long it has left; whoever follows the events sees it come."""
    assert app.stdout is not None
    api = Listener(app.stdout.readline().strip().removeprefix("http://"))
    stop: dict[str, Json] = {"signal": "SIGTERM", "timeout_seconds": 60, "source": "option"}
    assert json.loads(api.text("/v1/self/stop")) == stop
    assert api.text("/v1/self/stopping") == "\n"
    waiting = "/v1/self/stopping?wait_for_change=true&timeout_sec=30"
    with api.stream("/v1/events/stream") as events:
        app.send_signal(signal.SIGTERM)
        assert app.stdout.readline() == "TERM\n"
        event = json.loads(events.event("stopping")["data"])
    assert (event["type"], event["attributes"]["signal"]) == ("agent", "SIGTERM")
    found = json.loads(api.text(f"{waiting}&last_etag=x"))
    assert (found["signal"], found["deadline"]) == ("SIGTERM", event["attributes"]["deadline"])
    assert 0 < found["seconds_left"] <= 60


def test_the_event_names_nobody_who_is_only_assumed(tmp_path: Path) -> None:
    """The ID may be a neighbour's: it stays out of the journal and of what webhooks carry."""
    traps = Path(__file__).parents[1] / "fixtures" / "identity-traps"
    root = shutil.copytree(traps / "stale-short-hostname", tmp_path / "root")
    options = ("--engine=off", f"--root={root}", f"--journal={tmp_path}/journal", "--wait=60s")
    listen = ("--listen=127.0.0.1:0", "--metrics-listen=off")
    command = [*PROGRAM, "run", *options, *listen, "--", sys.executable, "-c", APP]
    with subprocess.Popen(
        command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as app:
        assert app.stdout is not None
        api = Listener(app.stdout.readline().strip().removeprefix("http://"))
        with api.stream("/v1/events/stream") as events:
            app.send_signal(signal.SIGTERM)
            event = json.loads(events.event("stopping")["data"])
        assert event["actor"] == {"id": "", "name": None}
        app.communicate()
