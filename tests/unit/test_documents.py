"""Records as documents, and the members at a path of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.documents import (
    as_document,
    as_text,
    drill,
    identity_document,
    segments,
    standing,
)
from selfinspect.errors import (
    AmbiguousIdentityError,
    BadRequestError,
    IdentityError,
    NotFoundError,
)
from selfinspect.model import Attempt, Candidate, Identity, Network, Snapshot

if TYPE_CHECKING:
    from selfinspect.model import Json

DOCUMENT: Json = {"a": {"b/c": [10, {"d": None}], "": "empty", "0": "zero"}}
CANDIDATE = Candidate("a1" * 32, "hostname-file", "network", "…", "disproved", "another layer")


def test_a_record_becomes_a_document() -> None:
    """Its tuples are arrays that a path leads into, at every depth."""
    record = Network("172.18.0.2", None, None, None, ("web",))
    assert as_document({"front": record}) == {
        "front": {
            "ip": "172.18.0.2",
            "ipv6": None,
            "gateway": None,
            "mac": None,
            "aliases": ["web"],
        }
    }


def test_what_has_no_form_in_json_is_refused() -> None:
    """Rather than to fail when the answer is written, far from the record."""
    with pytest.raises(TypeError, match="set has no form in JSON"):
        as_document({"names": {"a"}})


def test_a_refused_identity_has_every_member() -> None:
    """Members without a value are null; evidence and places tried are shown all the same."""
    snapshot = Snapshot(
        Identity(None, None, None, reason="in doubt", candidates=(CANDIDATE,)),
        tried=(Attempt("unix:///e.sock", "missing"),),
    )
    assert identity_document(snapshot) == {
        "id": None,
        "name": None,
        "level": None,
        "method": None,
        "reason": "in doubt",
        "engine": None,
        "candidates": [
            {
                "id": "a1" * 32,
                "source": "hostname-file",
                "scope": "network",
                "evidence": "…",
                "verdict": "disproved",
                "reason": "another layer",
            }
        ],
        "tried": [{"endpoint": "unix:///e.sock", "outcome": "missing"}],
    }


@pytest.mark.parametrize(
    ("candidates", "kind"), [((), IdentityError), ((CANDIDATE,), AmbiguousIdentityError)]
)
def test_a_refusal_says_whether_there_was_evidence(
    candidates: tuple[Candidate, ...], kind: type[IdentityError]
) -> None:
    """Evidence that settles nothing is ambiguous; without any there is no identity."""
    with pytest.raises(IdentityError) as raised:
        standing(Snapshot(Identity(None, None, None, reason="so", candidates=candidates)))
    assert (type(raised.value), raised.value.detail) == (kind, "so")


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
        ((), DOCUMENT),
        (("a", "b/c", "0"), 10),
        (("a", "b/c", "1", "d"), None),
        (("a", ""), "empty"),
        (("a", "0"), "zero"),
    ],
)
def test_a_path_leads_to_its_member(path: tuple[str, ...], expected: Json) -> None:
    """Members of an object go by name, those of an array by decimal index."""
    assert drill(DOCUMENT, path) == expected


@pytest.mark.parametrize("index", ["2", "-1", "00", "01", "+1", "1.0", "", "¹", "1" * 5000])
def test_an_index_is_plain_and_in_range(index: str) -> None:
    """Nothing but the decimal digits of an index there is names a member of an array."""
    with pytest.raises(NotFoundError, match="its indices are 0 to 1"):
        drill(DOCUMENT, ("a", "b/c", index))


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
