"""Health checks are distinguished from what people run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.events.intake import HealthChecks
from selfinspect.events.lifecycle import Lifecycle
from selfinspect.events.translate import translate
from selfinspect.masking import Masking

if TYPE_CHECKING:
    from selfinspect.model import Json, Occurrence

ID = "ab" * 32
CHECK = "/bin/sh -c test ! -e /tmp/sick"


def _event(action: str, *, exec_id: str = "", when: int = 10, **members: str) -> Occurrence:
    attributes: dict[str, Json] = {"execID": exec_id} if exec_id else {}
    raw: dict[str, Json] = {
        "Type": "container",
        "Action": action,
        "Actor": {"ID": ID, "Attributes": attributes},
        "timeNano": when,
        **members,
    }
    found = translate(raw, container=ID, labels=(), masking=Masking())
    assert found is not None
    return found


def _routine(*events: Occurrence, command: str | None = CHECK) -> list[bool]:
    checks = HealthChecks()
    return [checks.is_routine(event, Lifecycle(), command) for event in events]


def test_a_checks_three_events_are_routine() -> None:
    """Its command is the container's own; of its end only the exec's ID says so."""
    events = [
        _event(f"exec_create: {CHECK}", exec_id="a"),
        _event(f"exec_start: {CHECK}", exec_id="a"),
        _event("exec_die", exec_id="a"),
    ]
    assert _routine(*events) == [True, True, True]
    assert _routine(*events, command=None) == [False, False, False]


def test_what_a_person_runs_is_not() -> None:
    """Even between the beginning and the end of a check."""
    events = [
        _event(f"exec_create: {CHECK}", exec_id="a"),
        _event("exec_create: sh ", exec_id="b"),
        _event("exec_start: sh ", exec_id="b"),
        _event("exec_die", exec_id="b"),
        _event("exec_die", exec_id="a"),
        _event("exec_die", exec_id="c"),
    ]
    assert _routine(*events) == [True, False, False, False, True, False]


def test_a_check_without_arguments() -> None:
    """The engine writes a space behind the program."""
    assert _routine(_event("exec_create: true ", exec_id="a"), command="true") == [True]


def test_podmans_ends_without_a_beginning_are_routine() -> None:
    """It reports an exec's start only where a person started it, and never the command."""
    events = [_event("exec_died"), _event("exec"), _event("exec_died"), _event("exec_died")]
    assert _routine(*events) == [True, False, False, True]
    assert _routine(*events, command=None) == [False] * 4


def test_a_start_forgets_what_was_open() -> None:
    """Execs end with the container, whether that is reported or not."""
    assert _routine(_event("exec"), _event("start"), _event("exec_died")) == [False, False, True]


@pytest.mark.parametrize(
    ("lifecycle", "when", "news"),
    [
        (Lifecycle(), 10, True),
        (Lifecycle(health="healthy", checked=5), 10, False),
        (Lifecycle(health="unhealthy", checked=5), 10, True),
        (Lifecycle(health="unhealthy", checked=15), 10, False),
    ],
    ids=["the first", "the same", "another", "long past"],
)
def test_of_podmans_verdicts_a_new_one_is_news(
    lifecycle: Lifecycle, when: int, *, news: bool
) -> None:
    """It has an event for each check; a replay brings those of long ago, too."""
    verdict = _event("health_status", when=when, HealthStatus="healthy")
    assert lifecycle.is_news(verdict) is news
    assert HealthChecks().is_routine(verdict, lifecycle, CHECK) is not news


def test_dockers_verdict_is_always_news() -> None:
    """It reports changes alone."""
    verdict = _event("health_status: healthy")
    assert Lifecycle(health="healthy", checked=15).is_news(verdict)
