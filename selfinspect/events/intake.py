"""The way of every event: into the journal and on to subscribers, or to be counted and no more."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.events.known import Checks, Known, from_json, to_json
from selfinspect.events.reconcile import adopt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selfinspect.journal.journal import Journal
    from selfinspect.model import Event, Json, Occurrence

# Docker replays no more than 256 events.
_REMEMBERED = 512


class Intake:
    """Journals each event once, and knows what they say of the container.

    Belongs to one thread.

    Args:
        journal: where events have their places.
        on_events: takes those that have one now.
        on_check: takes those of routine health checks, which have none.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        on_events: Callable[[Sequence[Event]], None],
        on_check: Callable[[Occurrence], None],
    ) -> None:
        self.known = Known()
        self._journal = journal
        self._on_events = on_events
        self._on_check = on_check
        self._checks = Checks()
        self._counted: deque[tuple[int, str, str, str, str]] = deque(maxlen=_REMEMBERED)
        self._remembered = Known()
        self._container: str | None = None

    def resume(self, container: str) -> None:
        """Learn what the journal holds, which is open; once for each container."""
        if container == self._container:
            return
        self._container = container
        self.known = self._remembered = from_json(self._journal.remembered())
        # The facts are kept after the events: those of an agent that was killed may lag behind.
        for event in self._journal.after(self.known.cursor).events:
            self._learn(event)

    def newest(self) -> int | None:
        """Nanoseconds since the Unix epoch of the last event that the engine told of."""
        return self._journal.newest()

    def unknown(self, occurrences: Sequence[Occurrence]) -> tuple[Occurrence, ...]:
        """Those that are not in the journal yet."""
        return self._journal.unknown(*occurrences)

    def write(
        self, occurrences: Sequence[Occurrence], inspect: Json, health_check: str | None
    ) -> None:
        """Journal events in this order, then publish them.

        Args:
            occurrences: what happened; what stands in the journal already is left out.
            inspect: the engine's inspect document, asked for after that.
            health_check: the command of the container's health check, None where it has none.
        """
        telling: list[Occurrence] = []
        ahead = self.known
        for occurrence in occurrences:
            if self._checks.is_routine(occurrence, ahead, health_check):
                self._count(occurrence)
            else:
                telling.append(occurrence)
                ahead = ahead.after(occurrence)
        told = self._journal.append(*telling) if telling else ()
        for event in told:
            self._learn(event)
        self.known = adopt(self.known, inspect)
        if told:
            self._on_events(told)
        self._remember()

    def alive(self, until: int) -> None:
        """Up to that moment, nanoseconds since the Unix epoch, nothing was missed."""
        self.known = replace(self.known, alive=until)
        self._remember()

    def _learn(self, event: Event) -> None:
        self.known = replace(self.known.after(event), cursor=event.cursor)

    def _remember(self) -> None:
        """Keep the facts; an event that changes none of them costs no write of its own."""
        if self._remembered != replace(self.known, cursor=self._remembered.cursor):
            self._journal.remember(to_json(self.known))
            self._remembered = self.known

    def _count(self, occurrence: Occurrence) -> None:
        if occurrence.key not in self._counted:
            self._counted.append(occurrence.key)
            self._on_check(occurrence)
