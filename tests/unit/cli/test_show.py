"""`show`: the document about ourselves, whole or a member."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Call

ID = "a1b2c3d4" * 8


@pytest.mark.parametrize("path", ["", "/"])
def test_everything_is_shown(call: Call, here: tuple[str, ...], path: str) -> None:
    """Without a path it is the whole document, every member of it, null where not known."""
    outcome = call("show", path, *here)
    document = json.loads(outcome.out)
    assert (outcome.code, document["id"], document["hostname"]) == (0, ID, "box")
    assert (document["name"], document["engine"]) == (None, None)


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("short_id", f"{ID[:12]}\n"),
        ("/hostname", "box\n"),
        ("identity/level/", "observed\n"),
        ("name", "\n"),
    ],
)
def test_a_single_value_is_printed_as_it_is(
    call: Call, here: tuple[str, ...], path: str, out: str
) -> None:
    """Raw, with a newline; null is an empty line."""
    outcome = call("show", path, *here)
    assert (outcome.code, outcome.out) == (0, out)


def test_an_object_is_json(call: Call, here: tuple[str, ...]) -> None:
    """What has members is JSON, with null for what only an engine knows."""
    assert json.loads(call("show", "image", *here).out)["digests"] is None


@pytest.mark.parametrize("path", ["nope", "image/nope", "id/0", "image%2Fid", "image//id"])
def test_an_unknown_member_is_exit_1(call: Call, here: tuple[str, ...], path: str) -> None:
    """The message lists what is there."""
    outcome = call("show", path, *here)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("selfinspect: error: no member ")


@pytest.mark.parametrize("path", ["%ff", "\udcff"])
def test_a_path_that_is_no_utf_8_is_exit_2(call: Call, here: tuple[str, ...], path: str) -> None:
    """Bytes that are no text are the caller's mistake, however they come."""
    outcome = call("show", path, *here)
    assert (outcome.code, outcome.out) == (2, "")
    [line] = outcome.err.splitlines()
    assert line.startswith("selfinspect show: error: a path segment is not UTF-8")


def test_no_identity_is_exit_3(call: Call, nowhere: tuple[str, ...]) -> None:
    """Nothing is shown of nobody."""
    outcome = call("show", "id", *nowhere)
    assert (outcome.code, outcome.out) == (3, "")
