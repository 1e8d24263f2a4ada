"""The runs of a container, from its events, from inspect, and from what its PID 1 wrote. Pure.

What was told of each run, put together: events, PID 1's records, inspect. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby, pairwise
from signal import SIGTERM
from typing import TYPE_CHECKING, NamedTuple

from selfinspect import times
from selfinspect.jsonread import boolean, decimal, integer, text
from selfinspect.model import Run
from selfinspect.runs.causes import Ending, Sent, cause, oom_killed, signal_name, signal_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selfinspect.model import Event, Json, RunRecord


class _Said(NamedTuple):
    """What inspect says of how one run ended."""

    exit_code: int | None = None
    oom_flag: bool | None = None


def runs(
    events: Iterable[Event],
    inspect: Json = None,
    records: Iterable[RunRecord] = (),
    *,
    oom_told: bool = True,
) -> tuple[Run, ...]:
    """The runs known, newest first; the present one is the newest, and has no end.

    A run has its events' number, behind as many as nothing but records or inspect tells of.

    Args:
        events: those held, oldest first; only those of `lives.OF_RUNS` matter.
        inspect: the engine's inspect JSON, None where there is none.
        records: what PID 1 wrote down.
        oom_told: whether this engine has an event for want of memory; Podman has none.
    """
    lives = lives_of(events, inspect, records)
    over = lives if lives and lives[-1].end is not None else lives[:-1]
    said = [_Said() for _ in over[1:]] + [_said(inspect, lives, oom_told=oom_told)][: len(over)]
    stop_signal = signal_number(text(inspect, "Config", "StopSignal") or "") or SIGTERM
    numbers = _numbers(lives)
    ended = [
        _ended(next(numbers), life, _ending(life, one, stop_signal, oom_told=oom_told), one)
        for life, one in zip(over, said, strict=True)
    ]
    present = [_present(next(numbers), life) for life in lives[len(over) :]]
    return tuple(reversed(ended + present))


def previous_run(newest_first: Sequence[Run]) -> Run | None:
    """The last one that is over."""
    if newest_first and newest_first[0].finished_at is None:
        newest_first = newest_first[1:]
    return newest_first[0] if newest_first else None


def _numbers(lives: Iterable[Life]) -> Iterator[int]:
    number = untold = 0
    for life in lives:
        untold += not life.number
        number = life.number + untold if life.number else number + 1
        yield number


def _said(inspect: Json, lives: Sequence[Life], *, oom_told: bool) -> _Said:
    """What inspect says of the last run that is over.

    A container that runs again says `ExitCode` 0 of its present run, and `OOMKilled` still of
    the one before, unless somebody started it by hand: that clears both. Newer engines set
    `OOMKilled` as soon as a child of the present run is killed.
    """
    flag = boolean(inspect, "State", "OOMKilled")
    newest = lives[-1] if lives else None
    if newest is None or newest.end is not None:
        running = boolean(inspect, "State", "Running") is not False
        code = None if running else integer(inspect, "State", "ExitCode")
        return _Said(code, flag)
    if flag:
        return _Said(oom_flag=None if newest.last("oom") else True)
    by_policy = bool(integer(inspect, "RestartCount"))
    return _Said(oom_flag=flag if by_policy and oom_told else None)


def _ending(life: Life, said: _Said, stop_signal: int, *, oom_told: bool) -> Ending:
    die, stop = life.last("die"), life.last("stop")
    ooms = [event for event in life.events if event.action == "oom"]
    # These come of inspect's flag, and have no time of their own.
    flagged = [event for event in ooms if event.source == "reconciled"]
    return Ending(
        finished=life.end,
        told=die is not None and die.source != "reconciled",
        exit_code=_exit_code(life, said),
        record=life.record,
        sent=tuple(
            Sent(times.nanoseconds(event.time), _signal_sent(event), event.source == "live")
            for event in life.events
            if event.action == "kill"
        ),
        ooms=tuple(times.nanoseconds(event.time) for event in ooms if event not in flagged),
        stopped=times.nanoseconds(stop.time) if stop else None,
        oom_flag=bool(flagged) or said.oom_flag,
        restarted=life.restarted,
        back=life.back,
        stop_signal=stop_signal,
        oom_told=oom_told,
    )


def _exit_code(life: Life, said: _Said) -> int | None:
    """The engine's event's, else the record's, else inspect's: a label may hide the first.

    Where `run` made 0 of the command's own, that is the record's.
    """
    stated, record = _stated(life), life.record
    if stated is not None and not _expected(life):
        return stated
    if record is not None and record.exit_code is not None:
        return record.exit_code
    return said.exit_code


def _stated(life: Life) -> int | None:
    """The exit code in the engine's event."""
    die = life.last("die")
    stated = die.attributes.get("exit_code") if die else None
    if isinstance(stated, str):
        return decimal(stated)
    return stated if isinstance(stated, int) and not isinstance(stated, bool) else None


def _expected(life: Life) -> bool:
    """Whether `run` made 0 of the exit code; an engine that saw another one knows more."""
    return life.record is not None and life.record.expected and _stated(life) in (None, 0)


def _signal_sent(event: Event) -> int | None:
    stated = event.attributes.get("signal")
    return signal_number(stated) if isinstance(stated, str) else None


def _ended(number: int, life: Life, ending: Ending, said: _Said) -> Run:
    of_inspect = said != _Said() or life.finish is not None
    told = [event for event in life.events if event.action != "start"]
    sources = {"supervisor": ending.record, "events": told, "inspect": of_inspect}
    return Run(
        number=number,
        started_at=_rfc3339(life.start),
        finished_at=_rfc3339(ending.finished),
        exit_code=ending.exit_code,
        signal=signal_name(ending.signal),
        oom_killed=oom_killed(ending),
        cause=cause(ending),
        sources=tuple(name for name, there in sources.items() if there),
        evidence=tuple(event.seq for event in told),
        expected=_expected(life),
    )


def _present(number: int, life: Life) -> Run:
    return Run(
        number=number,
        started_at=_rfc3339(life.start),
        finished_at=None,
        exit_code=None,
        signal=None,
        oom_killed=None,
        cause="unknown",
        sources=tuple(
            name for name, there in (("supervisor", life.record), ("events", life.events)) if there
        ),
        evidence=tuple(event.seq for event in life.events if event.action == "start"),
    )


def _rfc3339(nanoseconds: int | None) -> str | None:
    return None if nanoseconds is None else times.rfc3339(nanoseconds)


OF_RUNS = ("start", "die", "oom", "kill", "stop", "gap")
"""The actions of the events that tell of runs."""

_SECOND = 10**9
# An engine tells of a start, and of an end, a little after PID 1 has noted it.
_CLOSE = 10 * _SECOND
_BETWEEN = 2 * _SECOND


@dataclass(slots=True)
class Life:
    """What was told of one run; times are nanoseconds of the Unix epoch, None where unknown.

    Attributes:
        number: the run's among the journal's events, None where they know nothing of it.
        start: when it began.
        died: when the engine's events say that it ended.
        finish: when inspect says that it ended.
        events: those of the container.
        records: those that PID 1, or another `run` in the container, wrote during it.
        restarted: the engine or its machine began anew in it or after it.
        back: the first moment of which the engine that began anew told.
    """

    number: int | None
    start: int | None = None
    died: int | None = None
    finish: int | None = None
    events: list[Event] = field(default_factory=list)
    records: list[RunRecord] = field(default_factory=list)
    restarted: bool = False
    back: int | None = None

    def last(self, action: str) -> Event | None:
        """The last event of an action."""
        return next((event for event in reversed(self.events) if event.action == action), None)

    @property
    def record(self) -> RunRecord | None:
        """The record that is of this run's end: another command's ends at another time."""
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

    def admits(self, record: RunRecord, following: Life | None) -> bool:
        """Whether a record that began then is of this run."""
        if self.start is not None and record.started < self.start - _CLOSE:
            return False
        if self.died is not None:
            return record.started <= self.died
        if following is None or following.start is None:
            return True
        return record.started < following.start - _BETWEEN


def lives_of(
    events: Iterable[Event], inspect: Json = None, records: Iterable[RunRecord] = ()
) -> list[Life]:
    """The runs told of, oldest first.

    Args:
        events: those held, oldest first; only those of `OF_RUNS` matter.
        inspect: the engine's inspect JSON, None where there is none.
        records: what PID 1 wrote down.
    """
    told = [event for event in events if event.action in OF_RUNS]
    lives = [
        _of_events(number, [event for event in group if event.type == "container"])
        for number, group in groupby(told, key=lambda event: event.run)
    ]
    lives = [life for life in lives if life.events]
    for record in sorted(records, key=lambda record: record.started):
        _add_record(lives, record)
    _add_inspect(lives, inspect)
    for gap in told:
        if gap.type == "agent" and gap.attributes.get("reason") == "restart":
            _add_restart(lives, gap)
    for life in lives:
        if life.start is None and life.records:
            life.start = life.records[0].started
    for life, following in pairwise(lives):
        boots = {record.boot for record in (life.record, following.record) if record}
        life.restarted = life.restarted or len(boots - {None}) > 1
    return lives


def _of_events(number: int | None, events: list[Event]) -> Life:
    life = Life(number, events=events)
    start, die = next((each for each in events if each.action == "start"), None), life.last("die")
    life.start = times.nanoseconds(start.time) if start else None
    life.died = times.nanoseconds(die.time) if die else None
    return life


def _add_record(lives: list[Life], record: RunRecord) -> None:
    """Add a record to the run it is of, or a run that nothing else tells of."""
    place = len(lives)
    for index, life in enumerate(lives):
        following = lives[index + 1] if index + 1 < len(lives) else None
        # Without events each record is a run of its own.
        if life.events and life.admits(record, following):
            life.records.append(record)
            return
        if life.start is not None and record.started < life.start:
            place = index
            break
    lives.insert(place, Life(None, record.started, records=[record]))


def _add_inspect(lives: list[Life], inspect: Json) -> None:
    """Add what inspect says of the run it is in, and of the end before that."""
    state = inspect.get("State") if isinstance(inspect, dict) else None
    started, finished = (times.moment(text(state, name)) for name in ("StartedAt", "FinishedAt"))
    if started is None:
        return
    newest = lives[-1] if lives else None
    if (
        newest is None
        or (newest.start is not None and newest.start < started - _CLOSE)
        or (newest.died is not None and newest.died < started)
        or (finished is not None and (newest.start or started) < finished < started)
    ):
        lives.append(Life(None, started))
    newest = lives[-1]
    if newest.start is None or abs(newest.start - started) <= _CLOSE:
        newest.start = started
    if finished is None:
        return
    if finished >= started:
        if boolean(state, "Running") is False:
            newest.finish = finished
    elif len(lives) == 1:
        lives.insert(0, Life(None, finish=finished))
    elif (lives[-2].start or 0) <= finished:
        lives[-2].finish = finished


def _add_restart(lives: list[Life], gap: Event) -> None:
    """Note in which run the engine was lost that came back with its memory gone, and when."""
    lost = times.moment(gap.attributes.get("from")) or times.nanoseconds(gap.time)
    for life in reversed(lives):
        if life.start is None or life.start <= lost:
            life.restarted = True
            life.back = times.nanoseconds(gap.time)
            return
