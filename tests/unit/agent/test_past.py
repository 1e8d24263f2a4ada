"""The runs, from events, inspect and PID 1's records."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selfinspect import times
from selfinspect.agent.observe import observe
from selfinspect.agent.past import container_runs, mark_below, names_of_journal, recall
from selfinspect.journal.journal import Journal
from selfinspect.model import Engine, Identity, Snapshot
from selfinspect.runs.runs import previous_run
from selfinspect.settings import Settings
from selfinspect.supervise.record import Record
from tests.support.canned_container import ID, lay_container
from tests.support.canned_engine import Answer, CannedEngine, recorded
from tests.support.occurrences import occurrence

if TYPE_CHECKING:
    from pathlib import Path

    from selfinspect.model import Json

SNAPSHOT = Snapshot(Identity(ID, "proven", "layer"))


def settings(path: Path, *, target: str = "self", engine: str = "off") -> Settings:
    """Of an agent in a container whose PID 1 has ended with 3 once."""
    root = lay_container(path / "root")
    folder = path / "journal"
    Record(str(folder), (root / "proc/self/mountinfo").read_text()).end(3, None)
    return Settings(root=root, journal=folder, target=target, engine=engine)


def test_our_own_journal_is_named_by_our_mark(tmp_path: Path) -> None:
    """Whoever the evidence takes us for; the ID only leads to a journal of an earlier version."""
    chosen = settings(tmp_path)
    mark = mark_below(chosen.root)
    snapshot = observe(chosen, {}).snapshot
    assert snapshot.self is not None
    assert mark is not None
    assert names_of_journal(chosen, snapshot) == (mark, ID)
    unused = replace(snapshot, self=replace(snapshot.self, id=None, short_id=None))
    assert names_of_journal(chosen, unused) == (mark, None)
    assert names_of_journal(chosen, replace(snapshot, self=None)) is None


def test_anothers_journal_is_named_by_its_id(tmp_path: Path) -> None:
    """So is ours where it has no mark; without an ID there is none on disk."""
    chosen = settings(tmp_path)
    snapshot = observe(chosen, {}).snapshot
    assert snapshot.self is not None
    assert names_of_journal(replace(chosen, target="web"), snapshot) == (ID, None)
    (chosen.root / "proc/self/mountinfo").write_text("")
    assert names_of_journal(chosen, snapshot) == (ID, None)
    unused = replace(snapshot, self=replace(snapshot.self, id=None, short_id=None))
    assert names_of_journal(chosen, unused) is None


def test_records_and_events_are_put_together(tmp_path: Path) -> None:
    """Both are read again each time."""
    chosen, journal = settings(tmp_path), Journal(100)
    run = previous_run(container_runs(chosen, journal, SNAPSHOT))
    assert run is not None
    assert (run.exit_code, run.sources) == (3, ("supervisor",))
    journal.append(occurrence(10**18, "start"), occurrence(10**18 + 1, "die"))
    assert len(container_runs(chosen, journal, SNAPSHOT)) == 2


def test_pid_1_has_no_records_of_another_container(tmp_path: Path) -> None:
    """Its records are ours, whomever the agent reports on."""
    chosen = settings(tmp_path, target="web")
    assert container_runs(chosen, Journal(100), SNAPSHOT) == ()


def test_what_happens_ever_again_does_not_hide_the_run_before(tmp_path: Path) -> None:
    """Memory that ran out by the hundred, a signal every minute: how the last run ended stays."""
    journal = Journal(10_000)
    actions = ["start", "die", "start", *["oom"] * 1500, *["kill"] * 1500]
    journal.append(*(occurrence(10**18 + n, action) for n, action in enumerate(actions)))
    found = container_runs(settings(tmp_path, target="web"), journal, SNAPSHOT)
    assert [run.number for run in found] == [2, 1]
    assert previous_run(found) is not None


@pytest.mark.parametrize(("product", "oom_killed"), [("Docker", False), ("Podman", None)])
def test_an_engine_without_an_oom_event(
    tmp_path: Path, product: str, *, oom_killed: bool | None
) -> None:
    """Without such an event nothing is concluded."""
    journal = Journal(100)
    journal.append(occurrence(1, "start"), occurrence(2, "die"), occurrence(3, "start"))
    engine = Engine("unix:///e", product, "1", "1.41")
    chosen = Settings(root=tmp_path, journal=tmp_path)
    run = previous_run(container_runs(chosen, journal, replace(SNAPSHOT, engine=engine)))
    assert run is not None
    assert run.oom_killed is oom_killed


def test_what_the_engine_still_holds_follows_what_the_file_does(
    tmp_path: Path, engine: CannedEngine
) -> None:
    """And neither is written: an agent may be at it."""
    engine.knows(recorded("inspect"), image=recorded("image"))
    engine.answers["/info"] = Answer(body=recorded("info"))
    chosen = settings(tmp_path, engine=engine.url)
    kept = Journal(100)
    kept.open(chosen.journal, ID)
    kept.append(occurrence(10, "start"))
    kept.close()
    before = {path.name: path.read_bytes() for path in chosen.journal.iterdir()}
    event: dict[str, Json] = {
        "Type": "container",
        "Action": "die",
        "Actor": {"ID": ID, "Attributes": {"exitCode": "3"}},
        "timeNano": times.nanoseconds("2026-11-21T12:00:00Z"),
    }
    engine.held.clear()
    engine.held.append(event)
    observation = observe(chosen, {})
    try:
        actions = [event.action for event in recall(chosen, observation).held()]
    finally:
        observation.close()
    assert actions == ["start", "die"]
    assert {path.name: path.read_bytes() for path in chosen.journal.iterdir()} == before


def test_an_engine_that_denies_its_events_leaves_the_file(
    tmp_path: Path, engine: CannedEngine
) -> None:
    """What it holds is returned all the same."""
    engine.knows(recorded("inspect"), image=recorded("image"))
    engine.answers["/events"] = Answer(status=403, body=b"no")
    chosen = settings(tmp_path, engine=engine.url)
    kept = Journal(100)
    kept.open(chosen.journal, ID)
    kept.append(occurrence(10, "start"))
    kept.close()
    observation = observe(chosen, {})
    try:
        assert [event.action for event in recall(chosen, observation).held()] == ["start"]
    finally:
        observation.close()
