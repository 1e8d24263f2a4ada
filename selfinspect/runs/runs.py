"""The runs of a container, put together from events, PID 1's records and inspect. Pure.

First the facts about each run are gathered from the three sources; then each becomes a `Run`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby, pairwise
from signal import SIGTERM
from typing import TYPE_CHECKING

from selfinspect import times
from selfinspect.jsonread import boolean, decimal, integer, text
from selfinspect.kernel.signals import signal_name, signal_number
from selfinspect.model import Run
from selfinspect.runs.causes import Ending, Sent, cause, oom_killed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selfinspect.model import Event, Json, RunRecord, RunSource

OF_RUNS = ("start", "die", "oom", "kill", "stop", "gap")
"""The actions of the events from which runs are made."""

# An engine reports a start, and an end, a little after PID 1 has recorded it.
_CLOSE = 10 * times.SECOND
_BETWEEN = 2 * times.SECOND


@dataclass(slots=True)
class _Facts:
    """What was reported of one run; times are nanoseconds since the Unix epoch.

    Attributes:
        number: the run's in the journal, None where no event is of it.
        start: when it began.
        died: when it ended, as the engine's events say.
        finish: when it ended, as inspect says.
        code: its exit code, as inspect says.
        oom_flag: inspect's `OOMKilled` for this run.
        events: those of the container.
        records: those that PID 1, or another `run` in the container, wrote during it.
        restarted: whether the engine or its machine restarted during it or after it.
        back: the time of the first event after that restart.
    """

    number: int | None
    start: int | None = None
    died: int | None = None
    finish: int | None = None
    code: int | None = None
    oom_flag: bool | None = None
    events: list[Event] = field(default_factory=list)
    records: list[RunRecord] = field(default_factory=list)
    restarted: bool = False
    back: int | None = None

    def last(self, action: str) -> Event | None:
        """The last event of an action."""
        return next((event for event in reversed(self.events) if event.action == action), None)

    @property
    def record(self) -> RunRecord | None:
        """The record of this run's end: another command's ends at another time."""
        for record in reversed(self.records):
            if record.finished is not None and (
                self.died is None or abs(record.finished - self.died) <= _CLOSE
            ):
                return record
        return next((one for one in reversed(self.records) if one.finished is None), None)

    @property
    def end(self) -> int | None:
        """When it ended."""
        if self.died is not None:
            return self.died
        record = self.record
        return record.finished if record and record.finished is not None else self.finish

    @property
    def reported_code(self) -> int | None:
        """The exit code in the engine's event."""
        die = self.last("die")
        stated = die.attributes.get("exit_code") if die else None
        if isinstance(stated, str):
            return decimal(stated)
        return stated if isinstance(stated, int) and not isinstance(stated, bool) else None

    @property
    def expected(self) -> bool:
        """Whether `run` made 0 of the exit code; if the engine saw another one, it did not."""
        record = self.record
        return record is not None and record.expected and self.reported_code in (None, 0)

    @property
    def exit_code(self) -> int | None:
        """The event's, else the record's, else inspect's: a label may hide the first.

        Where `run` made 0 of the command's own, it is the record's.
        """
        reported, record = self.reported_code, self.record
        if reported is not None and not self.expected:
            return reported
        return self.code if record is None or record.exit_code is None else record.exit_code

    def includes(self, record: RunRecord, following: _Facts | None) -> bool:
        """Whether a record is of this run, by when it began."""
        if self.start is not None and record.started < self.start - _CLOSE:
            return False
        if self.died is not None:
            return record.started <= self.died
        if following is None or following.start is None:
            return True
        return record.started < following.start - _BETWEEN


def runs(
    events: Iterable[Event],
    inspect: Json = None,
    records: Iterable[RunRecord] = (),
    *,
    has_oom_events: bool = True,
) -> tuple[Run, ...]:
    """All runs of which anything was reported, newest first; the present one has no end.

    A run has its number in the journal, plus one for each run before it that is in none.

    Args:
        events: those held, oldest first; only those of `OF_RUNS` matter.
        inspect: the engine's inspect JSON, None where there is none.
        records: what PID 1 wrote.
        has_oom_events: whether this engine reports `oom` events; Podman does not.
    """
    gathered = _gathered(events, inspect, records)
    _add_inspected_end(gathered, inspect, has_oom_events=has_oom_events)
    stop_signal = signal_number(text(inspect, "Config", "StopSignal") or "") or SIGTERM
    found = [
        _present(number, facts)
        if facts is gathered[-1] and facts.end is None
        else _ended(number, facts, _ending(facts, stop_signal, has_oom_events=has_oom_events))
        for number, facts in zip(_numbers(gathered), gathered, strict=True)
    ]
    return tuple(reversed(found))


def previous_run(newest_first: Sequence[Run]) -> Run | None:
    """The last one that is over."""
    if newest_first and newest_first[0].finished_at is None:
        newest_first = newest_first[1:]
    return newest_first[0] if newest_first else None


def _gathered(events: Iterable[Event], inspect: Json, records: Iterable[RunRecord]) -> list[_Facts]:
    """The facts about each run, oldest first."""
    relevant = [event for event in events if event.action in OF_RUNS]
    gathered = [
        _of_events(number, [event for event in group if event.type == "container"])
        for number, group in groupby(relevant, key=lambda event: event.run)
    ]
    gathered = [facts for facts in gathered if facts.events]
    for record in sorted(records, key=lambda record: record.started):
        _add_record(gathered, record)
    _add_inspect(gathered, inspect)
    for gap in relevant:
        if gap.type == "agent" and gap.attributes.get("reason") == "restart":
            _add_restart(gathered, gap)
    for facts in gathered:
        if facts.start is None and facts.records:
            facts.start = facts.records[0].started
    for facts, following in pairwise(gathered):
        boots = {record.boot for record in (facts.record, following.record) if record}
        facts.restarted = facts.restarted or len(boots - {None}) > 1
    return gathered


def _of_events(number: int | None, events: list[Event]) -> _Facts:
    facts = _Facts(number, events=events)
    start = next((event for event in events if event.action == "start"), None)
    die = facts.last("die")
    facts.start = times.nanoseconds(start.time) if start else None
    facts.died = times.nanoseconds(die.time) if die else None
    return facts


def _add_record(gathered: list[_Facts], record: RunRecord) -> None:
    """Add a record to the run it is of, or a run of which there is nothing else."""
    place = len(gathered)
    for index, facts in enumerate(gathered):
        following = gathered[index + 1] if index + 1 < len(gathered) else None
        # Without events each record is a run of its own.
        if facts.events and facts.includes(record, following):
            facts.records.append(record)
            return
        if facts.start is not None and record.started < facts.start:
            place = index
            break
    gathered.insert(place, _Facts(None, record.started, records=[record]))


def _add_inspect(gathered: list[_Facts], inspect: Json) -> None:
    """Add when inspect says that the present run began, and the one before it ended."""
    started, finished = (
        times.moment(text(inspect, "State", name)) for name in ("StartedAt", "FinishedAt")
    )
    if started is None:
        return
    newest = gathered[-1] if gathered else None
    if (
        newest is None
        or (newest.start is not None and newest.start < started - _CLOSE)
        or (newest.died is not None and newest.died < started)
        or (finished is not None and (newest.start or started) < finished < started)
    ):
        gathered.append(_Facts(None, started))
    newest = gathered[-1]
    if newest.start is None or abs(newest.start - started) <= _CLOSE:
        newest.start = started
    if finished is None:
        return
    if finished >= started:
        if boolean(inspect, "State", "Running") is False:
            newest.finish = finished
    elif len(gathered) == 1:
        gathered.insert(0, _Facts(None, finish=finished))
    elif (gathered[-2].start or 0) <= finished:
        gathered[-2].finish = finished


def _add_restart(gathered: list[_Facts], gap: Event) -> None:
    """Note during which run an engine was lost that came back restarted, and when."""
    lost = times.moment(gap.attributes.get("from")) or times.nanoseconds(gap.time)
    for facts in reversed(gathered):
        if facts.start is None or facts.start <= lost:
            facts.restarted = True
            facts.back = times.nanoseconds(gap.time)
            return


def _add_inspected_end(gathered: list[_Facts], inspect: Json, *, has_oom_events: bool) -> None:
    """Add what inspect says of how the last run that is over ended.

    Of a container that runs again `ExitCode` is the present run's 0; `OOMKilled` is still the
    previous run's, unless somebody started it by hand, which clears both. Newer engines set
    `OOMKilled` as soon as a child of the present run is killed.
    """
    flag = boolean(inspect, "State", "OOMKilled")
    *earlier, newest = gathered or [_Facts(None)]
    if newest.end is not None:
        newest.oom_flag = flag
        if boolean(inspect, "State", "Running") is False:
            newest.code = integer(inspect, "State", "ExitCode")
    elif earlier and flag:
        earlier[-1].oom_flag = None if newest.last("oom") else True
    elif earlier and has_oom_events and integer(inspect, "RestartCount"):
        earlier[-1].oom_flag = flag


def _numbers(gathered: Iterable[_Facts]) -> Iterator[int]:
    number = unnumbered = 0
    for facts in gathered:
        unnumbered += not facts.number
        number = facts.number + unnumbered if facts.number else number + 1
        yield number


def _ending(facts: _Facts, stop_signal: int, *, has_oom_events: bool) -> Ending:
    die, stop = facts.last("die"), facts.last("stop")
    ooms = [event for event in facts.events if event.action == "oom"]
    # These come from inspect's flag, and have no time of their own.
    flagged = [event for event in ooms if event.source == "reconciled"]
    return Ending(
        finished=facts.end,
        reported=die is not None and die.source != "reconciled",
        exit_code=facts.exit_code,
        record=facts.record,
        sent=tuple(
            Sent(times.nanoseconds(event.time), _signal_sent(event), event.source == "live")
            for event in facts.events
            if event.action == "kill"
        ),
        ooms=tuple(times.nanoseconds(event.time) for event in ooms if event not in flagged),
        stopped=times.nanoseconds(stop.time) if stop else None,
        oom_flag=bool(flagged) or facts.oom_flag,
        restarted=facts.restarted,
        back=facts.back,
        stop_signal=stop_signal,
        has_oom_events=has_oom_events,
    )


def _signal_sent(event: Event) -> int | None:
    stated = event.attributes.get("signal")
    return signal_number(stated) if isinstance(stated, str) else None


def _ended(number: int, facts: _Facts, ending: Ending) -> Run:
    events = [event for event in facts.events if event.action != "start"]
    inspected = {facts.finish, facts.code, facts.oom_flag} != {None}
    sources: dict[RunSource, object] = {
        "supervisor": facts.record,
        "events": events,
        "inspect": inspected,
    }
    signal = ending.signal
    return Run(
        number=number,
        started_at=_rfc3339(facts.start),
        finished_at=_rfc3339(ending.finished),
        exit_code=ending.exit_code,
        signal=None if signal is None else signal_name(signal) or f"signal {signal}",
        oom_killed=oom_killed(ending),
        cause=cause(ending),
        sources=tuple(name for name, there in sources.items() if there),
        evidence=tuple(event.seq for event in events),
        expected=facts.expected,
    )


def _present(number: int, facts: _Facts) -> Run:
    sources: dict[RunSource, object] = {"supervisor": facts.record, "events": facts.events}
    return Run(
        number=number,
        started_at=_rfc3339(facts.start),
        sources=tuple(name for name, there in sources.items() if there),
        evidence=tuple(event.seq for event in facts.events if event.action == "start"),
    )


def _rfc3339(nanoseconds: int | None) -> str | None:
    return None if nanoseconds is None else times.rfc3339(nanoseconds)
