"""`events`: what happened to this container."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from selfinspect.cli.events import Printer, line
from selfinspect.cli.streams import Streams
from selfinspect.journal.journal import Journal
from selfinspect.journal.rows import Query
from tests.support.occurrences import occurrence

if TYPE_CHECKING:
    from pathlib import Path

    from selfinspect.model import Json
    from tests.unit.cli.conftest import Call

ID = "a1b2c3d4" * 8
SECOND = 10**9


@pytest.fixture
def options(here: tuple[str, ...], tmp_path: Path) -> tuple[str, ...]:
    """Options for a container whose agent has kept three events, and no engine."""
    journal = Journal(100)
    journal.open(tmp_path / "journal", ID)
    for second, action in enumerate(("start", "die", "start")):
        journal.append(occurrence((1000 + second) * SECOND, action))
    journal.close()
    return (*here, "--journal", str(tmp_path / "journal"))


def event(action: str, *, kind: str = "container", source: str = "live", **shown: Json) -> Json:
    """An event as `/v1/events` has it."""
    return {
        "time": "2026-11-21T08:00:00.123456789Z",
        "type": kind,
        "action": action,
        "actor": {"id": "ab", "name": "front"},
        "attributes": {"image": "base", "maintainer": "a label's", **shown},
        "source": source,
    }


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        (event("start"), "container start"),
        (event("die", exit_code="137"), "container die           exit_code=137"),
        (
            event("exec_start", command=["sh", "-c", "[masked]"]),
            "container exec_start    command=sh -c [masked]",
        ),
        (event("connect", kind="network"), "network   connect       front"),
        (event("oom", source="reconciled"), "container oom           (reconciled)"),
    ],
)
def test_a_line_for_people(document: Json, shown: str) -> None:
    """When, what, and what the engine says of it: no labels, which stand beside that."""
    assert line(document) == f"2026-11-21T08:00:00.123456789Z {shown}"


def test_a_gap_has_no_time_of_its_own() -> None:
    """An agent makes it for a cursor that it does not know."""
    gap: Json = {"type": "agent", "action": "gap", "attributes": {"reason": "journal"}}
    assert line(gap) == "- agent     gap           reason=journal"


def test_what_the_journal_holds(call: Call, options: tuple[str, ...]) -> None:
    """In order, without an agent and without an engine."""
    outcome = call("events", *options)
    assert outcome.code == 0
    assert [each.split()[2] for each in outcome.out.splitlines()] == ["start", "die", "start"]


def test_json_is_a_document_a_line(call: Call, options: tuple[str, ...]) -> None:
    """As `/v1/events` has them."""
    documents = [json.loads(each) for each in call("events", "--json", *options).out.splitlines()]
    assert [(each["seq"], each["run"], each["action"]) for each in documents] == [
        (1, 1, "start"),
        (2, 1, "die"),
        (3, 2, "start"),
    ]


@pytest.mark.parametrize("since", ["1001", "1970-01-01T00:16:41Z"])
def test_from_a_time_on(call: Call, options: tuple[str, ...], since: str) -> None:
    """Which is included."""
    assert len(call("events", "--since", since, *options).out.splitlines()) == 2


def test_up_to_a_time(call: Call, options: tuple[str, ...]) -> None:
    """Which is included."""
    shown = call("events", "--until", "1001", *options).out
    assert [each.split()[2] for each in shown.splitlines()] == ["start", "die"]


@pytest.mark.parametrize(
    ("words", "actions"),
    [
        (("--action", "die"), ["die"]),
        (("--type", "container"), ["start", "die", "start"]),
        (("--type", "network"), []),
        (("--type", "container", "--action", "start", "--since", "1001"), ["start"]),
    ],
)
def test_of_a_type_and_an_action(
    call: Call, options: tuple[str, ...], words: tuple[str, ...], actions: list[str]
) -> None:
    """Together they narrow, in text and in JSON."""
    shown = call("events", *words, *options).out.splitlines()
    assert [each.split()[2] for each in shown] == actions
    documents = call("events", "--json", *words, *options).out.splitlines()
    assert [json.loads(each)["action"] for each in documents] == actions


@pytest.mark.parametrize(
    ("words", "count"),
    [((), 1), (("--all",), 4), (("--action", "exec_die"), 1), (("--json",), 4)],
    ids=str,
)
def test_execs_are_left_out_of_the_text(
    call: Call, here: tuple[str, ...], tmp_path: Path, words: tuple[str, ...], count: int
) -> None:
    """Those of this very command would flood it; JSON is for programs, and has all."""
    journal = Journal(100)
    journal.open(tmp_path / "journal", ID)
    for second, action in enumerate(("start", "exec_create", "exec_start", "exec_die")):
        journal.append(occurrence((1000 + second) * SECOND, action))
    journal.close()
    outcome = call("events", *words, *here, "--journal", str(tmp_path / "journal"))
    assert (outcome.code, outcome.err) == (0, "")
    assert len(outcome.out.splitlines()) == count


def test_what_follows_is_filtered_too() -> None:
    """A stream brings every event; a gap is always shown, for what was asked for may be in it."""
    out = io.StringIO()
    printer = Printer(
        Streams(out, io.StringIO(), {}),
        Query(type="container", action="die"),
        as_json=False,
        with_execs=True,
        at_once=True,
    )
    for action, kind in (("start", "container"), ("die", "network"), ("die", "container")):
        printer.show(event(action, kind=kind))
    printer.show({"type": "agent", "action": "gap", "attributes": {}})
    assert [each.split()[1:3] for each in out.getvalue().splitlines()] == [
        ["container", "die"],
        ["agent", "gap"],
    ]


def test_a_time_that_is_none(call: Call, options: tuple[str, ...]) -> None:
    """Exit 2, and what it takes."""
    outcome = call("events", "--since", "yore", *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert "RFC 3339" in outcome.err


def test_without_an_engine_nothing_follows(call: Call, options: tuple[str, ...]) -> None:
    """Exit 4."""
    assert call("events", "--follow", *options).code == 4


def test_without_an_identity(call: Call, nowhere: tuple[str, ...]) -> None:
    """Exit 3."""
    assert call("events", *nowhere).code == 3
