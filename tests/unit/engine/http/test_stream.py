"""An answer without end: what comes of each way in which it can go on, or not."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.http.transport import Transport
from selfinspect.errors import EngineUnreachableError
from tests.support.cancelling import cancel_while_it_waits
from tests.support.canned_engine import Answer, CannedEngine

if TYPE_CHECKING:
    from selfinspect.engine.http.stream import Stream

BRIEF = 0.2


def test_lines_arrive_one_by_one(engine: CannedEngine, transport: Transport) -> None:
    """A line is handed on when it is there, not when the stream ends."""
    with transport.stream("events", "/events") as stream:
        lines = stream.lines()
        for line in (b"one", b'{"two": "\xc2\x85"}', b"\x1ethree"):
            engine.emit_line(line + b"\n")
            assert next(lines) == line
        engine.emit_line(b"\n")
        engine.end_streams()
        assert list(lines) == []


def opened_in_time(made: Transport) -> Stream:
    """A stream of events whose headers came in time, as they do unless the machine is busy."""
    while True:
        with suppress(EngineUnreachableError):
            return made.stream("events", "/events")


def test_a_stream_outlives_the_timeout_of_an_answer(engine: CannedEngine) -> None:
    """The timeout is for the headers: a stream may be silent for as long as it likes."""
    made = Transport(engine.url, timeout=BRIEF)
    with opened_in_time(made) as stream:
        threading.Timer(BRIEF * 3, engine.emit_line, [b"late\n"]).start()
        assert next(stream.lines()) == b"late"
    made.close()


def test_a_stream_that_breaks_off_is_an_error(engine: CannedEngine, transport: Transport) -> None:
    """An engine that dies in the middle of a line is not one that ended the stream."""
    with transport.stream("events", "/events") as stream:
        engine.cut_streams()
        with pytest.raises(EngineUnreachableError, match="the stream broke off"):
            list(stream.lines())


def test_a_blocked_stream_can_be_cancelled(engine: CannedEngine, transport: Transport) -> None:
    """`cancel` from another thread ends the iteration without an error."""
    with transport.stream("events", "/events") as stream:
        cancel_while_it_waits(stream, engine)


def test_cancelling_before_reading_or_after_the_end_is_harmless(
    engine: CannedEngine, transport: Transport
) -> None:
    """`cancel` may come at any moment, and more than once."""
    with transport.stream("events", "/events") as early:
        early.cancel()
        assert list(early.lines()) == []
        early.cancel()
    with transport.stream("events", "/events") as late:
        engine.end_streams()
        assert list(late.lines()) == []
        late.cancel()
    late.cancel()


def test_the_text_of_an_answer_that_is_no_stream(
    engine: CannedEngine, transport: Transport
) -> None:
    """A refusal's words can be read, up to a bound; a broken body has none."""
    engine.answers["/events"] = Answer(403, b"no way")
    with transport.stream("events", "/events") as stream:
        assert (stream.code, stream.text(2)) == (403, b"no")
    engine.answers["/events"] = Answer(raw=b"HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nno")
    with transport.stream("events", "/events") as stream:
        assert stream.text() == b""
