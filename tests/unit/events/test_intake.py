"""The way of every event."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selfinspect.events.intake import Intake
from selfinspect.events.lifecycle import Lifecycle
from selfinspect.journal.journal import Journal
from selfinspect.model import Actor
from tests.support.occurrences import occurrence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from selfinspect.model import Event, Occurrence

CHECK = "true"


class World:
    """An intake, and what it published."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.events: list[Event] = []
        self.checks: list[Occurrence] = []
        self.intake = Intake(journal, on_events=self.events.extend, on_check=self.checks.append)
        self.intake.resume("ab")

    def write(self, *occurrences: Occurrence) -> list[str]:
        """What is published of these."""
        self.events.clear()
        self.intake.write(occurrences, None, CHECK)
        return [event.action for event in self.events]


@pytest.fixture
def world() -> World:
    """An empty journal in memory."""
    return World(Journal(100))


def _rename(when: int, name: str) -> Occurrence:
    return replace(occurrence(when, "rename"), actor=Actor("ab", name))


def _check(when: int) -> Occurrence:
    return replace(occurrence(when, "exec_start"), exec_id="c", command=CHECK)


def test_what_is_published_is_in_the_journal(world: World) -> None:
    """Each once, in its order."""
    assert world.write(occurrence(1, "start"), occurrence(2, "die")) == ["start", "die"]
    assert world.write(occurrence(2, "die")) == []
    assert [event.action for event in world.journal.held()] == ["start", "die"]


def test_health_checks_are_counted_and_no_more(world: World) -> None:
    """Once each, though a replay brings them again."""
    assert world.write(_check(1), occurrence(2, "start"), _check(1)) == ["start"]
    world.write(_check(1), _check(3))
    assert [check.nanoseconds for check in world.checks] == [1, 3]


def test_what_is_in_the_journal_is_not_new(world: World) -> None:
    """The others have their place before them."""
    world.write(occurrence(1, "start"))
    assert world.intake.journal.unknown(occurrence(1, "start"), occurrence(2, "die")) == (
        occurrence(2, "die"),
    )
    assert world.intake.journal.newest() == 1


def test_the_next_agent_knows_what_events_said(world: World) -> None:
    """From the facts, and from the events that came after them before the agent was killed."""
    world.write(_rename(1, "shop"))
    world.intake.alive(7)
    world.journal.append(_rename(2, "store"), occurrence(3, "start"))
    then = World(world.journal)
    assert (then.intake.lifecycle.name, then.intake.lifecycle.alive) == ("store", 7)
    assert then.intake.lifecycle.running


def test_facts_are_kept_when_they_change(world: World) -> None:
    """An exec changes none, and costs no write."""
    world.write(_rename(1, "shop"))
    kept = world.journal.remembered()
    assert Lifecycle.from_json(kept).name == "shop"
    world.write(occurrence(2, "exec_create"))
    assert world.journal.remembered() == kept


def test_each_container_has_its_own(world: World, tmp_path: Path) -> None:
    """What another's journal says is not taken over."""
    world.write(_rename(1, "shop"))
    world.journal.open(tmp_path, "cd")
    names = []
    for container in ("ab", "cd"):
        world.intake.resume(container)
        names.append(world.intake.lifecycle.name)
    assert names == ["shop", None]
    world.journal.close()


def test_events_are_published_in_the_order_of_their_numbers() -> None:
    """One from another thread waits: who resumes after the later never gets the earlier."""
    published: list[str] = []
    others: list[threading.Thread] = []

    def publish(events: Sequence[Event]) -> None:
        if not others:
            others.append(threading.Thread(target=intake.note, args=(occurrence(2, "stopping"),)))
            others[0].start()
            others[0].join(0.5)
        published.extend(event.action for event in events)

    intake = Intake(Journal(100), on_events=publish, on_check=lambda _: None)
    intake.resume("ab")
    intake.write([occurrence(1, "start")], None, None)
    others[0].join()
    assert published == ["start", "stopping"]
