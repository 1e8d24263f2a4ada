"""What the log says of a look, and how often."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.agent.observe import Observation
from selfinspect.agent.reporter import Reporter
from selfinspect.engine.api.client import Client
from selfinspect.engine.api.connection import Connection
from selfinspect.engine.http.transport import Transport
from selfinspect.errors import EngineUnreachableError
from selfinspect.journal.files import Notice
from selfinspect.logs import logger
from selfinspect.masking import Masking
from selfinspect.model import (
    Attempt,
    Engine,
    EngineFailure,
    Identity,
    IdentitySummary,
    Self,
    Snapshot,
)
from tests.support.canned_container import ID

if TYPE_CHECKING:
    from selfinspect.model import Json

ENGINE = Engine("unix:///run/docker.sock", "Docker", "20.10.24", "1.41")
FAILURE = EngineFailure("it does not answer", "start it")
PROVEN = Identity(ID, "proven", "layer")
REFUSED = Identity(None, None, None, reason="nothing tells")


class Told:
    """A reporter, and what it said."""

    def __init__(self) -> None:
        self._stream = StringIO()
        self.reporter = Reporter(logger(self._stream, level="info", form="json", mask=str))

    def found(self, snapshot: Snapshot, client: Client | None = None) -> list[tuple[Json, Json]]:
        """The level and the event of each line that a look led to."""
        self.reporter.found(Observation(snapshot, Masking(), client))
        return [(line["level"], line["event"]) for line in self.lines()]

    def lines(self) -> list[dict[str, Json]]:
        """What was said since this was asked last."""
        said = [json.loads(line) for line in self._stream.getvalue().splitlines()]
        self._stream.truncate(0)
        self._stream.seek(0)
        return said


@pytest.mark.parametrize(
    ("snapshot", "said"),
    [
        (Snapshot(PROVEN, engine=ENGINE), [("info", "identity.proven")]),
        (Snapshot(PROVEN, engine=ENGINE, failure=FAILURE), [("info", "engine.lost")]),
        (
            Snapshot(PROVEN, failure=FAILURE),
            [("info", "engine.missing"), ("info", "identity.proven")],
        ),
        (
            Snapshot(
                REFUSED, failure=FAILURE, tried=(Attempt("unix:///run/docker.sock", "missing"),)
            ),
            [("warning", "engine.missing"), ("warning", "identity.refused")],
        ),
    ],
)
def test_a_look_is_told_of_once(snapshot: Snapshot, said: list[tuple[Json, Json]]) -> None:
    """A second look that finds the same adds nothing to the log."""
    told = Told()
    assert told.found(snapshot) == said
    assert told.found(snapshot) == []


def test_what_has_changed_is_told_anew() -> None:
    """An engine lost, and found again."""
    told = Told()
    there, lost = Snapshot(PROVEN, engine=ENGINE), Snapshot(PROVEN, engine=ENGINE, failure=FAILURE)
    assert [told.found(one) for one in (there, lost, there)] == [
        [("info", "identity.proven")],
        [("info", "engine.lost")],
        [("info", "identity.proven")],
    ]


@pytest.mark.parametrize(
    ("endpoint", "times"), [("tcp://127.0.0.1:2375", 1), ("unix:///run/docker.sock", 0)]
)
def test_an_engine_in_the_clear_is_warned_of_once(endpoint: str, times: int) -> None:
    """However often it is found again."""
    told = Told()
    client = Client(Connection(Transport(endpoint), ENGINE), ID)
    said = [line for _ in range(3) for line in told.found(Snapshot(PROVEN, engine=ENGINE), client)]
    client.connection.transport.close()
    assert said.count(("warning", "engine.unencrypted")) == times


def test_the_journals_notices_are_warnings() -> None:
    """With the file, the reason and what to do."""
    told = Told()
    told.reporter.noticed(Notice("journal.in_memory", Path("/lib/x.db"), "it is full", "tidy up"))
    [line] = told.lines()
    assert (line["level"], line["event"]) == ("warning", "journal.in_memory")
    assert (line["file"], line["reason"], line["hint"]) == ("/lib/x.db", "it is full", "tidy up")


@pytest.mark.parametrize(
    ("error", "reason"),
    [(EngineUnreachableError("gone"), "gone"), (KeyError("a"), "KeyError('a')")],
)
def test_metrics_that_fail_are_warned_of(error: Exception, reason: str) -> None:
    """With the groups that are missing, and the error."""
    told = Told()
    told.reporter.collectors_failed(["cpu", "io"], error)
    [line] = told.lines()
    assert (line["level"], line["event"]) == ("warning", "collector.failed")
    assert (line["collector"], line["reason"]) == ("cpu, io", reason)


def test_what_was_too_much_to_be_kept_is_told_once() -> None:
    """Whatever else a later look finds."""
    own = Self(
        id=ID, short_id=ID[:12], truncated={"env": 7}, identity=IdentitySummary("proven", "layer")
    )
    told = Told()
    lines = [told.found(Snapshot(PROVEN, self=own)) for _ in range(2)]
    assert lines[0][0] == ("warning", "inspect.truncated")
    assert lines[1] == []


def test_variables_that_were_of_no_use_are_told() -> None:
    """They stop nothing, and somebody meant something by them."""
    told = Told()
    told.reporter.passed_over(("DOCKER_API_VERSION 'newest' is passed over",))
    [line] = told.lines()
    assert (line["level"], line["event"]) == ("warning", "environment.passed-over")
    assert line["reason"] == "DOCKER_API_VERSION 'newest' is passed over"
