"""The runs of this container, put together whenever something new was told of them.

Reads what PID 1 wrote down of this container's runs.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from selfinspect.agent.following import created, translated
from selfinspect.engine.quirks import quirks_of
from selfinspect.errors import EngineError
from selfinspect.events.history import past_events
from selfinspect.events.intake import Intake
from selfinspect.journal.journal import Journal
from selfinspect.model import RunRecord
from selfinspect.runs.runs import OF_RUNS, previous_run, runs
from selfinspect.supervise.record import lines, mark_of, path_of

if TYPE_CHECKING:
    from pathlib import Path

    from selfinspect.agent.observe import Observation
    from selfinspect.engine.api.client import Client
    from selfinspect.model import Event, Occurrence, Run, Snapshot
    from selfinspect.settings import Settings

# Of some five hundred runs: a container that restarts for ever is not to fill its memory with them.
_EVENTS = 2000
# Memory that ran out once may bring hundreds of `oom`, and some apps get a signal every minute:
# how a run ended its last events tell.
_OF_EACH = 16


class Past:
    """The runs as they were put together last.

    Args:
        settings: where PID 1 writes its records, and whom to report on.
        journal: the events held.

    Attributes:
        runs: newest first.
    """

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self.runs: tuple[Run, ...] = ()
        self._settings = settings
        self._journal = journal

    @property
    def previous_run(self) -> Run | None:
        """The last run that is over."""
        return previous_run(self.runs)

    def update(self, snapshot: Snapshot) -> None:
        """Put the runs together anew."""
        settings = self._settings
        own = settings.target == "self"
        self.runs = runs(
            self._journal.held(*OF_RUNS, newest=_EVENTS, per_run=_OF_EACH),
            snapshot.inspect,
            read_records(settings.journal, settings.root) if own else (),
            oom_told=quirks_of(snapshot.engine).reports_oom,
        )


def tells_of_runs(event: Event) -> bool:
    """Whether an event is a reason to put them together anew."""
    return event.action in OF_RUNS


def names_of_journal(settings: Settings, snapshot: Snapshot) -> tuple[str, str | None] | None:
    """Whose the journal on disk is, and the ID by which an earlier version may have named it.

    Ours is named by what tells us apart from every other container of the folder: whoever the
    evidence takes us for, it is our own, and stays. Another container's is named by its ID.

    Returns:
        None while it is not known who is reported on, or where nothing tells us apart.
    """
    own = snapshot.self
    if own is None:
        return None
    mark = mark_below(settings.root) if settings.target == "self" else None
    if mark is not None:
        # As text that a database can hold.
        return mark.encode(errors="surrogateescape").decode(errors="backslashreplace"), own.id
    return None if own.id is None else (own.id, None)


def recall(settings: Settings, observation: Observation) -> Journal:
    """What an agent's journal and the engine hold, in a journal of our own: no file is written.

    Args:
        settings: where the agent's journal is.
        observation: which container this is; where that does not stand, nothing is held.
    """
    journal = Journal(settings.journal_max_events, memory=None)
    client = observation.client
    if names := names_of_journal(settings, observation.snapshot):
        journal.read(settings.journal, *names)
    if client is not None:
        with suppress(EngineError):  # a proxy's denial, most likely: then the file is all
            past = _past(journal, observation, client)
            intake = Intake(journal, on_events=lambda _: None, on_check=lambda _: None)
            intake.resume(client.id)
            intake.write(past, observation.snapshot.inspect, observation.health_check)
    return journal


def _past(journal: Journal, observation: Observation, client: Client) -> list[Occurrence]:
    since = journal.newest() or created(observation)
    return translated(past_events(client, since, time.time_ns()), client, observation, "replay")


_FACTS = (5, 6)  # the sixth is younger than the others
_DIGITS = 19  # of nanoseconds, until the year 2286


def read_records(folder: Path, root: Path) -> tuple[RunRecord, ...]:
    """The runs written down in a folder, oldest first.

    Args:
        folder: where the journal is.
        root: the folder below which `proc/` is this container's.
    """
    mark = mark_below(root)
    if mark is None:
        return ()
    read = (parse_record(line) for line in lines(path_of(str(folder), mark), mark))
    return tuple(record for record in read if record is not None)


def mark_below(root: Path) -> str | None:
    """What tells this container apart, see `mark_of`; None where its mounts cannot be read.

    Args:
        root: the folder below which `proc/` is this container's.
    """
    try:
        return mark_of((root / "proc/self/mountinfo").read_text(errors="surrogateescape"))
    except OSError:
        return None


def parse_record(line: str) -> RunRecord | None:
    """One line, None where it is none that PID 1 writes."""
    words = line.split(" ")
    started, boot, *facts = words if len(words) > 1 else ("", "")
    if len(facts) not in _FACTS:
        return None
    try:
        numbers = [None if fact == "-" else _number(fact) for fact in facts]
        finished, exit_code, signal, forwarded, oom_kills, *mapped = numbers
        return RunRecord(
            _number(started),
            None if boot == "-" else boot,
            finished,
            exit_code,
            signal,
            forwarded,
            oom_kills,
            mapped == [1],
        )
    except ValueError:
        return None


def _number(word: str) -> int:
    """A number that PID 1 may have written; anybody else with the folder may have written more.

    Raises:
        ValueError: it is none, or larger than any time, code or count.
    """
    if not (word.isascii() and word.isdecimal() and len(word) <= _DIGITS):
        raise ValueError(word)
    return int(word)
