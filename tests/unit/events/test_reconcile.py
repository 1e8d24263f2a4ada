"""What must have happened, by inspect and the events so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfinspect import times
from selfinspect.events.lifecycle import Lifecycle
from selfinspect.events.reconcile import reconcile
from selfinspect.model import Actor, Occurrence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selfinspect.model import Json

ID = "ab" * 32
NOW = 1_000
STARTED = 100
RUNNING = Lifecycle(
    cursor="ab-3", name="web", started=STARTED + 1, running=True, networks=("front",), restarts=0
)


def _inspect(
    *,
    status: str = "running",
    started: int | None = STARTED,
    finished: int | None = None,
    code: int = 0,
    oom: bool = False,
    restarts: int = 0,
    name: str = "/web",
    health: str | None = None,
    checked: int | None = None,
    networks: tuple[str, ...] = ("front",),
) -> Json:
    log: list[Json] = [] if checked is None else [{"End": times.rfc3339(checked)}]
    return {
        "Id": ID,
        "Name": name,
        "RestartCount": restarts,
        "Config": {"Image": "shop"},
        "State": {
            "Status": status,
            "StartedAt": _moment(started),
            "FinishedAt": _moment(finished),
            "ExitCode": code,
            "OOMKilled": oom,
            "Health": None if health is None else {"Status": health, "Log": log},
        },
        "NetworkSettings": {"Networks": {each: {"NetworkID": f"id-{each}"} for each in networks}},
    }


def _moment(nanoseconds: int | None) -> str:
    return "0001-01-01T00:00:00Z" if nanoseconds is None else times.rfc3339(nanoseconds)


def _event(action: str, when: int, name: str = "web", **attributes: Json) -> Occurrence:
    return Occurrence(
        nanoseconds=when,
        time=times.rfc3339(when),
        type="container",
        action=action,
        actor=Actor(ID, name),
        attributes=attributes,
        source="replay",
        key=(when, "container", action, ID, ""),
    )


def _told(found: Iterable[Occurrence]) -> list[tuple[str, int]]:
    return [(event.action, event.nanoseconds) for event in found]


def _after(lifecycle: Lifecycle, events: Iterable[Occurrence]) -> Lifecycle:
    for event in events:
        lifecycle = lifecycle.after(event)
    return lifecycle


def test_nothing_is_missed_where_events_said_it_all() -> None:
    """The start's event comes a moment after the time that inspect has."""
    assert reconcile(RUNNING, (), _inspect(), NOW) == ()


def test_a_run_that_ended_and_the_next_that_began() -> None:
    """The end at its own time, without a code (a start clears it), then the start."""
    found = reconcile(RUNNING, (), _inspect(started=300, finished=200), NOW)
    assert _told(found) == [("die", 200), ("start", 300)]
    assert found[0].attributes == {"image": "shop", "exit_code": None}
    assert {event.source for event in found} == {"reconciled"}
    assert found[0].actor == Actor(ID, "web")


def test_an_end_has_its_exit_code_while_nothing_was_started_after_it() -> None:
    """As the engine's own event would have it: a text."""
    [died] = reconcile(RUNNING, (), _inspect(status="exited", finished=200, code=3), NOW)
    assert died.attributes["exit_code"] == "3"


def test_a_run_that_began_and_ended() -> None:
    """Of a container that is down the start comes first."""
    found = reconcile(RUNNING, (), _inspect(status="exited", started=200, finished=300), NOW)
    assert _told(found) == [("start", 200), ("die", 300)]


def test_an_end_before_a_reported_start() -> None:
    """The start was replayed, the end before it was lost: it has its place by its time."""
    start = _event("start", 301)
    found = reconcile(RUNNING, [start], _inspect(started=300, finished=200), NOW)
    assert _told(found) == [("die", 200)]


def test_memory_that_ran_out_ended_the_run() -> None:
    """`oom` comes before the end that it brought."""
    found = reconcile(RUNNING, (), _inspect(started=300, finished=200, oom=True), NOW)
    assert _told(found) == [("oom", 200), ("die", 200), ("start", 300)]


@pytest.mark.parametrize(
    "events",
    [(), (_event("start", 301),), (_event("die", 201), _event("start", 301))],
    ids=["nothing more", "the start", "the end and the start"],
)
def test_memory_that_ran_out_is_reported_once(events: tuple[Occurrence, ...]) -> None:
    """Whatever else of the same end was missed; the engine's flag outlives the restart."""
    lifecycle = RUNNING.after(_event("oom", 199))
    found = reconcile(lifecycle, events, _inspect(started=300, finished=200, oom=True), NOW)
    assert "oom" not in dict(_told(found))


def test_memory_that_ran_out_without_an_end() -> None:
    """A child was killed: when is unknown, so it is now."""
    assert _told(reconcile(RUNNING, (), _inspect(oom=True), NOW)) == [("oom", NOW)]


def test_a_restart_by_policy() -> None:
    """The count rose: the start was the engine's doing."""
    inspect = _inspect(started=300, finished=200, restarts=2)
    found = reconcile(RUNNING, (), inspect, NOW)
    assert _told(found) == [("die", 200), ("start", 300), ("restart", 300)]
    assert found[-1].attributes["restart_count"] == 2


def test_a_reported_start_is_not_a_restart() -> None:
    """The engine reports none by policy, so there is none to add."""
    events = (_event("die", 201), _event("start", 301))
    inspect = _inspect(started=300, finished=200, restarts=1)
    assert reconcile(RUNNING, events, inspect, NOW) == ()


def test_a_rename() -> None:
    """From the name that events know to inspect's, as the engine writes it."""
    [found] = reconcile(RUNNING, (), _inspect(name="/shop"), NOW)
    assert (found.action, found.nanoseconds, found.actor) == ("rename", NOW, Actor(ID, "shop"))
    assert found.attributes["old_name"] == "/web"


def test_a_rename_before_a_reported_one() -> None:
    """The reported one says from which name it was, and that was not the last."""
    lifecycle = _event("rename", 500, "shop", old_name="/store")
    [found] = reconcile(RUNNING, [lifecycle], _inspect(name="/shop"), NOW)
    assert (found.nanoseconds, found.attributes["old_name"]) == (500, "/web")
    assert found.actor.name == "store"


@pytest.mark.parametrize("health", ["healthy", "unhealthy"])
def test_a_verdict_of_the_health_check(health: str) -> None:
    """At the end of the last check, where there is one since the start."""
    [found] = reconcile(RUNNING, (), _inspect(health=health, checked=400), NOW)
    assert (found.action, found.nanoseconds) == ("health_status", 400)
    assert found.attributes["status"] == health
    [found] = reconcile(RUNNING, (), _inspect(health=health, checked=STARTED - 1), NOW)
    assert found.nanoseconds == NOW


@pytest.mark.parametrize(
    "inspect",
    [
        _inspect(health="starting"),
        _inspect(health="none"),
        _inspect(status="paused", health="unhealthy"),
        _inspect(status="exited", finished=STARTED, health="unhealthy"),
    ],
    ids=["starting", "none", "paused", "down"],
)
def test_a_status_without_a_check_is_not_reported(inspect: Json) -> None:
    """A start, a pause and an end change the health without a check."""
    assert "health_status" not in dict(_told(reconcile(RUNNING, (), inspect, NOW)))


def test_networks() -> None:
    """One that went, one that came, as the engine writes them."""
    found = reconcile(RUNNING, (), _inspect(networks=("back",)), NOW)
    assert [(event.type, event.action, event.actor) for event in found] == [
        ("network", "disconnect", Actor("", "front")),
        ("network", "connect", Actor("id-back", "back")),
    ]
    assert {event.attributes["container"] for event in found} == {ID}


def test_networks_across_a_restart_are_not_reported() -> None:
    """The end took them away and the start brought them back, unseen."""
    found = reconcile(RUNNING, (), _inspect(started=300, finished=200, networks=("back",)), NOW)
    assert _told(found) == [("die", 200), ("start", 300)]


def test_of_a_new_journal_the_run_is_reported() -> None:
    """Where the engine holds nothing any more: the start, and the last end before it."""
    found = reconcile(Lifecycle(), (), _inspect(started=300, finished=200), NOW)
    assert _told(found) == [("die", 200), ("start", 300)]


@pytest.mark.parametrize("inspect", [None, [], {}, {"State": "x", "NetworkSettings": 1}])
def test_an_inspect_that_says_nothing(inspect: Json) -> None:
    """Nothing must have happened."""
    assert reconcile(RUNNING, (), inspect, NOW) == ()


MOMENTS = st.one_of(st.none(), st.integers(1, 900))
LIFECYCLE = st.builds(
    Lifecycle,
    name=st.sampled_from([None, "web", "shop"]),
    started=MOMENTS,
    died=MOMENTS,
    running=st.booleans(),
    oom=st.booleans(),
    oom_before=st.booleans(),
    health=st.sampled_from([None, "healthy", "unhealthy"]),
    networks=st.one_of(st.none(), st.lists(st.sampled_from("abc"), unique=True).map(tuple)),
    restarts=st.one_of(st.none(), st.integers(0, 3)),
)
INSPECT = st.builds(
    _inspect,
    status=st.sampled_from(["running", "paused", "restarting", "exited", "created"]),
    started=MOMENTS,
    finished=MOMENTS,
    oom=st.booleans(),
    restarts=st.integers(0, 3),
    name=st.sampled_from(["/web", "/shop"]),
    health=st.sampled_from([None, "starting", "healthy", "unhealthy"]),
    checked=MOMENTS,
    networks=st.lists(st.sampled_from("abc"), unique=True).map(tuple),
)


@given(LIFECYCLE, INSPECT)
def test_a_second_look_finds_nothing_more(lifecycle: Lifecycle, inspect: Json) -> None:
    """Once reported, it is never reported again, nor by the next agent."""
    found = reconcile(lifecycle, (), inspect, NOW)
    then = _after(lifecycle, found).completed(inspect)
    assert reconcile(then, (), inspect, NOW + 1) == ()
    assert reconcile(Lifecycle.from_json(then.to_json()), (), inspect, NOW + 1) == ()


@given(INSPECT)
def test_what_no_event_says_is_taken_over(inspect: Json) -> None:
    """The name, and the networks of a container that is up: changes of them are seen from then."""
    lifecycle = Lifecycle().completed(inspect)
    assert lifecycle.name in ("web", "shop")
    assert lifecycle.completed(inspect) == lifecycle
