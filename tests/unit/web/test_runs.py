"""`/v1/runs`: the runs, and the last one that is over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import member
from selfinspect.model import Run

if TYPE_CHECKING:
    from tests.unit.web.conftest import Ask, World

PRESENT = Run(2, "2026-11-21T09:00:00.000000000Z", None, None, None, None, "unknown", ("events",))
OVER = Run(
    number=1,
    started_at="2026-11-21T08:00:00.000000000Z",
    finished_at="2026-11-21T08:59:59.000000000Z",
    exit_code=137,
    signal="SIGKILL",
    oom_killed=True,
    cause="oom",
    sources=("supervisor", "events"),
    evidence=(14, 15),
)
DOCUMENT = {
    "number": 1,
    "started_at": "2026-11-21T08:00:00.000000000Z",
    "finished_at": "2026-11-21T08:59:59.000000000Z",
    "exit_code": 137,
    "signal": "SIGKILL",
    "oom_killed": True,
    "cause": "oom",
    "sources": ["supervisor", "events"],
    "evidence": [14, 15],
    "expected": False,
}


def test_every_run(world: World, ask: Ask) -> None:
    """Newest first, every member there."""
    world.runs = (PRESENT, OVER)
    present = {**dict.fromkeys(DOCUMENT), "number": 2, "cause": "unknown", "sources": ["events"]}
    present |= {"started_at": PRESENT.started_at, "evidence": [], "expected": False}
    assert ask("/v1/runs").json == {"runs": [present, DOCUMENT]}


@pytest.mark.parametrize("runs", [(PRESENT, OVER), (OVER,)])
def test_the_previous_run_is_the_last_that_is_over(
    world: World, ask: Ask, runs: tuple[Run, ...]
) -> None:
    """Also where the container does not run."""
    world.runs = runs
    assert ask("/v1/runs/previous").json == DOCUMENT


@pytest.mark.parametrize("runs", [(PRESENT,), ()])
def test_a_first_run_has_none_before_it(world: World, ask: Ask, runs: tuple[Run, ...]) -> None:
    """404, as a problem."""
    world.runs = runs
    answer = ask("/v1/runs/previous")
    assert answer.status == 404
    assert member(answer.json, "type") == "urn:selfinspect:problem:not-found"


@pytest.mark.parametrize("path", ["/v1/runs", "/v1/runs/previous"])
def test_without_an_identity_there_are_none(world: World, ask: Ask, path: str) -> None:
    """503: whose they would be is unknown."""
    world.runs = (OVER,)
    world.snapshot = replace(world.snapshot, self=None)
    assert ask(path).status == 503
