"""Answers without an end, and calls in threads."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import TYPE_CHECKING, cast

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from selfinspect.errors import TooManyStreamsError
from selfinspect.web.streaming import frame, in_thread, streamed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.responses import Response


def _request(method: str) -> Request:
    return Request({"type": "http", "method": method, "headers": []})


class Pieces:
    """Two pieces, and whether their source was let go."""

    def __init__(self, first: bytes = b"one") -> None:
        self.closed = False
        self._first = first

    async def each(self) -> AsyncGenerator[bytes, None]:
        """The pieces."""
        try:
            yield self._first
            yield b"two"
        finally:
            self.closed = True


def _body(response: Response) -> AsyncGenerator[bytes, None]:
    assert isinstance(response, StreamingResponse)
    return cast("AsyncGenerator[bytes, None]", response.body_iterator)


@pytest.mark.parametrize("first", [b"one", b""], ids=["said", "nothing"])
def test_the_pieces_come_in_order(first: bytes) -> None:
    """The first is there before the answer begins; one that is empty brings the headers."""

    async def check() -> None:
        pieces = Pieces(first)
        response = await streamed(_request("GET"), pieces.each(), "text/plain", {"vary": "x"})
        assert (response.headers["vary"], response.headers["cache-control"]) == ("x", "no-store")
        assert [piece async for piece in _body(response)] == [first, b"two"]
        assert pieces.closed

    asyncio.run(check())


def test_the_head_alone_ends_where_it_begins() -> None:
    """HEAD says what GET would, leaves nothing open, and says no length."""

    async def check() -> None:
        pieces = Pieces()
        response = await streamed(_request("HEAD"), pieces.each())
        assert pieces.closed
        assert "content-length" not in response.headers
        assert response.media_type == "text/event-stream"

    asyncio.run(check())


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_goes_wrong_first_is_no_stream(method: str) -> None:
    """It is raised, for an answer of its own."""

    async def none() -> AsyncGenerator[bytes, None]:
        for error in (TooManyStreamsError("there are too many"),):
            raise error
        yield b""

    async def check() -> None:
        with pytest.raises(TooManyStreamsError):
            await streamed(_request(method), none())

    asyncio.run(check())


def test_who_hangs_up_ends_the_source() -> None:
    """What it holds is given back, wherever it was."""

    async def check() -> None:
        pieces = Pieces()
        body = _body(await streamed(_request("GET"), pieces.each()))
        assert await anext(body) == b"one"
        await body.aclose()
        assert pieces.closed

    asyncio.run(check())


def test_a_frame_is_an_event_and_its_data() -> None:
    """On a line each, and an empty one behind them."""
    assert frame("sample", {"a": "b\n"}) == b'event: sample\ndata: {"a":"b\\n"}\n\n'


@pytest.mark.parametrize("name", ["ex\nid: 9", "ex\r\n\r\nevent: gap", "ex\rdata: {}", "\n"])
def test_a_name_with_line_breaks_stays_one_field(name: str) -> None:
    """An engine's action may have any; it makes no field and no frame of its own."""
    lines = re.split("\r\n|\r|\n", frame(name, {}).decode())
    assert [line.partition(":")[0] for line in lines] == ["event", "data", "", ""]


def test_the_loop_turns_while_a_call_waits() -> None:
    """The call's result comes from another thread, which may wait for the loop's."""

    async def both() -> str:
        turned = threading.Event()
        call = asyncio.ensure_future(in_thread(lambda: "came" if turned.wait(60) else "stuck"))
        await asyncio.sleep(0)
        turned.set()
        return await call

    assert asyncio.run(both()) == "came"


def test_an_error_comes_through() -> None:
    """What the call raises is raised where it is awaited."""

    def fail() -> None:
        raise LookupError("here")

    with pytest.raises(LookupError, match="here"):
        asyncio.run(in_thread(fail))


def test_nobody_waits_for_a_call_that_nobody_awaits() -> None:
    """A loop ends while the call still waits, and the call's result then hurts nobody."""
    release, ended = threading.Event(), threading.Event()

    def call() -> None:
        release.wait(60)
        ended.set()

    async def give_up() -> None:
        waiting = asyncio.ensure_future(in_thread(call))
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(give_up())
    assert not ended.is_set()
    release.set()
    assert ended.wait(60)


def test_a_call_that_must_be_made_is_made_without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may have all the tasks it may have; what could wait for long is refused then."""

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert asyncio.run(in_thread(lambda: "came", or_here=True)) == "came"
    with pytest.raises(RuntimeError):
        asyncio.run(in_thread(lambda: "came"))
