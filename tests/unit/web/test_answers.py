"""The forms of an answer: members with their ETags, what Accept asks for, and streams."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import StreamingResponse

from selfinspect.errors import NotFoundError, TooManyStreamsError
from selfinspect.web.answers import Document, as_json, frame, prefers, quality, streamed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.responses import Response

    from selfinspect.model import Json


CONTENT: dict[str, Json] = {
    "at": "09:00",
    "name": "web",
    "port": 80,
    "none": None,
    "of": {"at": "09:00"},
}


def test_a_member_has_a_form_and_a_tag_for_it() -> None:
    """A scalar is text or JSON, each with a tag of its own; an object is JSON, and has one."""
    document = Document(CONTENT)
    text, json = document.at(("port",), json=False), document.at(("port",), json=True)
    assert (text.body, text.media_type) == (b"80\n", "text/plain")
    assert (json.body, json.media_type) == (b"80", "application/json")
    assert text.etag != json.etag
    assert document.at(("of",), json=True) == document.at(("of",), json=False)


def test_the_tag_is_of_the_content_alone() -> None:
    """The same bytes have the same tag, quoted, in another document and after a restart."""
    assert Document(CONTENT).at((), json=True) == Document(dict(CONTENT)).at((), json=True)
    assert Document("a").at((), json=False).etag == '"b93e0fc7bb21633c08bba07c5e71dc00"'


def test_each_form_is_made_once() -> None:
    """A thousand who ask for the same get the same object."""
    document = Document(CONTENT)
    assert document.at(("of",), json=True) is document.at(["of"], json=True)


def test_an_unknown_member_stays_unknown() -> None:
    """It is refused each time, with those there."""
    document = Document(CONTENT)
    for _ in range(2):
        with pytest.raises(NotFoundError, match="its members are at, name"):
            document.at(("nope",), json=True)


def test_the_time_of_reading_is_no_change_of_the_whole() -> None:
    """It is of the member itself, and the whole has another tag all the same."""
    before = Document(CONTENT, passing=("at",))
    after = Document({**CONTENT, "at": "10:00"}, passing=("at",))
    assert before.state((), json=True) == after.state((), json=True)
    assert before.at((), json=True).etag != after.at((), json=True).etag
    assert before.state(("at",), json=True) != after.state(("at",), json=True)


@pytest.mark.parametrize("change", [{"name": "shop"}, {"of": {"at": "10:00"}}])
def test_any_other_member_is(change: dict[str, Json]) -> None:
    """A member of the same name further down counts, too."""
    before = Document(CONTENT, passing=("at",))
    after = Document({**CONTENT, **change}, passing=("at",))
    assert before.state((), json=True) != after.state((), json=True)


JSON = "application/json"


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ("gzip", 1.0),
        ("deflate, GZIP;q=0.5", 0.5),
        ("br;q=1, gzip ; Q=0.25 ; level=1", 0.25),
        ("gzip;q=0.1, gzip;q=0.3", 0.3),
        ("gzip;q=many", 1.0),
        ("", 0.0),
        ("br", 0.0),
        ("*", 0.0),
        ("gzip;q=0", 0.0),
        ("gzip; q=0.0, br", 0.0),
        ("xgzip, gzipx", 0.0),
    ],
)
def test_a_wish_has_a_quality(wishes: str, expected: float) -> None:
    """It is 1 unless it says otherwise, and 0 for what is not named."""
    assert quality(wishes, "gzip") == expected


@pytest.mark.parametrize(
    "accept",
    [
        JSON,
        "text/html, Application/JSON;q=0.9",
        f"{JSON}, text/plain, */*",
        f"{JSON};charset=utf-8",
    ],
)
def test_json_is_wanted_by_its_name(accept: str) -> None:
    """Also beside text, which is what one gets without a wish."""
    assert prefers(accept, "application/x-ndjson", JSON)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/*",
        f"{JSON};q=0",
        f"text/plain, {JSON};q=0.5",
        f"{JSON}p",
        f"x{JSON}",
    ],
)
def test_json_is_not_wanted_otherwise(accept: str) -> None:
    """Not where it is refused, where text is liked better, or where only its like is named."""
    assert not prefers(accept, JSON)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_json_reads_back(document: Json) -> None:
    """What is written as JSON is the same when read, and stands on one line."""
    body = as_json(document)
    assert json.loads(body) == document
    assert b"\n" not in body


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
