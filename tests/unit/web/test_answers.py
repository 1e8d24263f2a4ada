"""The forms of an answer: members with their ETags, and what Accept asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.errors import NotFoundError
from selfinspect.web.answers import Document, prefers, weight

if TYPE_CHECKING:
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
def test_a_wish_has_a_weight(wishes: str, expected: float) -> None:
    """It is 1 unless it says otherwise, and 0 for what is not named."""
    assert weight(wishes, "gzip") == expected


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
