"""The engine's events by asking again and again."""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.api.client import Client
from selfinspect.engine.api.connection import connect
from selfinspect.errors import EngineDeniedError, EngineUnreachableError
from selfinspect.events.stream import (
    LISTENED,
    UNHEARD,
    Audience,
    LiveEvents,
    PolledEvents,
    held_back,
    open_events,
)
from selfinspect.jsonread import text
from tests.support.canned_container import ID
from tests.support.canned_engine import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.model import Json
    from tests.support.canned_engine import CannedEngine

PATIENCE = 60.0
SLOW = EngineUnreachableError("no answer", outcome="timeout")


@pytest.fixture
def client(engine: CannedEngine) -> Iterator[Client]:
    """A client of an engine that holds live events back, and is not waited for long."""
    engine.holds_back = True
    connection = connect(engine.url, timeout=PATIENCE)
    yield Client(connection, ID)
    connection.transport.close()


class Clock:
    """Seconds that pass when the test says so, and who waits for events."""

    now = 1000.0

    def __init__(self) -> None:
        self.audience = Audience()

    def polled(self, client: Client) -> PolledEvents:
        return PolledEvents(client, self.audience, clock=lambda: self.now)


def happened(action: str) -> dict[str, Json]:
    """An event of now."""
    return {
        "Type": "container",
        "Action": action,
        "Actor": {"ID": ID},
        "timeNano": time.time_ns(),
    }


def actions(events: list[Json]) -> list[str | None]:
    return [text(event, "Action") for event in events]


def test_each_event_comes_once(engine: CannedEngine, client: Client) -> None:
    """Polls overlap, for an event may be returned late; none is reported twice."""
    clock = Clock()
    with clock.polled(client) as polled:
        engine.held.append(happened("start"))
        assert actions(polled.past(0, time.time_ns())) == ["start"]
        engine.held.append(happened("pause"))
        clock.now += UNHEARD
        assert actions(polled.take()) == ["pause"]
        engine.held.append(happened("unpause"))
        clock.now += UNHEARD
        assert actions(polled.take()) == ["unpause"]


def test_the_engine_is_asked_for_what_is_new(engine: CannedEngine, client: Client) -> None:
    """Not for all that it holds, again and again."""
    clock = Clock()
    with clock.polled(client) as polled:
        before = time.time_ns() - 10 * 10**9
        clock.now += UNHEARD
        engine.held.append(happened("pause"))
        polled.take()
    asked = engine.matching("since=")
    assert len(asked) == 2
    assert all(int(one.split("since=")[1].split(".")[0]) >= before // 10**9 for one in asked)


@pytest.mark.parametrize(("listening", "seconds"), [(True, LISTENED), (False, UNHEARD)])
def test_how_often_depends_on_who_listens(
    engine: CannedEngine, client: Client, *, listening: bool, seconds: float
) -> None:
    """Every ten seconds for somebody, once a minute for nobody: both streams, once."""
    clock = Clock()
    with clock.audience.joined() if listening else nullcontext(), clock.polled(client) as polled:
        engine.held.append(happened("pause"))
        taken: list[list[Json]] = []
        taking = threading.Thread(target=lambda: taken.append(polled.take()))
        clock.now += seconds - 1
        taking.start()
        clock.audience.wake()
        early = len(engine.requests)
        clock.now += 1
        clock.audience.wake()
        taking.join(PATIENCE)
        assert actions(taken[0]) == ["pause"]
    assert early == 1  # the greeting
    assert len(engine.matching("/events")) == 2


def test_for_who_begins_to_listen_it_polls_at_once(engine: CannedEngine, client: Client) -> None:
    """Where the last poll is longer ago than the interval of somebody who listens."""
    clock = Clock()
    with clock.polled(client) as polled:
        engine.held.append(happened("pause"))
        clock.now += LISTENED
        taken: list[list[Json]] = []
        taking = threading.Thread(target=lambda: taken.append(polled.take()))
        taking.start()
        with clock.audience.joined():
            taking.join(PATIENCE)
        assert actions(taken[0]) == ["pause"]


def test_it_ends_when_it_is_cancelled(client: Client) -> None:
    """Wherever it waits."""
    polled = Clock().polled(client)
    taking = threading.Thread(target=polled.take)
    taking.start()
    polled.cancel()
    taking.join(PATIENCE)
    assert polled.ended
    assert polled.take() == []


def test_the_streams_are_tried_again_after_a_while(engine: CannedEngine, client: Client) -> None:
    """After one more question, so that nothing waits for the streams' headers."""
    clock = Clock()
    with clock.polled(client) as polled:
        clock.now += 600
        engine.held.append(happened("pause"))
        assert actions(polled.take()) == ["pause"]
        assert polled.ended


def test_a_short_wait_is_one_question(engine: CannedEngine, client: Client) -> None:
    """And none where nothing is to be waited for."""
    with Clock().polled(client) as polled:
        assert polled.take(0) == []
        assert not engine.matching("/events")
        engine.held.append(happened("pause"))
        assert actions(polled.take(0.01)) == ["pause"]


def test_past_events_distinguish_a_proxy_from_a_dead_engine(
    engine: CannedEngine, client: Client
) -> None:
    """Only what hangs is looked at; a refusal is raised as it is."""
    assert held_back(client, SLOW)
    assert not held_back(client, EngineUnreachableError("gone", outcome="refused"))
    engine.answers["/events"] = Answer(raw=b"")
    assert not held_back(client, SLOW)
    engine.answers["/events"] = Answer(403)
    with pytest.raises(EngineDeniedError):
        held_back(client, SLOW)


def test_where_events_come_live_they_are_taken_live(engine: CannedEngine, client: Client) -> None:
    """An engine sends the headers of its streams at once."""
    engine.holds_back = False
    with open_events(client, Audience()) as opened:
        assert isinstance(opened, LiveEvents)
