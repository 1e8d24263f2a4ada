"""Figures of PID 1, printed; run with `-m benchmark -s`."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.test_agent import report

if TYPE_CHECKING:
    from tests.engine.conftest import Engine

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

INSIDE = Path(__file__).with_name("inside_run.py")


def test_the_commands_start(engine: Engine) -> None:
    """Milliseconds from exec of the init to the command's first byte, beside the engine's init."""
    mounted = ("--volume", f"{INSIDE}:/inside.py:ro", "--no-healthcheck", "--init")
    app = engine.start(*mounted, "--entrypoint", "", command=("sleep", "1000"))
    report("ms to the command's first byte", json.loads(app.exec("python3", "/inside.py")))


def test_the_agents_return(engine: Engine) -> None:
    """Seconds from SIGKILL of the agent to its next ready answer."""
    app = engine.start("--no-healthcheck", command=("run", "--", "sleep", "1000")).ready()
    taken = []
    for _ in range(3):
        app.exec("sh", "-c", "kill -KILL $(grep -lz ^serve$ /proc/[0-9]*/cmdline | cut -d/ -f3)")
        begun = time.perf_counter()
        app.ready()
        taken.append(time.perf_counter() - begun)
        time.sleep(1)
    report("s from the agent's death to its return", statistics.median(taken))
