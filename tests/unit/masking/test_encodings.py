"""What escapes stand for, and where they stood."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfinspect.masking.encodings import unescaped

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("%41b", "Ab"),
        ("%C3%a4", "ä"),
        ("%252541", "A"),
        ("a+b", "a b"),
        ("\\u00e4", "ä"),
        ("\\\\u00E4", "ä"),
        ("\\ud83d\\ude00", "😀"),
        ("\\xc3\\xa4", "ä"),
        ('\\\\\\"', '"'),
        ("\\n\\/", "\n/"),
        ("&amp;quot;&#39;&#x27;&lt;", "\"''<"),
        ("C:\\", "C:\\"),
        ("%25 %zz &foo; \\xzz", "% %zz &foo; xzz"),
        ("%ff\\ud83d", "%ff\ud83d"),
    ],
)
def test_each_escape_is_the_character_it_stands_for(text: str, meant: str) -> None:
    """However often it was escaped; anything else stays."""
    plain = unescaped(text)
    assert plain is not None
    assert plain[0] == meant


def test_a_character_is_found_where_its_escape_began() -> None:
    """And the end of the text is one place more."""
    plain = unescaped("a%C3%A4\\nb")
    assert plain is not None
    assert list(plain[1]) == [0, 1, 7, 9, 10]


def test_a_text_without_escapes_is_nothing_to_look_at() -> None:
    """As most lines are."""
    assert unescaped("listening on port 80") is None


@given(st.text())
def test_any_text_has_a_place_for_each_character(text: str) -> None:
    """In order, within the text."""
    plain = unescaped(text)
    if plain is not None:
        meant, places = plain
        assert len(places) == len(meant) + 1
        assert list(places) == sorted(places)
        assert places[-1] == len(text)


@pytest.mark.parametrize("escape", [quote, json.dumps])
@given(text=st.text(st.characters(exclude_characters="+%\\&", codec="utf-8"), min_size=1))
def test_what_was_escaped_comes_back(escape: Callable[[str], str], text: str) -> None:
    """Whatever the characters."""
    escaped = escape(text)
    plain = unescaped(escaped)
    assert (plain[0] if plain else escaped).strip('"') == text.strip('"')
