"""What events say of the container, one after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selfinspect.events.lifecycle import Lifecycle
from selfinspect.model import Actor
from tests.support.occurrences import occurrence

if TYPE_CHECKING:
    from selfinspect.model import Json, Occurrence

FRONT = Lifecycle(started=100, running=True, networks=("front",))


def _after(state: Lifecycle, *events: Occurrence) -> Lifecycle:
    for event in events:
        state = state.after(event)
    return state


def _network(action: str, actor: Actor, **attributes: Json) -> Occurrence:
    return replace(occurrence(200, action, type_="network"), actor=actor, attributes=attributes)


def test_a_life() -> None:
    """The last of each kind counts, and a start begins again."""
    verdict = replace(occurrence(310, "health_status"), attributes={"status": "healthy"})
    renamed = replace(occurrence(320, "rename"), actor=Actor("ab", "shop"))
    state = _after(Lifecycle(), occurrence(300), verdict, renamed, occurrence(330, "oom"))
    assert (state.started, state.health, state.checked, state.name) == (300, "healthy", 310, "shop")
    assert (state.running, state.oom, state.oom_before) == (True, True, False)
    state = _after(state, occurrence(340, "die"))
    assert (state.died, state.running, state.oom) == (340, False, True)
    state = _after(state, occurrence(350))
    assert (state.started, state.running, state.health) == (350, True, None)
    assert (state.oom, state.oom_before) == (False, True)


def test_networks_come_and_go() -> None:
    """By their names; twice is as good as once."""
    back = _network("connect", Actor("n", "back"), container="ab")
    assert _after(FRONT, back, back).networks == ("back", "front")
    gone = _network("disconnect", Actor("n", "front"), container="ab")
    assert _after(FRONT, gone, gone).networks == ()


@pytest.mark.parametrize("action", ["die", "start"])
def test_what_a_run_does_to_networks_is_unknown(action: str) -> None:
    """Engines report it differently, or not at all."""
    assert _after(FRONT, occurrence(200, action)).networks is None


def test_podmans_network_may_have_no_name() -> None:
    """Its event is about the container; without a name it is unknown which are connected."""
    connect = _network("connect", Actor("ab", "web"))
    assert _after(FRONT, connect).networks is None
    assert _after(FRONT, replace(connect, attributes={"network": "side"})).networks == (
        "front",
        "side",
    )


@pytest.mark.parametrize(
    "event",
    [occurrence(1, "exec_start"), occurrence(1, "pause"), _network("create", Actor("n", "x"))],
    ids=["exec", "pause", "network"],
)
def test_what_says_nothing(event: Occurrence) -> None:
    """Most events."""
    assert _after(FRONT, event) == FRONT


def test_facts_come_back_as_they_were() -> None:
    """From the journal."""
    assert Lifecycle.from_json(FRONT.to_json()) == FRONT


@pytest.mark.parametrize("document", [None, [], {}, {"cursor": 1}, "x"])
def test_facts_of_another_form_are_none(document: Json) -> None:
    """Those of another version of ours: what they said is looked up in the events."""
    assert Lifecycle.from_json(document) == Lifecycle()


@pytest.mark.parametrize("damage", [{"cursor": "5F2c-17"}, {"alive": 1.5}])
def test_facts_that_are_damaged_are_none(damage: dict[str, Json]) -> None:
    """A letter of the file is another: nobody stumbles over it."""
    facts = FRONT.to_json()
    assert Lifecycle.from_json({**facts, **damage}) == Lifecycle()
