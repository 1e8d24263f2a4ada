"""`/v1/engine`: the engine and the limits of our access."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.model import Attempt, EngineFailure, MemoryEvents, Reach
from tests.unit.web.conftest import SNAPSHOT

if TYPE_CHECKING:
    from tests.unit.web.conftest import Ask, World

TRIED = (Attempt("unix:///var/run/docker.sock", "answers", "at length", "a hint"),)
UNKNOWN = {
    **dict.fromkeys(
        ("inspect", "stats", "events", "top", "logs", "changes", "image", "info"), "unknown"
    ),
    "memory_events": "unsupported",
}


def reach() -> Reach:
    """An engine with a few facts."""
    assert SNAPSHOT.engine is not None
    return Reach(
        SNAPSHOT.engine,
        min_api_version="1.24",
        os="linux",
        kernel="6.1.0",
        capabilities={"ping": "allowed", "inspect": "allowed", "top": "denied"},
    )


def test_the_whole_shape(world: World, ask: Ask) -> None:
    """Each member is there; what was not asked for yet is unknown."""
    world.reach = reach()
    world.snapshot = replace(SNAPSHOT, tried=TRIED)
    assert ask("/v1/engine").json == {
        "endpoint": "unix:///var/run/docker.sock",
        "product": "Docker",
        "version": "28.5.2",
        "api_version": "1.51",
        "min_api_version": "1.24",
        "os": "linux",
        "kernel": "6.1.0",
        "encrypted": None,
        "reachable": True,
        "capabilities": UNKNOWN | {"inspect": "allowed", "top": "denied"},
        "failure": None,
        "tried": [{"endpoint": "unix:///var/run/docker.sock", "outcome": "answers"}],
    }


def test_an_engine_that_is_away_keeps_its_name(world: World, ask: Ask) -> None:
    """It is not reachable, and its last facts stay."""
    world.reach = reach()
    world.snapshot = replace(SNAPSHOT, failure=EngineFailure("it went away"))
    document = ask("/v1/engine").json
    assert isinstance(document, dict)
    assert (document["reachable"], document["product"]) == (False, "Docker")


def test_an_engine_that_denies_is_reachable(world: World, ask: Ask) -> None:
    """A proxy's no is an answer."""
    world.reach = reach()
    world.snapshot = replace(SNAPSHOT, engine=None, failure=EngineFailure("no", denied=True))
    document = ask("/v1/engine").json
    assert isinstance(document, dict)
    assert document["reachable"] is True


def test_without_an_engine_all_is_null(world: World, ask: Ask) -> None:
    """But the places that were tried, and why none answers."""
    missing = (Attempt("unix:///var/run/docker.sock", "missing"),)
    world.snapshot = replace(SNAPSHOT, engine=None, tried=missing, failure=EngineFailure("none"))
    document = ask("/v1/engine").json
    assert isinstance(document, dict)
    assert document.pop("tried") == [
        {"endpoint": "unix:///var/run/docker.sock", "outcome": "missing"}
    ]
    assert document.pop("capabilities") == UNKNOWN
    assert document.pop("failure") == {
        "detail": "none",
        "hint": None,
        "denied": False,
        "no_target": False,
    }
    assert document.pop("reachable") is False
    assert set(document.values()) == {None}


def test_whether_short_memory_is_announced(world: World, ask: Ask) -> None:
    """On cgroup v2 the kernel says so; before the first look it is unknown."""
    assert SNAPSHOT.self is not None
    on_v2 = replace(SNAPSHOT.self, memory_events=MemoryEvents(0, 0, 0, 0))
    for own, expected in ((on_v2, "allowed"), (SNAPSHOT.self, "unsupported"), (None, "unknown")):
        world.snapshot = replace(SNAPSHOT, self=own)
        document = ask("/v1/engine").json
        assert isinstance(document, dict)
        assert isinstance(document["capabilities"], dict)
        assert document["capabilities"]["memory_events"] == expected
