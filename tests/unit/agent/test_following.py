"""One connection: what was missed is reported once, in order, before live events."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from selfinspect.agent import following
from selfinspect.agent.following import HealthReading
from selfinspect.events.stream import Audience
from selfinspect.settings import Settings
from tests.support.canned_container import lay_container
from tests.support.canned_engine import Answer, CannedEngine, recorded
from tests.support.kept import Kept, happened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from selfinspect.model import Json


@pytest.fixture
def docker(engine: CannedEngine) -> CannedEngine:
    """An engine that has the container."""
    engine.knows(recorded("inspect"), image=recorded("image"))
    return engine


@pytest.fixture
def begin(docker: CannedEngine, tmp_path: Path) -> Iterator[Callable[..., Kept]]:
    """Start to follow, and see to the end of it."""
    started: list[Kept] = []

    def start(*, lasting: float = 60.0) -> Kept:
        root = lay_container(tmp_path / "root")
        started.append(Kept(Settings(engine=docker.url, root=root), lasting=lasting))
        started[-1].thread.start()
        return started[-1]

    yield start
    for one in started:
        one.stop()


def _told(kept: Kept) -> list[tuple[str, str]]:
    return [(event.action, event.source) for event in kept.journal.held()]


def test_the_past_is_reported_first(docker: CannedEngine, begin: Callable[..., Kept]) -> None:
    """Since the container's creation, then what comes live."""
    kept = begin()
    kept.wait_for(lambda: len(kept.events) == 3)
    docker.emit(happened("pause"))
    kept.wait_for(lambda: len(kept.events) == 4)
    assert _told(kept) == [
        ("create", "replay"),
        ("start", "replay"),
        ("health_status", "replay"),
        ("pause", "live"),
    ]


def test_what_was_missed_is_replayed_once(docker: CannedEngine, begin: Callable[..., Kept]) -> None:
    """The engine is asked from the newest event on, and returns that one again."""
    kept = begin()
    kept.wait_for(lambda: len(kept.events) == 3)
    docker.held.append(happened("pause"))
    docker.end_streams()
    kept.wait_for(lambda: len(kept.events) == 4)
    docker.held.append(happened("unpause"))
    docker.end_streams()
    kept.wait_for(lambda: len(kept.events) == 5)
    assert [action for action, _ in _told(kept)][2:] == ["health_status", "pause", "unpause"]


def test_an_event_that_comes_late_is_not_reported_twice(
    docker: CannedEngine, begin: Callable[..., Kept], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inspect is ahead of the stream: what it says more is waited for, until it came."""
    kept = begin()
    kept.wait_for(lambda: len(kept.events) == 3)
    docker.knows({**recorded("inspect"), "Name": "/shop"})
    inspects = r"/containers/.*/json$"
    asked, note = len(docker.matching(inspects)), docker.note

    def noted(request: str, headers: Mapping[str, str]) -> None:
        note(request, headers)
        # The look's own, then the one after the past, in whose answer the new name stands.
        if "/containers/" in request and len(docker.matching(inspects)) == asked + 2:
            threading.Timer(0.2, docker.emit, [happened("rename", oldName="/web")]).start()

    monkeypatch.setattr(docker, "note", noted)
    monkeypatch.setattr(following, "_PATIENCE", 3600.0)
    docker.end_streams()
    kept.wait_for(lambda: "rename" in kept.actions)
    docker.emit(happened("pause"))
    kept.wait_for(lambda: "pause" in kept.actions)
    assert _told(kept)[3:] == [("rename", "live"), ("pause", "live")]


def test_a_gap_is_reported_where_the_engine_forgot(
    docker: CannedEngine, begin: Callable[..., Kept]
) -> None:
    """Before what inspect says must have happened."""
    kept = begin()
    kept.wait_for(lambda: len(kept.events) == 3)
    docker.knows({**recorded("inspect"), "Name": "/shop"})
    docker.held.clear()
    docker.end_streams()
    kept.wait_for(lambda: "rename" in kept.actions)
    gap, rename = kept.journal.held()[3:]
    assert (gap.type, gap.action, gap.attributes["reason"]) == ("agent", "gap", "restart")
    assert (rename.action, rename.source) == ("rename", "reconciled")


def test_a_past_that_begins_with_its_creation_has_no_gap(
    docker: CannedEngine, begin: Callable[..., Kept]
) -> None:
    """Nor is the engine asked for others' events then."""
    kept = begin()
    kept.wait_for(lambda: len(kept.events) == 3)
    assert "gap" not in kept.actions
    assert all("filters" in request for request in docker.matching("/events"))


def test_health_checks_are_only_counted(docker: CannedEngine, begin: Callable[..., Kept]) -> None:
    """Those with the container's own command; a person's exec is an event."""
    kept = begin()
    kept.wait_for(lambda: len(kept.events) == 3)
    for command, number in (("/bin/sh -c test ! -e /tmp/sick", "a"), ("ls ", "b")):
        docker.emit(happened(f"exec_create: {command}", execID=number))
        docker.emit(happened(f"exec_start: {command}", execID=number))
        docker.emit(happened("exec_die", execID=number))
    kept.wait_for(lambda: len(kept.events) == 6)
    assert kept.actions[3:] == ["exec_create", "exec_start", "exec_die"]
    assert {check.exec_id for check in kept.checks} == {"a"}
    assert len(kept.checks) == 3


def _check(docker: CannedEngine) -> int:
    """One more health check fails, as Docker 20.10 has it: three events, none of its result.

    Its failing streak is returned.
    """
    inspect = recorded("inspect")
    state = inspect["State"]
    assert isinstance(state, dict)
    streak = len(docker.matching(r"/json$"))
    health: Json = {"Status": "unhealthy", "FailingStreak": streak, "Log": []}
    docker.knows({**inspect, "State": {**state, "Health": health}})
    command = "/bin/sh -c test ! -e /tmp/sick"
    docker.emit(happened(f"exec_create: {command}", execID="a"))
    docker.emit(happened(f"exec_start: {command}", execID="a"))
    docker.emit(happened("exec_die", execID="a"))
    return streak


def _streak(kept: Kept) -> int | None:
    own = kept.snapshot.self
    return own.health.failing_streak if own and own.health else None


def test_health_is_read_again_while_somebody_sees_it(
    docker: CannedEngine, begin: Callable[..., Kept]
) -> None:
    """When a check has ended, although no event says how it went."""
    kept = begin()
    kept.wait_for(lambda: len(kept.events) == 3)
    docker.wait_for_streams(2)
    with kept.audience.joined(sees_health=True):
        expected = _check(docker)
        kept.wait_for_change(lambda: _streak(kept) == expected)
    assert len(kept.events) == 3


def test_health_is_not_read_for_who_does_not_see_it(
    docker: CannedEngine, begin: Callable[..., Kept]
) -> None:
    """Nor while nobody listens: a check costs the engine nothing."""
    kept = begin()
    kept.wait_for(lambda: len(kept.events) == 3)
    docker.wait_for_streams(2)
    with kept.audience.joined():
        _check(docker)
        kept.wait_for(lambda: len(kept.checks) == 3)
    asked = len(docker.matching(r"/json$"))
    with kept.audience.joined(sees_health=True):
        _check(docker)
        docker.wait_for_requests(asked + 1, r"/json$")
    assert len(docker.matching(r"/json$")) == asked + 1


@pytest.mark.parametrize("settling", [0.0, 0.1])
def test_health_is_read_every_five_seconds_at_most(settling: float) -> None:
    """However often it is checked; what ended in between is read when the time has come."""
    now, audience = [100.0], Audience()
    reading = HealthReading(audience, settling, lambda: now[0])
    with audience.joined(sees_health=True):
        reading.check_ended()
        now[0] += settling
        assert reading.is_due()
        assert (reading.left(), reading.is_due()) == (None, False)
        now[0] += 1.0
        reading.check_ended()
        reading.check_ended()
        assert (reading.left(), reading.is_due()) == (4.0, False)
        now[0] += 4.0
        assert (reading.left(), reading.is_due()) == (0.0, True)
    reading.check_ended()
    assert reading.left() is None


@pytest.mark.parametrize("end", [CannedEngine.end_streams, CannedEngine.cut_streams])
def test_streams_that_lasted_are_opened_again_at_once(
    docker: CannedEngine, begin: Callable[..., Kept], end: Callable[[CannedEngine], None]
) -> None:
    """A proxy that cuts idle streams is not a lost engine: there is no new look."""
    kept = begin(lasting=0.0)
    kept.wait_for(lambda: len(kept.events) == 3)
    docker.held.append(happened("pause"))
    end(docker)
    kept.wait_for(lambda: "pause" in kept.actions)
    assert (kept.looks, kept.reopened) == (1, 1)
    assert kept.snapshot.failure is None


def test_a_past_that_cannot_be_read_is_read_later(
    docker: CannedEngine, begin: Callable[..., Kept]
) -> None:
    """Nothing of it is reported before all of it was read."""
    kept = begin()
    kept.wait_for(lambda: len(kept.events) == 3)
    docker.held.append(happened("pause"))
    docker.answers["/events"] = Answer(raw=b"")
    docker.end_streams()
    kept.wait_for(lambda: kept.looks >= 3)
    assert "pause" not in kept.actions
    del docker.answers["/events"]
    kept.wait_for(lambda: "pause" in kept.actions)
    assert "gap" not in kept.actions
