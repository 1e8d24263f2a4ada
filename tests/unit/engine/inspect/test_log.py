"""A container's own log, from the question to the masked lines."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.inspect.log import Log, LogQuery
from selfinspect.errors import (
    EngineDeniedError,
    EngineUnreachableError,
    EngineUnsupportedError,
)
from selfinspect.masking import Masking
from tests.support.canned_engine import Answer
from tests.unit.engine.conftest import ID
from tests.unit.engine.inspect.test_frames import frame

if TYPE_CHECKING:
    from selfinspect.engine.api.client import Client
    from tests.support.canned_engine import CannedEngine

LOGS = f"/containers/{ID}/logs"
HEAD = b"HTTP/1.1 200 OK\r\n\r\n"
ALL = LogQuery()
EVERYTHING = "stdout=true&stderr=true&follow=false&timestamps=false&tail=all"
KNOWN = Masking(secrets=frozenset({"hunter2hunter2"}))


def opened(client: Client, query: LogQuery = ALL, *, terminal: bool = False) -> Log:
    """The log of the container."""
    return Log(client.logs(query.parameters()), query, KNOWN, terminal=terminal)


def opened_in_time(client: Client, seconds: float, query: LogQuery = ALL) -> Log:
    """The log of an engine that has so long to answer, as it does unless the machine is busy."""
    client.connection.transport.timeout = seconds
    while True:
        with suppress(EngineUnreachableError):
            return opened(client, query)


def lines(log: Log) -> list[tuple[str, str]]:
    """All of them: output and text."""
    with log:
        return [(each.stream, each.line) for batch in log.batches() for each in batch]


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        (LogQuery(), EVERYTHING),
        (
            LogQuery(tail=0, follow=True, timed=True, stderr=False),
            "stdout=true&stderr=false&follow=true&timestamps=true&tail=0",
        ),
        (
            LogQuery(since=1_500_000_007, until=-5),
            f"{EVERYTHING}&since=1.500000007&until=0.000000000",
        ),
    ],
)
def test_the_engine_is_asked_in_its_own_words(
    engine: CannedEngine, client: Client, query: LogQuery, asked: str
) -> None:
    """Moments in seconds with nine digits, which every engine reads."""
    engine.answers[LOGS] = Answer(raw=HEAD)
    assert lines(opened(client, query)) == []
    assert engine.requests == [f"GET /v1.41{LOGS}?{asked}"]


@pytest.mark.parametrize("most", [0, 2, 500])
def test_the_last_lines_before_a_moment(engine: CannedEngine, client: Client, most: int) -> None:
    """Counted here: an engine would count them from the end of the log, which is later."""
    printed = [f"line {number}" for number in range(200)]
    engine.answers[LOGS] = Answer(
        raw=HEAD + b"".join(frame(1, f"{each}\n".encode()) for each in printed)
    )
    query = LogQuery(tail=most, until=1)
    assert [line for _, line in lines(opened(client, query))] == printed[200 - min(most, 200) :]
    assert "tail=all" in engine.requests[-1]


def test_the_last_lines_have_a_bound(engine: CannedEngine, client: Client) -> None:
    """Of very long ones there are fewer, and they are the last."""
    printed = [f"{number} ".ljust(60_000, "x") for number in range(100)]
    engine.answers[LOGS] = Answer(
        raw=HEAD + b"".join(frame(1, f"{each}\n".encode()) for each in printed)
    )
    kept = [line for _, line in lines(opened(client, LogQuery(tail=100, until=1)))]
    assert kept == printed[-len(kept) :]
    assert 60 < len(kept) < 80


def test_empty_lines_have_a_bound_too(engine: CannedEngine, client: Client) -> None:
    """Each takes room: an app that prints them for days must not fill the agent's memory."""
    engine.answers[LOGS] = Answer(raw=HEAD + frame(1, b"\n" * 100_000))
    kept = lines(opened(client, LogQuery(tail=100_000, until=1)))
    assert 0 < len(kept) < 50_000


def test_secrets_are_masked_line_by_line(engine: CannedEngine, client: Client) -> None:
    """Also one that comes in two frames, and a key that runs over lines of one output."""
    engine.answers[LOGS] = Answer(
        raw=HEAD
        + frame(1, b"a hunter2")
        + frame(2, b"between\n")
        + frame(1, b"hunter2 b\n")
        + frame(1, b"-----BEGIN PRIVATE KEY-----\n")
        + frame(2, b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n")
        + frame(1, b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n")
    )
    assert lines(opened(client)) == [
        ("stderr", "between"),
        ("stdout", "a [masked] b"),
        ("stdout", "[masked]"),
        ("stderr", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"),
        ("stdout", "[masked]"),
    ]


def test_a_terminals_log_is_read_as_it_is(engine: CannedEngine, client: Client) -> None:
    """Without frames."""
    engine.answers[LOGS] = Answer(body=b"hunter2hunter2\r\n")
    assert lines(opened(client, terminal=True)) == [("stdout", "[masked]")]


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (b"9\r\nHTTP/1.1\n\r\n", "no frame of a log begins with 48 54 54 50"),
        (b"ff\r\n", "broke off"),
    ],
)
def test_a_log_that_breaks_off_says_so(
    engine: CannedEngine, client: Client, end: bytes, said: str
) -> None:
    """Behind all that came of it, unfinished lines included."""
    first = frame(1, b"one\ntw")
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    engine.answers[LOGS] = Answer(raw=chunked + b"%x\r\n%s\r\n" % (len(first), first) + end)
    *reported, last = lines(opened(client))
    assert reported == [("stdout", "one"), ("stdout", "tw")]
    assert last[0] == "engine"
    assert last[1].startswith("the log was cut off here: ")
    assert said in last[1]


def test_a_log_is_followed_until_it_is_cancelled(engine: CannedEngine, client: Client) -> None:
    """Each line comes as it is printed; the end needs no line to be noticed."""
    came = threading.Semaphore(0)
    reported: list[str] = []
    log = opened(client, LogQuery(follow=True))

    def read() -> None:
        for batch in log.batches():
            reported.extend(each.line for each in batch)
            came.release()

    with log:
        reader = threading.Thread(target=read)
        reader.start()
        for number in range(3):
            engine.print(frame(1, b"%d\n" % number))
            assert came.acquire(timeout=60)
        log.cancel()
        reader.join(60)
        assert not reader.is_alive()
    assert reported == ["0", "1", "2"]
    engine.wait_for_logs(0)


def test_a_cancelled_log_need_not_have_begun(engine: CannedEngine, client: Client) -> None:
    """It is empty."""
    engine.answers[LOGS] = Answer(raw=HEAD, hangs=True)
    log = opened(client, LogQuery(follow=True))
    log.cancel()
    assert lines(log) == []


def test_an_engine_that_falls_silent_is_not_waited_for(
    engine: CannedEngine, client: Client
) -> None:
    """What there is of a log that isn't followed, it has at hand."""
    log = opened_in_time(client, 0.2)
    engine.wait_for_logs(1)
    engine.print(frame(1, b"one\n"))
    [first, last] = lines(log)
    assert (first, last[0]) == (("stdout", "one"), "engine")


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "until the connection ends"])
def test_a_followed_log_may_be_silent(
    engine: CannedEngine,
    client: Client,
    chunked: bool,  # noqa: FBT001
) -> None:
    """For longer than an engine may take to answer, in whatever form its answer has no end."""
    if not chunked:
        engine.answers[LOGS] = Answer(raw=HEAD, hangs=True)
    log = opened_in_time(client, 0.1, LogQuery(follow=True))
    reported: list[tuple[str, str]] = []
    reader = threading.Thread(target=lambda: reported.extend(lines(log)))
    reader.start()
    reader.join(0.5)
    assert reader.is_alive()
    log.cancel()
    reader.join(60)
    assert (reader.is_alive(), reported) == (False, [])


def test_a_refusal_is_remembered(engine: CannedEngine, client: Client) -> None:
    """As every capability's."""
    engine.answers[LOGS] = Answer(501, {"message": "configured logging driver does not support"})
    for _ in range(2):
        with pytest.raises(EngineUnsupportedError):
            opened(client)
    assert len(engine.requests) == 1
    assert client.connection.capabilities.states()["logs"] == "unsupported"


def test_a_denial_names_what_opens_it(engine: CannedEngine, client: Client) -> None:
    """The variable of the usual proxies."""
    engine.answers[LOGS] = Answer(403, b"<h1>403 Forbidden</h1>")
    with pytest.raises(EngineDeniedError) as caught:
        opened(client)
    assert "CONTAINERS=1" in (caught.value.hint or "")
