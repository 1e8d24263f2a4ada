"""The OpenAPI document is that of this agent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import member
from selfinspect.web.openapi.__main__ import FILE, document, slugs

if TYPE_CHECKING:
    from tests.unit.web.conftest import Ask


def test_it_is_what_the_records_say() -> None:
    """Where it is not: `python -m selfinspect.web.openapi` writes it again."""
    assert json.loads(FILE.read_text()) == document()


def test_it_has_every_path_and_no_other(ask: Ask) -> None:
    """Those that the answer to an unknown path lists, and those below them."""
    served = str(ask("/nowhere").problem["detail"]).partition("there are ")[2].split(", ")
    paths = document()["paths"]
    assert isinstance(paths, dict)
    assert {path for path in paths if "{" not in path} == set(served)
    for path in (path for path in paths if "{" in path):
        assert not str(ask(path).problem["detail"]).startswith("no path")


def test_it_is_served_as_it_is(ask: Ask) -> None:
    """As JSON."""
    reply = ask("/openapi.json")
    assert (reply.status, reply.body) == (200, FILE.read_bytes())
    assert reply.headers["content-type"] == "application/json"


def test_it_names_every_kind_of_problem() -> None:
    """Those of the contract among them."""
    assert {
        "ambiguous-identity",
        "bad-request",
        "denied-by-engine",
        "engine-unreachable",
        "forbidden",
        "method-not-allowed",
        "misdirected",
        "no-identity",
        "not-found",
        "too-many-streams",
        "unauthorized",
        "unsupported-by-engine",
    } <= {*slugs()}


@pytest.mark.parametrize("path", ["/v1/stats/stream", "/v1/events/stream"])
def test_a_stream_is_of_the_type_it_says(ask: Ask, path: str) -> None:
    """What never ends is not read by whoever compares the document with the agent."""
    content = member(document(), "paths", path, "get", "responses", "200", "content")
    reply = ask(path, method="HEAD")
    assert isinstance(content, dict)
    assert list(content) == [reply.headers["content-type"].partition(";")[0]]
