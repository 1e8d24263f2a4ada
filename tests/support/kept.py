"""A keeper in a thread of its own, for tests of what it keeps and follows."""

from __future__ import annotations

import threading
from io import StringIO
from itertools import count
from typing import TYPE_CHECKING

from selfinspect.agent.keeper import Keeper
from selfinspect.agent.observe import observe
from selfinspect.agent.state import UNRESOLVED, Observation, State
from selfinspect.events.intake import Intake
from selfinspect.events.stream import Audience
from selfinspect.journal.journal import Journal
from selfinspect.logs import logger
from selfinspect.masking import Masking
from selfinspect.model import Snapshot
from tests.support.canned_container import ID

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selfinspect.model import Event, Json, Occurrence
    from selfinspect.settings import Settings
    from tests.support.canned_engine import CannedEngine

PATIENCE = 60.0
_moments = count(1_795_264_570_000_000_000, 10**6)
_FIRST = Observation(Snapshot(UNRESOLVED), Masking())


def happened(action: str, **attributes: Json) -> dict[str, Json]:
    """An event of the container as its engine writes it, later than the one before."""
    return {
        "Type": "container",
        "Action": action,
        "Actor": {"ID": ID, "Attributes": {"name": "shop", **attributes}},
        "timeNano": next(_moments),
    }


class Kept:
    """A keeper in a thread of its own, and what it reported."""

    def __init__(
        self,
        settings: Settings,
        *,
        after_look: Callable[[], None] = lambda: None,
        lasting: float = 60.0,
    ) -> None:
        self.settings = settings
        self.audience = Audience()
        self.state = State(_FIRST)
        self.state.subscribe(self._changed)
        self.events: list[tuple[str, str | None]] = []
        self.looks = 0
        self.names: list[str | None] = []
        self.reasons: list[str | None] = []
        self.log = StringIO()
        self._after_look = after_look
        self._news = threading.Condition()
        self._connections: list[Observation] = []
        self.journal = Journal(1000)
        self.checks: list[Occurrence] = []
        self.reopened = 0
        self.found: list[tuple[Observation, Snapshot]] = []
        self.keeper = Keeper(
            self.state,
            look=self._look,
            intake=Intake(self.journal, on_events=self._events, on_check=self._checked),
            audience=self.audience,
            on_found=self._found,
            on_look=self._looked,
            on_reopen=self._reopens,
            on_minute=lambda: None,
            target=None if settings.target == "self" else settings.target,
            log=logger(self.log, level="info", form="json", mask=str),
            lasting=lasting,
        )
        self.thread = threading.Thread(target=self.keeper.run, daemon=True)

    def _checked(self, check: Occurrence) -> None:
        with self._news:
            self.checks.append(check)
            self._news.notify_all()

    def _found(self, found: Observation) -> None:
        self.found.append((found, self.snapshot))

    @property
    def snapshot(self) -> Snapshot:
        """The present snapshot."""
        return self.state.snapshot

    @property
    def name(self) -> str | None:
        """The container's present name."""
        return self.snapshot.self.name if self.snapshot.self else None

    @property
    def actions(self) -> list[str]:
        """The actions reported so far."""
        return [action for action, _ in self.events]

    def wait_for(self, reached: Callable[[], bool]) -> None:
        """Wait until the reported events make it true."""
        with self._news:
            assert self._news.wait_for(reached, PATIENCE), f"only {self.events} was reported"

    def wait_for_change(self, reached: Callable[[], bool]) -> None:
        """Wait until the state makes it true."""
        with self._news:
            assert self._news.wait_for(reached, PATIENCE), f"only {self.snapshot} is there"

    def start(self, engine: CannedEngine) -> None:
        """Start it, and see it follow: a quiet event comes through."""
        self.thread.start()
        engine.wait_for_streams(2)
        engine.emit(happened("top"))
        self.wait_for(lambda: "top" in self.actions)
        self.events.clear()

    def stop(self) -> None:
        """Stop it, and see it end."""
        self.keeper.stop()
        if self.thread.ident is not None:
            self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        for found in self._connections:
            if found.client is not None:
                found.client.connection.transport.close()

    def _look(self, last: Observation) -> Observation:
        found = observe(self.settings, {}, last)
        self._connections.append(found)
        return found

    def _events(self, events: Sequence[Event]) -> None:
        with self._news:
            self.events += [(event.action, self.name) for event in events]
            self._news.notify_all()

    def _reopens(self) -> None:
        self.reopened += 1

    def _changed(self) -> None:
        self.names.append(self.name)
        with self._news:
            self._news.notify_all()

    def _looked(self) -> None:
        self._after_look()
        failure = self.snapshot.failure
        self.reasons.append(failure.detail if failure else None)
        with self._news:
            self.looks += 1
            self._news.notify_all()
