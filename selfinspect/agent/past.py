"""The container's runs: put together from the journal, inspect and what PID 1 wrote down."""

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
from selfinspect.runs.runs import OF_RUNS, runs
from selfinspect.supervise.record import mark_of, read

if TYPE_CHECKING:
    from pathlib import Path

    from selfinspect.agent.state import Observation
    from selfinspect.model import Run, Snapshot
    from selfinspect.settings import Settings

# Of some five hundred runs: a container that restarts for ever is not to fill its memory with them.
_EVENTS = 2000
# Memory that ran out once may bring hundreds of `oom`, and some apps get a signal every minute:
# a run's last events say how it ended.
_OF_EACH = 16


def container_runs(settings: Settings, journal: Journal, snapshot: Snapshot) -> tuple[Run, ...]:
    """The container's runs, newest first.

    Args:
        settings: where PID 1 writes its records, and which container is reported on.
        journal: the events held.
        snapshot: has inspect and the engine.
    """
    mark = mark_below(settings.root) if settings.target == "self" else None
    return runs(
        journal.held(*OF_RUNS, newest=_EVENTS, per_run=_OF_EACH),
        snapshot.inspect,
        read(settings.journal, mark) if mark is not None else (),
        has_oom_events=quirks_of(snapshot.engine).reports_oom,
    )


def names_of_journal(settings: Settings, snapshot: Snapshot) -> tuple[str, str | None] | None:
    """The name of the journal on disk, and the ID by which an earlier version may have named it.

    Ours is named by a mark that differs from every other container's in the folder: whatever the
    evidence says we are, it is our own, and stays. Another container's is named by its ID.

    Returns:
        None while the container is unresolved, or where we have neither a mark nor an ID.
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
        observation: which container this is; empty while that is unresolved.
    """
    journal = Journal(settings.journal_max_events, memory=None)
    client = observation.client
    if names := names_of_journal(settings, observation.snapshot):
        journal.read(settings.journal, *names)
    if client is not None:
        with suppress(EngineError):  # a proxy's denial, most likely: then the file is all
            since = journal.newest() or created(observation)
            raws = past_events(client, since, time.time_ns())
            past = translated(raws, client, observation, "replay")
            intake = Intake(journal, on_events=lambda _: None, on_check=lambda _: None)
            intake.resume(client.id)
            intake.write(past, observation.snapshot.inspect, observation.health_check)
    return journal


def mark_below(root: Path) -> str | None:
    """The mark of this container, see `mark_of`; None where its mounts cannot be read.

    Args:
        root: the folder below which `proc/` is this container's.
    """
    try:
        mounts = (root / "proc/self/mountinfo").read_bytes()
    except OSError:
        return None
    return mark_of(mounts.decode(errors="surrogateescape"))
