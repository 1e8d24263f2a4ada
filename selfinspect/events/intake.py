"""Takes in every event: journalled and handed on to subscribers, or only counted.

Counted are the engine's own health checks while they say nothing new. Docker has three exec events
for each check and an event for each new status; Podman has an event for each status, of the execs
at most the end, and never says which command was run.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.events.lifecycle import Lifecycle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selfinspect.journal.journal import Journal
    from selfinspect.model import Event, Json, Occurrence

# Docker replays no more than 256 events.
_REMEMBERED = 512
_ENDS = frozenset({"exec_die", "health_status"})


class Intake:
    """Journals each event once, and keeps the container's state by its events.

    Belongs to one thread; only `note` may be called from any.

    Args:
        journal: where events get their sequence numbers.
        on_events: takes those that were journalled.
        on_check: takes those of routine health checks, which are not.

    Attributes:
        journal: the same.
        lifecycle: the container's state by the events in the journal.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        on_events: Callable[[Sequence[Event]], None],
        on_check: Callable[[Occurrence], None],
    ) -> None:
        self.lifecycle = self._remembered = Lifecycle()
        self.journal = journal
        self._on_events = on_events
        self._on_check = on_check
        self._checks = HealthChecks()
        self._counted: deque[tuple[int, str, str, str, str]] = deque(maxlen=_REMEMBERED)
        self._container: str | None = None
        # Published in the order of their numbers: who resumes after one gets none before it.
        self._ordering = threading.Lock()

    def resume(self, container: str) -> None:
        """Read from the open journal what events said so far; once for each container."""
        if container == self._container:
            return
        self._container = container
        self.lifecycle = self._remembered = Lifecycle.from_json(self.journal.remembered())
        # The facts are kept after the events: those of an agent that was killed may lag behind.
        for event in self.journal.after(self.lifecycle.cursor).events:
            self._learn(event)

    def write(
        self, occurrences: Sequence[Occurrence], inspect: Json, health_check: str | None
    ) -> bool:
        """Journal events in this order, then publish them.

        Args:
            occurrences: what happened; what is in the journal already is left out.
            inspect: the engine's inspect document, asked for after that.
            health_check: the command of the container's health check, None where it has none.

        Returns:
            Whether a health check ended that said nothing new.
        """
        wanted: list[Occurrence] = []
        ahead, ended = self.lifecycle, False
        for occurrence in occurrences:
            if self._checks.is_routine(occurrence, ahead, health_check):
                self._count(occurrence)
                ended = ended or occurrence.action in _ENDS
            else:
                wanted.append(occurrence)
                ahead = ahead.after(occurrence)
        with self._ordering:
            added = self.journal.append(*wanted) if wanted else ()
            for event in added:
                self._learn(event)
            self.lifecycle = self.lifecycle.completed(inspect)
            if added:
                self._on_events(added)
        self._remember()
        return ended

    def note(self, occurrence: Occurrence) -> None:
        """Journal and publish an event that no engine sent. Call from any thread."""
        with self._ordering:
            self._on_events(self.journal.append(occurrence))

    def alive(self, until: int) -> None:
        """Note that nothing was missed until then, nanoseconds since the Unix epoch."""
        self.lifecycle = replace(self.lifecycle, alive=until)
        self._remember()

    def _learn(self, event: Event) -> None:
        self.lifecycle = replace(self.lifecycle.after(event), cursor=event.cursor)

    def _remember(self) -> None:
        """Keep the facts; an event that changes none of them costs no write of its own."""
        if self._remembered != replace(self.lifecycle, cursor=self._remembered.cursor):
            self.journal.remember(self.lifecycle.to_json())
            self._remembered = self.lifecycle

    def _count(self, occurrence: Occurrence) -> None:
        if occurrence.key not in self._counted:
            self._counted.append(occurrence.key)
            self._on_check(occurrence)


class HealthChecks:
    """The engine's health checks apart from what people run: follows execs to their end."""

    def __init__(self) -> None:
        self._ours: set[str] = set()
        self._nameless = 0

    def is_routine(self, event: Occurrence, lifecycle: Lifecycle, command: str | None) -> bool:
        """Whether an event is only of a health check, and says nothing new.

        Args:
            event: the next one; each has to be asked about, in order.
            lifecycle: what events have said up to then.
            command: the health check's, None where the container has none.
        """
        if event.type != "container":
            return False
        match event.action:
            case "start":
                self._ours.clear()
                self._nameless = 0
            case "exec_create" | "exec_start":
                return self._begins(event, command)
            case "exec_die":
                return self._ends(event.exec_id, command)
        return not lifecycle.is_news(event)

    def _begins(self, event: Occurrence, command: str | None) -> bool:
        if event.command is not None and event.command == command:
            self._ours.add(event.exec_id)
            return True
        if not event.exec_id and event.action == "exec_start":
            self._nameless += 1
        return False

    def _ends(self, exec_id: str, command: str | None) -> bool:
        if exec_id in self._ours:
            self._ours.discard(exec_id)
            return True
        if exec_id or command is None:
            return False
        if self._nameless:
            self._nameless -= 1
            return False
        return True
