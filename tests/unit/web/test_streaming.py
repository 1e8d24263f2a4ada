"""Answers that have no end: their heads, and what they leave behind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from selfinspect.errors import TooManyStreamsError
from selfinspect.web.streaming import frame, streamed

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


@pytest.mark.parametrize(
    ("first", "sent"), [(b"one", [b"one", b"two"]), (b"", [b"two"])], ids=["said", "nothing"]
)
def test_the_pieces_come_in_order(first: bytes, sent: list[bytes]) -> None:
    """The first is there before the answer begins, and may say nothing."""

    async def check() -> None:
        pieces = Pieces(first)
        response = await streamed(_request("GET"), pieces.each(), "text/plain", {"vary": "x"})
        assert (response.headers["vary"], response.headers["cache-control"]) == ("x", "no-store")
        assert [piece async for piece in _body(response)] == sent
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
