"""The forms of a member, and its ETag."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.errors import NotFoundError
from selfinspect.web.answers import Document

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
