from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies

from selfinspect import jsonread
from selfinspect.errors import BadRequestError, NotFoundError
from selfinspect.jsonread import as_text, drill, segments

if TYPE_CHECKING:
    from collections.abc import Callable

    from selfinspect.model import Json

DOCUMENT: Json = {
    "text": "x",
    "empty": "",
    "number": 7,
    "true": True,
    "list": ["a", 1, None, "b"],
    "object": {"a": "1", "b": 2, "c": None},
    "null": None,
    "huge": 10**400,
}
NESTED: Json = {"a": {"b/c": [10, {"d": None}], "": "empty", "0": "zero"}}


@pytest.mark.parametrize("text", ["", "{", b"\xff", "[" * 100_000, "[" * 101 + "]" * 101])
def test_a_text_that_is_no_document(text: str | bytes) -> None:
    """Nor is one so deep that who walks it would fall over."""
    with pytest.raises(ValueError, match=r"."):
        jsonread.parsed(text)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_number_that_json_cannot_say_is_null(number: str) -> None:
    """Whatever wrote it, what leaves here is JSON again."""
    assert jsonread.parsed(f'[{number}, {{"a": {number}}}, 1.5]') == [None, {"a": None}, 1.5]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb'"a\ud83d"', "a\ufffd"),
        (rb'"\uDE00b"', "\ufffdb"),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (b'"\xed\xa0\xbd"', "\ufffd"),
        (rb'{"\udc00": ["\ud800"]}', {"\ufffd": ["\ufffd"]}),
        (rb'"\\ud83d"', r"\ud83d"),
        ("\ufeff[]".encode(), []),
    ],
)
def test_half_a_surrogate_pair_is_replaced(written: bytes, read: Json) -> None:
    """In values and names, escaped or as the bytes that UTF-8 forbids; whole pairs stay."""
    assert jsonread.parsed(written) == read


_ODD = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.floats()
    | strategies.integers()
    | strategies.text(strategies.characters(codec=None, categories=("Cs", "L", "N"))),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner),
    max_leaves=20,
)


@given(_ODD)
def test_what_was_read_can_be_written(document: Json) -> None:
    """As JSON by the letter and as UTF-8, whatever an engine sent."""
    for ascii_only in (True, False):
        sent = json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        json.dumps(jsonread.parsed(sent), allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "text",
    [
        "[" + ",".join(["{}"] * 300_000) + "]",
        "[" + "[],[]," * 200_000 + "0]",
        "[" + "7," * 10**6 + "7]",
    ],
)
def test_a_document_that_would_fill_the_memory_is_none(text: str) -> None:
    """A few bytes of text may take a hundred times as much once they are read."""
    with pytest.raises(ValueError, match="more than 24 MiB"):
        jsonread.parsed(text)


def test_what_stands_in_a_string_weighs_no_more_than_that() -> None:
    """Braces and commas there are text."""
    text = '{"a": "' + '{[\\",' * 200_000 + '"}'
    assert jsonread.parsed(text) == {"a": '{[",' * 200_000}


def test_a_document_may_be_deep() -> None:
    """Deeper than any engine's."""
    text = "[" * 100 + "]" * 100
    assert jsonread.parsed(text) == json.loads(text)


@pytest.mark.parametrize(
    ("read", "name", "expected"),
    [
        (jsonread.text, "text", "x"),
        (jsonread.text, "empty", None),
        (jsonread.text, "number", None),
        (jsonread.integer, "number", 7),
        (jsonread.integer, "true", None),
        (jsonread.integer, "huge", None),
        (jsonread.integer, "text", None),
        (jsonread.boolean, "true", True),
        (jsonread.boolean, "number", None),
        (jsonread.mapping, "object", {"a": "1", "b": 2, "c": None}),
        (jsonread.mapping, "null", {}),
        (jsonread.sequence, "list", ["a", 1, None, "b"]),
        (jsonread.sequence, "text", []),
        (jsonread.texts, "list", ("a", "b")),
        (jsonread.text_mapping, "object", {"a": "1"}),
    ],
)
def test_a_member_of_another_type_counts_as_absent(
    read: Callable[..., object], name: str, expected: object
) -> None:
    """Each reader hands out its own type or nothing."""
    assert read(DOCUMENT, name) == expected


@pytest.mark.parametrize("path", [("object", "z"), ("text", "a"), ("list", "0"), ("z", "y", "x")])
def test_a_path_that_leads_nowhere_is_none(path: tuple[str, ...]) -> None:
    """Neither a missing member nor one of a scalar or an array raises."""
    assert jsonread.member(DOCUMENT, *path) is None


def test_no_path_is_the_document() -> None:
    """Without names the whole document stands there."""
    assert jsonread.member(DOCUMENT) is DOCUMENT


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"/v1/self", ()),
        (b"/v1/self/a/b", ("a", "b")),
        (b"/v1/self/b%2Fc/0", ("b/c", "0")),
        (b"/v1/self/", ("",)),
        (b"/v1/self//a", ("", "a")),
        (b"/v1/self/..", ("..",)),
        (b"/v1/self/%2e%2e/%00", ("..", "\0")),
        (b"/v1/self/na%C3%AFve", ("naïve",)),
        (b"/v1/self/a+b%25", ("a+b%",)),
    ],
)
def test_a_path_is_split_first_and_decoded_then(raw: bytes, expected: tuple[str, ...]) -> None:
    """An encoded slash is part of a name, and no segment means another one."""
    assert segments(raw, "/v1/self") == expected


@pytest.mark.parametrize("raw", [b"/v1/%73elf/id", b"/v1/self%2Fid", b"/v1/selfish", b"//v1/self"])
def test_the_prefix_stands_as_it_is_written(raw: bytes) -> None:
    """What only decodes to the prefix is another path."""
    with pytest.raises(NotFoundError):
        segments(raw, "/v1/self")


@pytest.mark.parametrize("raw", [b"/v1/self/%ff", b"/v1/self/%C3", b"/v1/self/%ED%A0%80"])
def test_a_segment_is_utf_8(raw: bytes) -> None:
    """Other bytes name nothing, and the answer says so."""
    with pytest.raises(BadRequestError):
        segments(raw, "/v1/self")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), NESTED),
        (("a", "b/c", "0"), 10),
        (("a", "b/c", "1", "d"), None),
        (("a", ""), "empty"),
        (("a", "0"), "zero"),
    ],
)
def test_a_path_leads_to_its_member(path: tuple[str, ...], expected: Json) -> None:
    """Members of an object go by name, those of an array by decimal index."""
    assert drill(NESTED, path) == expected


@pytest.mark.parametrize("index", ["2", "-1", "00", "01", "+1", "1.0", "", "¹", "1" * 5000])
def test_an_index_is_plain_and_in_range(index: str) -> None:
    """Nothing but the decimal digits of an index there is names a member of an array."""
    with pytest.raises(NotFoundError, match="its indices are 0 to 1"):
        drill(NESTED, ("a", "b/c", index))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"a": 1, "b": 2}, "its members are a, b"),
        ({}, "it has no members"),
        ([], "it is empty"),
        ("text", "it is a single value"),
        (None, "it is null"),
    ],
)
def test_a_missing_member_is_reported_with_what_is_there(document: Json, said: str) -> None:
    """The error lists the members of the deepest place that exists."""
    with pytest.raises(NotFoundError) as raised:
        drill({"here": document}, ("here", "x", "y"))
    assert raised.value.detail == f"no member 'x' at /here: {said}"


@pytest.mark.parametrize(
    ("scalar", "body"),
    [
        (None, b"\n"),
        (True, b"true\n"),
        (False, b"false\n"),
        (49153, b"49153\n"),
        (0.5, b"0.5\n"),
        ("", b"\n"),
        ("a\nb", b"a\nb\n"),
        ("ü", "ü\n".encode()),
        ("\udc80", b"\\udc80\n"),
    ],
)
def test_a_scalar_is_a_line_of_text(scalar: Json, body: bytes) -> None:
    """A scalar stands raw, with one newline behind it."""
    assert as_text(scalar) == body
