"""`/openapi.json` is true: schemathesis finds no difference between it and a live agent."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from selfinspect.web.openapi.__main__ import FILE
from tests.contract.conftest import environment
from tests.support.canned_engine import Answer, recorded
from tests.unit.engine.inspect.test_frames import frame

if TYPE_CHECKING:
    from pathlib import Path

    from selfinspect.model import Json
    from tests.contract.conftest import Serve
    from tests.support.canned_engine import CannedEngine

pytestmark = pytest.mark.timeout(1200)

SETTINGS = """
seed = 20261121
[parameters]
"query.timeout_sec" = 0
"query.follow" = "false"
"query.source" = "engine"
[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 503]
"""
"""Long answers are tested apart, the kernel knows no canned container, and 503 is documented."""


def find_no_difference(address: str, folder: Path) -> None:
    """Let schemathesis ask all it can think of; what it finds is the test's failure."""
    (folder / "schemathesis.toml").write_text(SETTINGS)
    ended = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", f"http://{address}/openapi.json",
            "--phases=examples,coverage,fuzzing", "--max-examples=15", "--workers=2",
            "--exclude-path-regex=/stream$", "--checks=all", "--continue-on-failure",
            "--request-timeout=120", "--no-color",
        ],
        cwd=folder, env=environment({"PYTHONWARNINGS": "default"}), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ended.returncode != 0:
        pytest.fail(ended.stdout + ended.stderr, pytrace=False)


def listing(engine: CannedEngine, inspect: dict[str, Json]) -> None:
    """Let the engine answer for all that can be asked of it."""
    container, image = f"/containers/{inspect['Id']}", f"/images/{inspect['Image']}"
    engine.answers |= {
        f"{container}/top": Answer(body={"Titles": ["PID", "CMD"], "Processes": [["7", "app"]]}),
        f"{container}/changes": Answer(body=[{"Path": "/tmp", "Kind": 0}]),
        f"{container}/logs": Answer(body=frame(1, b"one\n") + frame(2, b"two\n")),
        f"{image}/history": Answer(body=[{"Created": 1, "CreatedBy": "make", "Size": 5}]),
        "/info": Answer(body=recorded("info")),
        "/version": Answer(body={"Version": "20.10.24", "MinAPIVersion": "1.12", "Os": "linux"}),
    }


def test_it_is_true_with_an_engine(
    serve: Serve,
    here: tuple[str, ...],
    engine: CannedEngine,
    inspect: dict[str, Json],
    tmp_path: Path,
) -> None:
    """Every path, with what it takes and what it does not."""
    listing(engine, inspect)
    agent = serve(*here, "--listen=127.0.0.1:0", listen=False).ready()
    engine.wait_for_streams()
    find_no_difference(agent.api.address, tmp_path)


@pytest.mark.slow
def test_it_is_true_without_an_engine(serve: Serve, here: tuple[str, ...], tmp_path: Path) -> None:
    """503 where only an engine could answer."""
    options = ("--listen=127.0.0.1:0", "--engine=unix:///nowhere.sock", here[1])
    agent = serve(*options, listen=False)
    agent.logged("engine.missing")
    find_no_difference(agent.api.address, tmp_path)


def test_it_is_the_file(serve: Serve, here: tuple[str, ...]) -> None:
    """As it is shipped."""
    document = serve(*here).api.ask("/openapi.json").json
    assert document == json.loads(FILE.read_text())
