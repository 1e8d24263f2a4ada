"""Two streams of one engine, merged."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.api.client import Client
from selfinspect.engine.api.connection import connect
from selfinspect.errors import EngineDeniedError, EngineUnreachableError
from selfinspect.events.stream import LiveEvents
from selfinspect.jsonread import integer
from tests.support.canned_engine import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.model import Json
    from tests.support.canned_engine import CannedEngine

ID = "ab" * 32
OWN: dict[str, Json] = {"Type": "container", "Actor": {"ID": ID}}
NETWORK: dict[str, Json] = {"Type": "network", "Actor": {"ID": "n"}}
FOREIGN: dict[str, Json] = {"Type": "container", "Actor": {"ID": "cd" * 32}}
PATIENCE = 60.0


@pytest.fixture
def client(engine: CannedEngine) -> Iterator[Client]:
    """May ask about one container."""
    made = Client(connect(engine.url), ID)
    yield made
    made.connection.transport.close()


def taken(stream: LiveEvents, count: int) -> list[Json]:
    """As many events as these, waited for."""
    found: list[Json] = []
    while len(found) < count:
        more = stream.take(PATIENCE)
        assert more, f"only {found} came"
        found += more
    return found


def drained(stream: LiveEvents) -> list[Json]:
    """All that still comes."""
    found = []
    while not stream.ended:
        found += stream.take(PATIENCE)
    return found


def test_both_streams_are_delivered(engine: CannedEngine, client: Client) -> None:
    """Our own events and those of what surrounds us arrive, each once, others' not at all."""
    with LiveEvents(client) as stream:
        engine.wait_for_streams(2)
        for event in (OWN, NETWORK, FOREIGN, OWN):
            engine.emit(event)
        engine.end_streams()
        found = drained(stream)
    assert sorted(found, key=str) == sorted([OWN, NETWORK, OWN], key=str)


def test_what_comes_together_is_ordered_by_its_times(engine: CannedEngine, client: Client) -> None:
    """Two streams have no order of their own, and Podman's may be out of order."""
    with LiveEvents(client) as stream:
        engine.wait_for_streams(2)
        engine.emit({**OWN, "timeNano": 3})
        engine.emit({**NETWORK, "timeNano": 2})
        engine.emit({**OWN, "timeNano": 1})
        engine.end_streams()
        engine.wait_for_streams(0)
        for reader in threading.enumerate():
            if reader.name == "events":
                reader.join(PATIENCE)
        assert [integer(event, "timeNano") for event in stream.take()] == [1, 2, 3]
        assert stream.ended


def test_nothing_after_entry_is_missed(engine: CannedEngine, client: Client) -> None:
    """What happens between subscribing and reading is delivered."""
    stream = LiveEvents(client)
    engine.wait_for_streams(2)
    engine.emit(OWN)
    engine.end_streams()
    with stream:
        assert drained(stream) == [OWN]


def test_waiting_ends_with_its_time(engine: CannedEngine, client: Client) -> None:
    """Nothing within the time is nothing, and no end."""
    with LiveEvents(client) as stream:
        assert stream.take(0) == []
        assert not stream.ended
        engine.emit(OWN)
        assert taken(stream, 1) == [OWN]


def test_a_record_separator_is_passed_over(engine: CannedEngine, client: Client) -> None:
    """Newer engines may write a JSON text sequence."""
    with LiveEvents(client) as stream:
        engine.wait_for_streams(2)
        engine.emit_line(b'\x1e{"Type": "x"}\n')
        assert taken(stream, 2) == [{"Type": "x"}, {"Type": "x"}]


def test_cancel_ends_it_without_an_error(engine: CannedEngine, client: Client) -> None:
    """Both blocked reads end."""
    with LiveEvents(client) as stream:
        engine.wait_for_streams(2)
        threading.Timer(0.01, stream.cancel).start()
        assert stream.take() == []
        assert stream.ended
    engine.wait_for_streams(0)


def test_an_engine_that_breaks_off_is_an_error(engine: CannedEngine, client: Client) -> None:
    """A stream cut in the middle is an error, once what came before is taken."""
    with LiveEvents(client) as stream:
        engine.wait_for_streams(2)
        engine.emit(OWN)
        assert taken(stream, 1) == [OWN]
        engine.cut_streams()
        with pytest.raises(EngineUnreachableError):
            drained(stream)


def test_what_came_before_it_broke_off_hides_no_error(engine: CannedEngine, client: Client) -> None:
    """It is raised once the last event is taken, however late that is."""
    with LiveEvents(client) as stream:
        engine.wait_for_streams(2)
        engine.emit(OWN)
        engine.cut_streams()
        engine.wait_for_streams(0)
        for reader in threading.enumerate():
            if reader.name == "events":
                reader.join(PATIENCE)
        assert stream.take() == [OWN]
        with pytest.raises(EngineUnreachableError, match="broke off"):
            drained(stream)


def test_a_line_that_is_not_json_ends_it(engine: CannedEngine, client: Client) -> None:
    """An engine does not send that: both streams end, with an error of ours."""
    with LiveEvents(client) as stream:
        engine.wait_for_streams(2)
        engine.emit_line(b"<html>\n")
        with pytest.raises(EngineUnreachableError, match="not JSON"):
            drained(stream)
    engine.wait_for_streams(0)


def test_a_denied_stream_leaves_none_open(engine: CannedEngine, client: Client) -> None:
    """Where the engine refuses to be followed nothing stays behind."""
    engine.answers["/events"] = Answer(403)
    with pytest.raises(EngineDeniedError):
        LiveEvents(client)
    engine.wait_for_streams(0)


def test_more_than_can_be_held_ends_it(engine: CannedEngine, client: Client) -> None:
    """Who sends events faster than they can be taken does not fill the memory."""
    with LiveEvents(client) as stream:
        engine.wait_for_streams(2)
        for _ in range(400):
            engine.emit_line(json.dumps({"Type": "x" * 65_536}).encode() + b"\n")
        with pytest.raises(EngineUnreachableError, match="more events at once"):
            drained(stream)
    engine.wait_for_streams(0)
