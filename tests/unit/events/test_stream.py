"""Two streams of one engine, merged."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.client import Client, connect
from selfinspect.errors import EngineDeniedError, EngineError, EngineUnreachableError
from selfinspect.events.stream import EventStream
from tests.canned_engine import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.model import Json
    from tests.canned_engine import CannedEngine

ID = "ab" * 32
OWN: dict[str, Json] = {"Type": "container", "Actor": {"ID": ID}}
NETWORK: dict[str, Json] = {"Type": "network", "Actor": {"ID": "n"}}
FOREIGN: dict[str, Json] = {"Type": "container", "Actor": {"ID": "cd" * 32}}
PATIENCE = 20.0


@pytest.fixture
def client(engine: CannedEngine) -> Iterator[Client]:
    """May ask about one container."""
    made = Client(connect(engine.url), ID)
    yield made
    made.connection.transport.close()


class Reader:
    """Runs an event stream in a thread of its own."""

    def __init__(self, client: Client) -> None:
        self.seen: list[Json] = []
        self.error: EngineError | None = None
        self._arrived = threading.Condition()
        self._stream = EventStream(client, self._take)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait_for(self, count: int) -> None:
        """Wait until this many events were delivered."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.seen) >= count, PATIENCE)

    def cancel(self) -> None:
        """Cancel the stream, and see it end."""
        self._stream.cancel()
        self.join()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def _take(self, event: Json) -> None:
        with self._arrived:
            self.seen.append(event)
            self._arrived.notify_all()

    def _run(self) -> None:
        try:
            with self._stream as stream:
                stream.run()
        except EngineError as error:
            self.error = error


def test_both_streams_are_delivered(engine: CannedEngine, client: Client) -> None:
    """Our own events and those of what surrounds us arrive, each once, others' not at all."""
    reader = Reader(client)
    engine.wait_for_streams(2)
    for number, event in enumerate((OWN, NETWORK, FOREIGN, OWN), start=1):
        engine.emit(event)
        reader.wait_for(number - (number > 2))
    engine.end_streams()
    reader.join()
    assert reader.seen == [OWN, NETWORK, OWN]
    assert reader.error is None


def test_nothing_after_entry_is_missed(engine: CannedEngine, client: Client) -> None:
    """What happens between subscribing and reading is delivered."""
    seen: list[Json] = []
    stream = EventStream(client, seen.append)
    engine.wait_for_streams(2)
    engine.emit(OWN)
    engine.end_streams()
    with stream:
        stream.run()
    assert seen == [OWN]


def test_a_record_separator_is_passed_over(engine: CannedEngine, client: Client) -> None:
    """Newer engines may write a JSON text sequence."""
    reader = Reader(client)
    engine.wait_for_streams(2)
    engine.emit_line(b'\x1e{"Type": "x"}\n')
    reader.wait_for(2)
    reader.cancel()
    assert reader.seen == [{"Type": "x"}, {"Type": "x"}]


def test_cancel_ends_it_without_an_error(engine: CannedEngine, client: Client) -> None:
    """Both blocked reads end."""
    reader = Reader(client)
    engine.wait_for_streams(2)
    reader.cancel()
    assert reader.error is None
    engine.wait_for_streams(0)


def test_an_engine_that_breaks_off_is_an_error(engine: CannedEngine, client: Client) -> None:
    """A stream cut in the middle is told from one that ended."""
    reader = Reader(client)
    engine.wait_for_streams(2)
    engine.cut_streams()
    reader.join()
    assert isinstance(reader.error, EngineUnreachableError)


def test_a_line_that_is_no_json_ends_it(engine: CannedEngine, client: Client) -> None:
    """Who sends that is no engine: both streams end, with an error of ours."""
    reader = Reader(client)
    engine.wait_for_streams(2)
    engine.emit_line(b"<html>\n")
    reader.join()
    assert isinstance(reader.error, EngineUnreachableError)
    assert "no JSON" in reader.error.detail
    engine.wait_for_streams(0)


def test_a_denied_stream_leaves_none_open(engine: CannedEngine, client: Client) -> None:
    """Where the engine refuses to be followed nothing stays behind."""
    engine.answers["/events"] = Answer(403)
    with pytest.raises(EngineDeniedError):
        EventStream(client, lambda _: None)
    engine.wait_for_streams(0)
