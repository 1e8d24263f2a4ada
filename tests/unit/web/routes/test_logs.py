"""`/v1/logs`: what is asked for, and how it is written."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.api.client import Client, Inquiry
from selfinspect.engine.api.connection import connect
from selfinspect.engine.inspect.log import LogLine, LogQuery
from selfinspect.errors import EngineUnreachableError, TooManyStreamsError
from selfinspect.events.subscribers import Subscribers
from selfinspect.masking import Masking
from selfinspect.web.routes.logs import log_pieces, text_line
from tests.support.canned_engine import Answer
from tests.unit.engine.inspect.test_frames import TIME, frame
from tests.unit.web.conftest import ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.canned_engine import CannedEngine
    from tests.unit.web.conftest import Ask, World

LOGS = f"/containers/{ID}/logs"
HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.fixture(autouse=True)
def inquiry(world: World, engine: CannedEngine) -> Iterator[Inquiry]:
    """About the container of the world, of an engine that has a log of it."""
    connection = connect(engine.url)
    asked = Inquiry(Client(connection, ID), Masking(), {"Config": {"Tty": False}})
    world.inquiry = asked
    engine.answers[LOGS] = Answer(
        raw=HEAD + frame(1, TIME + b" one\n") + frame(2, TIME + b" tw\xc3\xb6\n") + frame(3, b"no")
    )
    yield asked
    connection.transport.close()


def asked_of(engine: CannedEngine) -> dict[str, str]:
    """What the engine was asked for its log with."""
    query = engine.requests[-1].partition("?")[2]
    return dict(pair.split("=") for pair in query.split("&"))


def test_it_is_plain_text(engine: CannedEngine, ask: Ask) -> None:
    """Both outputs as they come, line by line; the engine's own words in brackets."""
    engine.answers[LOGS] = Answer(
        raw=HEAD + frame(1, b"one\n") + frame(2, b"two\n") + frame(3, b"no")
    )
    reply = ask("/v1/logs")
    assert (reply.status, reply.body) == (200, b"one\ntwo\n[engine: no]\n")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert (reply.headers["cache-control"], reply.headers["vary"]) == ("no-store", "Accept")
    assert asked_of(engine) == {
        "stdout": "true",
        "stderr": "true",
        "follow": "false",
        "timestamps": "false",
        "tail": "all",
    }


@pytest.mark.parametrize("accept", ["application/x-ndjson", "text/html, Application/JSON;q=0.9"])
def test_it_is_json_where_that_is_asked_for(engine: CannedEngine, ask: Ask, accept: str) -> None:
    """One document a line, with its time."""
    reply = ask("/v1/logs", headers={"accept": accept})
    assert reply.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in reply.body.splitlines()] == [
        {"stream": "stdout", "time": "2026-11-21T09:03:01.000000007Z", "line": "one"},
        {"stream": "stderr", "time": "2026-11-21T09:03:01.000000007Z", "line": "twö"},
        {"stream": "engine", "time": None, "line": "no"},
    ]
    assert asked_of(engine)["timestamps"] == "true"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("stdout=true", ("true", "false")),
        ("stderr=true", ("false", "true")),
        ("stdout=false", ("false", "true")),
        ("stderr=false", ("true", "false")),
        ("stdout=true&stderr=true", ("true", "true")),
        ("stdout=true&stderr=false", ("true", "false")),
    ],
)
def test_either_output_alone(
    engine: CannedEngine, ask: Ask, query: str, expected: tuple[str, str]
) -> None:
    """By its own name, or without the other."""
    assert ask(f"/v1/logs?{query}").status == 200
    asked = asked_of(engine)
    assert (asked["stdout"], asked["stderr"]) == expected


@pytest.mark.parametrize(
    ("query", "name", "value"),
    [
        ("tail=10", "tail", "10"),
        ("tail=0", "tail", "0"),
        ("tail=all", "tail", "all"),
        ("since=1700000000.5", "since", "1700000000.500000000"),
        ("until=2023-11-14T22:13:20Z", "until", "1700000000.000000000"),
    ],
)
def test_which_lines_are_wanted(
    engine: CannedEngine, ask: Ask, query: str, name: str, value: str
) -> None:
    """So many of the last, or those of a time."""
    assert ask(f"/v1/logs?{query}").status == 200
    assert asked_of(engine)[name] == value


@pytest.mark.parametrize(
    "query",
    [
        "tail=-1",
        "tail=",
        "tail=many",
        "tail=1000000000",
        "tail=1&tail=2",
        "since=yesterday",
        "until=-5",
        "follow=maybe",
        "stdout=1",
        "stdout=false&stderr=false",
    ],
)
def test_what_is_not_possible_is_refused(engine: CannedEngine, ask: Ask, query: str) -> None:
    """Before the engine is asked."""
    asked = len(engine.requests)
    problem = ask(f"/v1/logs?{query}").problem
    assert problem["status"] == 400
    assert len(engine.requests) == asked


def test_only_the_head(engine: CannedEngine, ask: Ask, world: World) -> None:
    """HEAD says what GET would, which the engine alone knows, and keeps no log open."""
    reply = ask("/v1/logs?follow=true", method="HEAD")
    assert (reply.status, reply.body, len(world.subscribers)) == (200, b"", 0)
    assert "content-length" not in reply.headers
    engine.answers[LOGS] = Answer(403, {"message": "denied"})
    assert ask("/v1/logs", method="HEAD").status == 403


def test_a_driver_that_keeps_no_log(engine: CannedEngine, ask: Ask) -> None:
    """The engine's 501 is a problem of its own kind."""
    engine.answers[LOGS] = Answer(501, {"message": "configured logging driver does not support"})
    problem = ask("/v1/logs").problem
    assert problem["status"] == 503
    assert problem["type"] == "urn:selfinspect:problem:unsupported-by-engine"
    assert "does not support" in str(problem["detail"])


def test_without_an_engine(world: World, ask: Ask) -> None:
    """503, and when to ask again."""
    world.inquiry = None
    reply = ask("/v1/logs")
    assert reply.problem["type"] == "urn:selfinspect:problem:engine-unreachable"
    assert "retry-after" in reply.headers


def test_a_log_has_its_place_among_the_streams(engine: CannedEngine, inquiry: Inquiry) -> None:
    """While it is open; when there is none, the engine is not asked."""

    async def read() -> None:
        subscribers = Subscribers(limit=1)
        pieces = log_pieces(lambda: inquiry.log(LogQuery()), text_line, subscribers)
        assert await anext(pieces) == b""
        assert len(subscribers) == 1
        asked = len(engine.requests)
        with pytest.raises(TooManyStreamsError):
            await anext(log_pieces(lambda: inquiry.log(LogQuery()), text_line, subscribers))
        assert len(engine.requests) == asked
        assert b"".join([piece async for piece in pieces]).endswith(b"[engine: no]\n")
        assert len(subscribers) == 0

    asyncio.run(read())


@pytest.mark.parametrize("stopped", [True, False], ids=["the agent stops", "the reader hangs up"])
def test_a_followed_log_ends(
    engine: CannedEngine,
    inquiry: Inquiry,
    stopped: bool,  # noqa: FBT001
) -> None:
    """And leaves nothing open at the engine."""
    del engine.answers[LOGS]

    async def read() -> None:
        subscribers = Subscribers()
        query = LogQuery(follow=True)
        pieces = log_pieces(lambda: inquiry.log(query), text_line, subscribers)
        await anext(pieces)
        engine.print(frame(1, b"one\n"))
        assert await anext(pieces) == b"one\n"
        waiting = asyncio.create_task(anext(pieces, None))
        await asyncio.sleep(0)
        if stopped:
            subscribers.end()
            assert await asyncio.wait_for(waiting, 60) is None
        else:
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        assert len(subscribers) == 0

    asyncio.run(read())
    engine.wait_for_logs(0)


def test_a_log_that_does_not_open_gives_its_place_back() -> None:
    """And its error is the answer's."""

    def fail() -> None:
        raise EngineUnreachableError("gone")

    async def read() -> None:
        subscribers = Subscribers()
        with pytest.raises(EngineUnreachableError):
            await anext(log_pieces(fail, text_line, subscribers))  # type: ignore[arg-type]
        assert len(subscribers) == 0

    asyncio.run(read())


class Endless:
    """A log that has always more."""

    def __init__(self) -> None:
        self.taken = 0

    def batches(self) -> Iterator[list[LogLine]]:
        while True:
            self.taken += 1
            yield [LogLine("stdout", None, "x" * 1000)]

    def cancel(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""


def test_no_more_is_read_than_is_taken() -> None:
    """A reader that stalls makes the engine wait, not the memory grow."""

    async def read() -> None:
        log = Endless()
        pieces = log_pieces(lambda: log, text_line, Subscribers())  # type: ignore[arg-type, return-value]
        for _ in range(4):
            await anext(pieces)
        assert log.taken == 3
        await pieces.aclose()

    asyncio.run(read())
