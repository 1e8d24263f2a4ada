"""`id`: which container this is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import Call

ID = "a1b2c3d4" * 8


def test_the_id_is_all_that_is_printed(call: Call, here: tuple[str, ...]) -> None:
    """So that a shell can take it as it is, whole or short."""
    assert call("id", *here).out == f"{ID}\n"
    assert call("id", "--short", *here).out == f"{ID[:12]}\n"


def test_json_is_what_the_agent_would_answer(call: Call, here: tuple[str, ...]) -> None:
    """Without an engine the kernel's word is observed, and says so."""
    outcome = call("id", "--json", *here)
    document = json.loads(outcome.out)
    assert outcome.code == 0
    assert (document["id"], document["level"], document["method"]) == (ID, "observed", "kernel")
    assert [each["source"] for each in document["candidates"]] == ["cgroup"]
    assert (document["engine"], document["tried"]) == (None, [])


def test_evidence_is_explained(call: Call, here: tuple[str, ...]) -> None:
    """The verdict first, then each candidate and the text in which it stood."""
    outcome = call("id", "--explain", *here)
    verdict, *rest = outcome.out.splitlines()
    assert verdict == f"{ID}  observed by kernel"
    assert any(line.startswith(f"{ID[:12]}  cgroup  container") for line in rest)
    assert any(line.endswith(f"  0::/docker/{ID[:12]}…") for line in rest)


@pytest.mark.parametrize("form", [(), ("--short",), ("--json",), ("--explain",)])
def test_no_identity_is_exit_3(call: Call, nowhere: tuple[str, ...], form: tuple[str, ...]) -> None:
    """Whatever the form, a script sees that there is none."""
    assert call("id", *form, *nowhere).code == 3


def test_a_refusal_is_told_on_standard_error(call: Call, nowhere: tuple[str, ...]) -> None:
    """Nothing is printed that could be taken for an ID; a hint tells how to go on."""
    outcome = call("id", *nowhere)
    assert outcome.out == ""
    error, hint = outcome.err.splitlines()
    assert error.startswith("selfinspect: error: ")
    assert hint.startswith("selfinspect: hint: ")


def test_json_of_a_refusal_has_a_null_id(call: Call, nowhere: tuple[str, ...]) -> None:
    """The document stands on standard output all the same."""
    outcome = call("id", "--json", *nowhere)
    document = json.loads(outcome.out)
    assert (document["id"], document["level"]) == (None, None)
    assert document["reason"]
    assert outcome.err == ""


def test_a_refusal_is_explained(call: Call, nowhere: tuple[str, ...]) -> None:
    """Without evidence the reason stands alone."""
    assert call("id", "--explain", *nowhere).out.startswith("no identity: ")


def test_the_places_tried_are_explained(call: Call, here: tuple[str, ...], tmp_path: Path) -> None:
    """An engine that was looked for and not found is named with the outcome."""
    socket = f"unix://{tmp_path}/none.sock"
    outcome = call("id", "--explain", *here, "--engine", socket)
    assert outcome.code == 0
    assert outcome.out.splitlines()[-2:] == [
        f"{'ENGINE':{len(socket)}}  OUTCOME",
        f"{socket}  missing",
    ]
