"""What was told of each run, put together: events, PID 1's records, inspect. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from selfinspect import times
from selfinspect.engine.access import boolean, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selfinspect.model import Event, Json, RunRecord

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
