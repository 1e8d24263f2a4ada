"""Events, inspect and PID 1's records as runs."""

from __future__ import annotations

import itertools
import random
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selfinspect import times
from selfinspect.model import Actor, Event, RunRecord
from selfinspect.runs.runs import previous_run, runs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selfinspect.model import EventSource, Json, Run

SECOND = 10**9


class Reported:
    """Events in the order in which they were reported."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._run: int | None = None

    def __call__(
        self,
        action: str,
        second: float,
        *,
        source: EventSource = "live",
        type_: str = "container",
        **attributes: Json,
    ) -> Reported:
        """One more."""
        if (type_, action) == ("container", "start"):
            self._run = (self._run or 0) + 1
        self.events.append(
            Event(
                cursor=f"c-{len(self.events) + 1}",
                seq=len(self.events) + 1,
                run=self._run,
                time=at(second),
                type=type_,
                action=action,
                actor=Actor("ab", "app"),
                attributes=attributes,
                source=source,
            )
        )
        return self


def at(second: float) -> str:
    """A time."""
    return times.rfc3339(int(second * SECOND))


def record(
    started: float,
    finished: float | None = None,
    exit_code: int | None = None,
    *,
    signal: int | None = None,
    forwarded: int | None = None,
    boot: str = "boot",
    expected: bool = False,
) -> RunRecord:
    """What PID 1 wrote."""
    end = None if finished is None else int(finished * SECOND)
    started_at = int(started * SECOND)
    return RunRecord(started_at, boot, end, exit_code, signal, forwarded, expected=expected)


def inspect(started: float, finished: float | None = None, **state: Json) -> Json:
    """What the engine says of a running container; one that has not ended yet says year 1."""
    ended = "0001-01-01T00:00:00Z" if finished is None else at(finished)
    restarts = state.pop("RestartCount", 0)
    times_: dict[str, Json] = {"StartedAt": at(started), "FinishedAt": ended}
    return {"State": {"Running": True, **times_, **state}, "RestartCount": restarts}


def summary(found: Iterable[Run]) -> list[tuple[object, ...]]:
    """What matters most of runs."""
    return [(run.number, run.cause, run.exit_code, run.signal) for run in found]


PRESENT = ("unknown", None, None)


def test_a_first_run() -> None:
    """It is the present one, and has no end yet."""
    [run] = runs(Reported()("create", 1)("start", 2).events, inspect(1.9))
    assert (run.number, run.started_at, run.finished_at) == (1, at(1.9), None)
    assert (run.exit_code, run.signal, run.oom_killed, run.cause) == (None, None, None, "unknown")
    assert previous_run([run]) is None


def test_what_docker_restart_reports() -> None:
    """kill, die, stop, start, restart: the run before was stopped."""
    reported = Reported()("start", 1)("exec_create", 2)("kill", 10, signal="15")
    reported("die", 11, exit_code="143")("stop", 12)("start", 13)("restart", 13)
    found = runs(reported.events, inspect(13, 11))
    assert summary(found) == [(2, *PRESENT), (1, "stopped", 143, "SIGTERM")]
    assert previous_run(found) == found[1]
    assert (found[1].started_at, found[1].finished_at) == (at(1), at(11))
    assert (found[1].sources, found[1].evidence) == (("events", "inspect"), (3, 4, 5))


def test_a_policys_restarts() -> None:
    """Each run has its own end."""
    reported = Reported()
    for start, code in ((1, "3"), (10, "139"), (20, "0")):
        reported("start", start)("die", start + 5, exit_code=code)
    found = runs(reported("start", 30).events)
    assert summary(found) == [
        (4, *PRESENT),
        (3, "exit", 0, None),
        (2, "killed", 139, "SIGSEGV"),
        (1, "exit", 3, None),
    ]


def test_a_label_hides_the_exit_code() -> None:
    """PID 1's record has it; without one nobody does."""
    reported = Reported()("start", 1)("die", 9, exit_code=None)("start", 10).events
    assert summary(runs(reported))[1] == (1, "unknown", None, None)
    found = runs(reported, records=[record(1.2, 8.9, 3)])
    assert summary(found)[1] == (1, "exit", 3, None)
    assert found[1].sources == ("supervisor", "events")


def test_an_expected_exit_code_is_the_commands_own() -> None:
    """The engine saw the 0 that `run --expect-exit` made of it; another code is the engine's."""
    records = [record(1.2, 8.9, 143, signal=15, forwarded=15, expected=True)]
    for stated, code, expected in (("0", 143, True), (None, 143, True), ("137", 137, False)):
        reported = Reported()("start", 1)("die", 9, exit_code=stated)("start", 10).events
        [_, over] = runs(reported, records=records)
        assert (over.exit_code, over.expected) == (code, expected)


def test_a_record_of_another_command_in_the_container() -> None:
    """A `run` by `docker exec` ended long before the container did."""
    reported = Reported()("start", 1)("die", 90, exit_code=None)("start", 91).events
    records = [record(1.2, 89.5, 3), record(20, 21, 5), record(91.2)]
    assert summary(runs(reported, records=records)) == [(2, *PRESENT), (1, "exit", 3, None)]


@pytest.mark.parametrize("late", [0, 0.3, 2])
def test_records_find_their_runs_however_late_the_engine_is(late: float) -> None:
    """Of a start as of an end."""
    reported, records = Reported(), []
    for number in range(5):
        begun = 10 * number
        records.append(record(begun, begun + 5, number))
        reported("start", begun + late)("die", begun + 5 + late, exit_code=None)
    assert [run.exit_code for run in runs(reported.events, records=records)] == [4, 3, 2, 1, 0]


def test_the_runs_of_a_crash_loop_are_kept_apart() -> None:
    """Though its runs are as close as a policy makes them."""
    reported, records = Reported(), []
    for number in range(9):
        begun = 100 + 0.3 * number
        reported("start", begun + 0.02)("die", begun + 0.2, exit_code=None)
        records.append(record(begun + 0.04, begun + 0.15, number))
    assert [run.exit_code for run in runs(reported.events, records=records)] == [*range(8, -1, -1)]


def test_without_an_engine() -> None:
    """The records are the runs, the newest without an end the present one."""
    records = [record(1, 5, 3), record(10), record(20, 25, 143, signal=15, forwarded=15)]
    found = runs((), records=[*records, record(30)])
    assert summary(found) == [
        (4, *PRESENT),
        (3, "stopped", 143, "SIGTERM"),
        (2, "killed", None, None),
        (1, "exit", 3, None),
    ]
    assert found[2].finished_at is None
    assert found[0].started_at == at(30)


def test_runs_before_the_engine_was_there() -> None:
    """They come before those of the events, whose numbers follow."""
    reported = Reported()("start", 21)("die", 30, exit_code="4")("start", 31).events
    found = runs(reported, records=[record(1, 5, 3), record(20.5, 29.9, 4), record(31.2)])
    assert summary(found) == [(3, *PRESENT), (2, "exit", 4, None), (1, "exit", 3, None)]


def test_a_reboot_in_the_records() -> None:
    """Another boot ID: what had no end, or was reported to end, went down with the machine."""
    records = [record(1, boot="a"), record(10, 20, 143, signal=15, forwarded=15, boot="b")]
    found = runs((), records=[*records, record(30, boot="c")])
    assert [run.cause for run in found] == ["unknown", "engine-restart", "engine-restart"]


def test_an_engine_that_restarted() -> None:
    """No end was reported, and its memory was gone: the gap says so."""
    reported = Reported()("start", 1)("die", 40, source="reconciled", exit_code=None)
    reported("start", 50, source="replay")
    gap: dict[str, Json] = {"from": at(30), "to": at(45), "reason": "restart"}
    assert summary(runs(reported.events))[1] == (1, "unknown", None, None)
    reported("gap", 45, type_="agent", source="reconciled", **gap)
    found = runs(reported.events, inspect(50, 40))
    assert summary(found) == [(2, *PRESENT), (1, "engine-restart", None, None)]


def test_an_engine_lost_and_back_while_the_container_ran() -> None:
    """What it reported of the end then counts."""
    reported = Reported()("start", 1)
    reported("gap", 10, type_="agent", source="reconciled", **{"from": at(5), "reason": "restart"})
    reported("kill", 20, signal="9")("die", 20, exit_code="137")("start", 30)
    assert summary(runs(reported.events))[1] == (1, "killed", 137, "SIGKILL")


def test_an_engine_that_crashed_and_stopped_what_it_found() -> None:
    """What it did before anybody could listen stands behind the gap, as a stop would."""
    reported = Reported()("start", 1)
    gap: dict[str, Json] = {"from": at(30), "to": at(45), "reason": "restart"}
    reported("gap", 45, type_="agent", source="reconciled", **gap)
    reported("kill", 45, source="replay", signal="15")("die", 46, source="replay", exit_code="0")
    reported("stop", 46.5, source="replay")("start", 48, source="replay")
    _, ended = runs(reported.events, inspect(48, 46))
    assert (ended.cause, ended.exit_code) == ("engine-restart", 0)


def test_an_oom_kill_after_a_policys_restart() -> None:
    """`OOMKilled` of the running container is about the run before; a manual start clears it."""
    reported = Reported()("start", 1)("die", 9, exit_code="137")(
        "start", 10, source="reconciled"
    ).events
    flagged = inspect(10, 9, OOMKilled=True, RestartCount=1)
    assert summary(runs(reported, flagged, has_oom_events=False))[1] == (1, "oom", 137, "SIGKILL")
    cleared = inspect(10, 9, OOMKilled=False)
    [_, by_hand] = runs(reported, cleared, has_oom_events=False)
    assert (by_hand.cause, by_hand.oom_killed) == ("killed", None)


def test_a_flag_of_the_present_run() -> None:
    """Newer engines set it as soon as a child is killed: it says nothing of the run before."""
    reported = Reported()("start", 1)("die", 9, exit_code="137")("start", 10)("oom", 11).events
    [present, before] = runs(reported, inspect(10, 9, OOMKilled=True), has_oom_events=False)
    assert (before.cause, before.oom_killed) == ("killed", None)
    assert present.oom_killed is None


def test_the_flag_that_reconciliation_reported() -> None:
    """It is the run's flag, without a time: a child's where the main process ended otherwise."""
    reported = Reported()("start", 1)("oom", 9, source="reconciled")
    reported("die", 9, source="reconciled", exit_code="3")("start", 10)
    assert summary(runs(reported.events))[1] == (1, "exit", 3, None)


def test_a_container_that_does_not_run() -> None:
    """Another's, by `--target`: its last run is over, as inspect says."""
    state: dict[str, Json] = {"Running": False, "ExitCode": 137, "OOMKilled": True}
    [run] = runs(Reported()("start", 1).events, inspect(1, 9, **state))
    assert (run.cause, run.exit_code, run.finished_at, run.sources) == (
        "oom",
        137,
        at(9),
        ("inspect",),
    )
    assert previous_run([run]) == run


def test_inspect_alone() -> None:
    """Where events are denied: the present run, and when the one before it ended."""
    found = runs((), inspect(10, 9, OOMKilled=True, RestartCount=1))
    assert [(run.number, run.started_at, run.finished_at, run.cause) for run in found] == [
        (2, at(10), None, "unknown"),
        (1, None, at(9), "oom"),
    ]


def test_a_restart_nobody_has_reported_yet() -> None:
    """Inspect began again later than the events have it, be it by little."""
    found = runs(Reported()("start", 1).events, inspect(3, 2.9), [record(1, 2.8, 3), record(3.1)])
    assert summary(found) == [(2, *PRESENT), (1, "exit", 3, None)]


def test_a_journal_that_begins_amid_a_run() -> None:
    """Its start is missing, its number is not."""
    reported = Reported()
    for start in (1, 10, 20):
        reported("start", start)("die", start + 5, exit_code="0")
    found = runs([event for event in reported.events if event.seq > 3])
    assert [(run.number, run.started_at) for run in found] == [(3, at(20)), (2, None)]


def test_an_end_before_any_start() -> None:
    """An engine's history may begin with it."""
    found = runs(Reported()("die", 5, exit_code="3")("start", 6).events)
    assert summary(found) == [(2, *PRESENT), (1, "exit", 3, None)]


def test_nothing_is_reported() -> None:
    """Nothing reported, no runs."""
    assert runs(()) == ()
    assert runs((), {"State": "junk"}) == ()
    assert previous_run(()) is None


def test_whatever_is_reported_has_runs_in_order() -> None:
    """No order of events, records and inspect is a mistake of ours, and numbers fall by one."""
    chance = random.Random(6)
    for _ in range(300):
        reported = Reported()
        for _ in range(chance.randrange(12)):
            action = chance.choice(["start", "die", "oom", "kill", "stop", "gap", "restart"])
            type_ = "agent" if action == "gap" else "container"
            source: EventSource = chance.choice(["live", "replay", "reconciled"])
            reported(action, chance.uniform(0, 100), source=source, type_=type_, reason="restart")
        records = [
            record(start, chance.choice([None, start + chance.uniform(0, 20)]), 0)
            for start in (chance.uniform(0, 100) for _ in range(chance.randrange(5)))
        ]
        document = chance.choice([None, inspect(chance.uniform(0, 120), chance.uniform(0, 120))])
        found = runs(reported.events, document, records)
        numbers = [run.number for run in found]
        assert all(later == earlier + 1 for later, earlier in itertools.pairwise(numbers))
        assert all(run.finished_at or run.cause for run in found[1:])


def test_evidence_is_of_the_events_own_numbers() -> None:
    """So that a reader finds them in `/v1/events`."""
    reported = Reported()("start", 1)("oom", 8)("die", 9, exit_code="137")("start", 10).events
    shifted = [replace(event, seq=event.seq + 100) for event in reported]
    assert [run.evidence for run in runs(shifted)] == [(104,), (102, 103)]


def test_a_stop_signal_may_be_a_real_time_one() -> None:
    """Images of systemd declare `SIGRTMIN+3`: PID 1 forwarded it, so the run was stopped."""
    number = int(signal.SIGRTMIN) + 3
    declared: Json = {"Config": {"StopSignal": "SIGRTMIN+3"}}
    [run] = runs((), declared, [record(1, 5, 0, forwarded=number)])
    assert (run.cause, run.exit_code) == ("stopped", 0)
