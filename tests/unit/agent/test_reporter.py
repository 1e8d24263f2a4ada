"""What the log says of a look, and how often; and when the agent is ready."""

from __future__ import annotations

import json
import threading
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.agent.reporter import Readiness, Reporter
from selfinspect.agent.state import UNRESOLVED, Observation, State
from selfinspect.engine.api.client import Client
from selfinspect.engine.api.connection import Connection
from selfinspect.engine.http.transport import Transport
from selfinspect.errors import EngineUnreachableError
from selfinspect.journal.files import Notice
from selfinspect.journal.journal import Journal
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
REFUSED = Identity(None, None, None, reason="no evidence")


class Logged:
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
def test_a_look_is_reported_of_once(snapshot: Snapshot, said: list[tuple[Json, Json]]) -> None:
    """A second look that finds the same adds nothing to the log."""
    logged = Logged()
    assert logged.found(snapshot) == said
    assert logged.found(snapshot) == []


def test_what_has_changed_is_reported_again() -> None:
    """An engine lost, and found again."""
    logged = Logged()
    there, lost = Snapshot(PROVEN, engine=ENGINE), Snapshot(PROVEN, engine=ENGINE, failure=FAILURE)
    assert [logged.found(one) for one in (there, lost, there)] == [
        [("info", "identity.proven")],
        [("info", "engine.lost")],
        [("info", "identity.proven")],
    ]


@pytest.mark.parametrize(
    ("endpoint", "times"), [("tcp://127.0.0.1:2375", 1), ("unix:///run/docker.sock", 0)]
)
def test_an_engine_in_the_clear_is_warned_of_once(endpoint: str, times: int) -> None:
    """However often it is found again."""
    logged = Logged()
    client = Client(Connection(Transport(endpoint), ENGINE), ID)
    said = [
        line for _ in range(3) for line in logged.found(Snapshot(PROVEN, engine=ENGINE), client)
    ]
    client.connection.transport.close()
    assert said.count(("warning", "engine.unencrypted")) == times


def test_the_journals_notices_are_warnings() -> None:
    """With the file, the reason and what to do."""
    logged = Logged()
    logged.reporter.noticed(Notice("journal.in_memory", Path("/lib/x.db"), "it is full", "tidy up"))
    [line] = logged.lines()
    assert (line["level"], line["event"]) == ("warning", "journal.in_memory")
    assert (line["file"], line["reason"], line["hint"]) == ("/lib/x.db", "it is full", "tidy up")


@pytest.mark.parametrize(
    ("error", "reason"),
    [(EngineUnreachableError("gone"), "gone"), (KeyError("a"), "KeyError('a')")],
)
def test_metrics_that_fail_are_warned_of(error: Exception, reason: str) -> None:
    """With the groups that are missing, and the error."""
    logged = Logged()
    logged.reporter.collectors_failed(["cpu", "io"], error)
    [line] = logged.lines()
    assert (line["level"], line["event"]) == ("warning", "collector.failed")
    assert (line["collector"], line["reason"]) == ("cpu, io", reason)


def test_what_was_too_much_to_be_kept_is_reported_once() -> None:
    """Whatever else a later look finds."""
    own = Self(
        id=ID, short_id=ID[:12], truncated={"env": 7}, identity=IdentitySummary("proven", "layer")
    )
    logged = Logged()
    lines = [logged.found(Snapshot(PROVEN, self=own)) for _ in range(2)]
    assert lines[0][0] == ("warning", "inspect.truncated")
    assert lines[1] == []


def test_variables_that_were_of_no_use_are_reported() -> None:
    """They stop nothing, and somebody meant something by them."""
    logged = Logged()
    logged.reporter.passed_over(("DOCKER_API_VERSION 'newest' is passed over",))
    [line] = logged.lines()
    assert (line["level"], line["event"]) == ("warning", "environment.passed-over")
    assert line["reason"] == "DOCKER_API_VERSION 'newest' is passed over"


class _Meeting(Journal):
    """A journal that two threads ask for its state at the same time."""

    _both = threading.Barrier(2)

    @property
    def answers(self) -> bool:
        self._both.wait(timeout=60)
        return True


def _readiness(journal: Journal, snapshot: Snapshot) -> tuple[Readiness, list[Snapshot]]:
    state = State(Observation(snapshot, Masking()))
    log = logger(StringIO(), level="info", form="json", mask=str)
    announced: list[Snapshot] = []
    return Readiness("self", state, journal, log=log, on_ready=announced.append), announced


def test_it_is_announced_once_that_the_agent_is_ready() -> None:
    """Though two threads find it out at the same time: a sample and a look."""
    readiness, announced = _readiness(_Meeting(1), Snapshot(PROVEN))
    both = [threading.Thread(target=readiness.sampled) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert announced == [Snapshot(PROVEN)]


def test_nothing_is_announced_while_a_check_fails() -> None:
    """Here the identity is not resolved."""
    readiness, announced = _readiness(Journal(1), Snapshot(UNRESOLVED))
    readiness.sampled()
    assert announced == []
    assert [check.name for check in readiness.checks() if not check.ok] == ["identity"]


def test_nothing_is_announced_before_the_first_sample() -> None:
    """An identity alone is not all that is asked for."""
    readiness, announced = _readiness(Journal(1), Snapshot(PROVEN))
    readiness.announce()
    assert announced == []
    assert [check.name for check in readiness.checks() if not check.ok] == ["sample"]


class _Hanging(Journal):
    """A journal that hangs until it is let go."""

    hangs = True

    @property
    def answers(self) -> bool:
        return not self.hangs


def test_who_asks_whether_it_is_ready_makes_it_known() -> None:
    """What was in the way may be gone without a sample or a look since."""
    journal = _Hanging(1)
    readiness, announced = _readiness(journal, Snapshot(PROVEN))
    readiness.sampled()
    journal.hangs = False
    assert announced == []
    assert all(check.ok for check in readiness.checks())
    assert announced == [Snapshot(PROVEN)]
