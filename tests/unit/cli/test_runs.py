"""`runs`: this container's runs, and how each ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.cli.events import row
from selfinspect.supervise.record import Record

if TYPE_CHECKING:
    from selfinspect.model import Json
    from tests.unit.cli.conftest import Call

MOUNTS = "1 0 0:1 / / rw - overlay overlay rw,upperdir=/layers/aa/diff\n"
OVER: Json = {
    "number": 1,
    "started_at": "2026-11-21T08:00:00.123456789Z",
    "finished_at": "2026-11-21T08:59:59.000000000Z",
    "exit_code": 0,
    "signal": None,
    "cause": "stopped",
}
PRESENT: Json = {
    "number": 2,
    "started_at": "2026-11-21T09:00:00.000000000Z",
    "finished_at": None,
    "exit_code": None,
    "signal": None,
    "cause": "unknown",
}


@pytest.fixture
def options(here: tuple[str, ...], tmp_path: Path) -> tuple[str, ...]:
    """Options for a container whose PID 1 has ended with 3 once, and is there again."""
    root = Path(here[here.index("--root") + 1])
    (root / "proc/self/mountinfo").write_text(MOUNTS)
    folder = tmp_path / "journal"
    Record(str(folder), MOUNTS).end(3, None)
    Record(str(folder), MOUNTS).begin()
    return (*here, "--journal", str(folder))


def test_cells() -> None:
    """Zero is known, a dash is not; the present run says so."""
    over = ("1", "2026-11-21 08:00:00", "2026-11-21 08:59:59", "0", "-", "stopped")
    assert row(OVER, newest=False) == over
    assert row(PRESENT, newest=True) == ("2", "2026-11-21 09:00:00", "-", "-", "-", "(present)")
    assert row(PRESENT, newest=False)[-1] == "unknown"


def test_a_table(call: Call, options: tuple[str, ...]) -> None:
    """A line for each run, newest first, in columns below their names."""
    outcome = call("runs", *options)
    head, present, before = outcome.out.splitlines()
    assert outcome.code == 0
    assert head.split()[0] == "RUN"
    assert (present.split()[0], present.split()[-1]) == ("2", "(present)")
    assert (before.split()[0], before.split()[-3:]) == ("1", ["3", "-", "exit"])
    assert before.index("exit") == head.index("CAUSE")


def test_json(call: Call, options: tuple[str, ...]) -> None:
    """What `/v1/runs` answers."""
    runs = json.loads(call("runs", "--json", *options).out)["runs"]
    assert [(run["number"], run["exit_code"]) for run in runs] == [(2, None), (1, 3)]


def test_nothing_is_known(call: Call, here: tuple[str, ...], tmp_path: Path) -> None:
    """The head alone."""
    outcome = call("runs", *here, "--journal", str(tmp_path))
    assert (outcome.code, len(outcome.out.splitlines())) == (0, 1)


def test_without_an_identity(call: Call, nowhere: tuple[str, ...]) -> None:
    """Exit 3: whose runs they would be is unknown."""
    assert call("runs", *nowhere).code == 3
