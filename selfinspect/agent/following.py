"""One connection's life: subscribe, read what was missed, reconcile, then follow live."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from selfinspect import times
from selfinspect.errors import EngineError, EngineUnreachableError, UnknownContainerError
from selfinspect.events import history
from selfinspect.events.known import is_news
from selfinspect.events.reconcile import reconcile
from selfinspect.events.stream import EventStream, open_events
from selfinspect.events.translate import EVERY_NAME, translate
from selfinspect.jsonread import text
from selfinspect.kernel.network import NetworkChanges
from selfinspect.model import Actor

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable
    from contextlib import AbstractContextManager

    from structlog.typing import FilteringBoundLogger

    from selfinspect.agent.observe import Observation
    from selfinspect.engine.api.client import Client
    from selfinspect.events.intake import Intake
    from selfinspect.model import EventSource, Json, Occurrence

_PATIENCE = 1.0
"""Seconds for an event to arrive which tells what inspect says already."""

_UNNOTICED = 60 * 10**9
"""Nanoseconds for which an engine behind a network may be dead before that is noticed."""


class Following:
    """Brings the container's events, each once and in order, until its streams end.

    Attributes:
        gone: whether the container was removed; its streams have ended then.
        misled: whether the engine is to be looked for anew: it does not answer, or the network
            is another.
        failure: why the container could not be inspected when the streams were given up.

    Args:
        client: whom to follow.
        current: what is known of the container.
        refresh: inspects the container anew; may raise an EngineError.
        intake: takes the events, after what they changed is known.
        listening: whether somebody waits for events now.
        others: whether the container is another than our own, and may be removed while we run.
        log: the agent's log.

    Raises:
        EngineError: the engine does not let us subscribe.
    """

    def __init__(
        self,
        client: Client,
        *,
        current: Callable[[], Observation],
        refresh: Callable[[], Observation],
        intake: Intake,
        listening: Callable[[], bool],
        others: bool = False,
        log: FilteringBoundLogger,
    ) -> None:
        self.gone = self.misled = False
        self.failure: EngineError | None = None
        self._others = others
        self._client = client
        self._current = current
        self._refresh = refresh
        self._intake = intake
        self._log = log
        self._stream = open_events(client, listening=listening)

    def run(self) -> None:
        """Follow until the streams end or are ended.

        Raises:
            EngineError: a stream broke off, or the engine did not say what was missed.
        """
        caught_up = False
        try:
            with self._stream, self._watching():
                self._catch_up()
                caught_up = True
                while not self._stream.ended:
                    self._live(self._translated(self._stream.take(), "live"))
        except UnknownContainerError:
            self.gone = self._others
            if not self.gone:
                raise
        finally:
            if caught_up:
                unnoticed = 0 if self._client.connection.transport.local else _UNNOTICED
                self._intake.alive(time.time_ns() - unnoticed)

    def cancel(self) -> None:
        """End the streams, from any thread."""
        self._stream.cancel()

    @property
    def live(self) -> bool:
        """Whether events come as they happen; else a proxy holds them back: they are asked for."""
        return isinstance(self._stream, EventStream)

    def hurry(self) -> None:
        """Somebody began to listen. Call from any thread."""
        self._stream.hurry()

    def _watching(self) -> AbstractContextManager[object]:
        """Look elsewhere when the network changes that leads to the engine."""
        if self._client.connection.transport.local:
            return nullcontext()
        return NetworkChanges(self._look_elsewhere)

    def _look_elsewhere(self) -> None:
        self.misled = True
        self.cancel()

    def _catch_up(self) -> None:
        """Journal what happened while nobody listened: replayed, and found by inspect."""
        intake, now = self._intake, time.time_ns()
        intake.resume(self._client.id)
        known, newest = intake.known, intake.newest()
        begun = created(self._current())
        # After a clock was set back: an engine refuses a `since` that is still to come.
        since = min(begun if newest is None or newest > now else newest, now)
        past = self._translated(self._stream.past(since, now), "replay")
        replayed = intake.unknown(past)
        complete = len(replayed) < len(past) or (
            newest is None and any(event.action == "create" for event in past)
        )
        alive = min(max(known.alive or begun, newest or begun), now)
        lost = None if complete else history.gap(self._client, alive, now)
        live = self._since_then(past, within=0)
        inspect = self._refresh().snapshot.inspect
        missed = reconcile(known, (*replayed, *live), inspect, now)
        if missed:
            live += self._since_then((*past, *live), within=_PATIENCE)
            inspect = self._refresh().snapshot.inspect
            missed = reconcile(known, (*replayed, *live), inspect, now)
        container = Actor(self._client.id, self._current().snapshot.identity.name)
        gaps = [history.gap_event(lost, container)] if lost else []
        told = sorted((*replayed, *missed), key=lambda event: event.nanoseconds)
        self._write([*gaps, *told])
        intake.alive(now)
        self._log.info("engine.followed", replayed=len(replayed), reconciled=len(missed))
        self._live(live)

    def _since_then(self, already: Iterable[Occurrence], within: float) -> list[Occurrence]:
        """What has come live and is not among the events at hand, waited for so many seconds."""
        keys = {event.key for event in already}
        deadline = time.monotonic() + within
        raws: list[Json] = []
        while True:
            left = max(deadline - time.monotonic(), 0.0)
            raws += self._stream.take(left)
            if not left or self._stream.ended:
                return [event for event in self._translated(raws, "live") if event.key not in keys]

    def _live(self, events: Iterable[Occurrence]) -> None:
        events = list(events)
        known = self._intake.known
        if any(event.changes_inspect and is_news(event, known) for event in events):
            try:
                self._refresh()
            except EngineError as error:
                self._log.info("inspect.failed", error=error.detail)
                if isinstance(error, EngineUnreachableError):
                    self.failure = error
                    self._look_elsewhere()
                if isinstance(error, UnknownContainerError) and self._others:
                    self.gone = True
                    self.cancel()
        self._write(events)

    def _write(self, events: Iterable[Occurrence]) -> None:
        observation = self._current()
        self._intake.write(list(events), observation.snapshot.inspect, observation.health_check)

    def _translated(self, raws: Iterable[Json], source: EventSource) -> list[Occurrence]:
        return translated(raws, self._client, self._current(), source)


def translated(
    raws: Iterable[Json], client: Client, observation: Observation, source: EventSource
) -> list[Occurrence]:
    """Those of an engine's events that are about the container.

    Args:
        raws: as the engine wrote them.
        client: whom they came from, asked about which container.
        observation: what is known of that.
        source: whether they came as they happened.
    """
    own = observation.snapshot.self
    labels: Container[str] = (own.labels or {}) if own else {}
    if own and "labels" in (own.truncated or {}):
        labels = EVERY_NAME
    found = (
        translate(
            raw, container=client.id, labels=labels, masking=observation.masking, source=source
        )
        for raw in raws
    )
    return [event for event in found if event is not None]


def created(observation: Observation) -> int:
    """Nanoseconds since the Unix epoch of when the container was made, 0 where unknown."""
    return times.moment(text(observation.snapshot.inspect, "Created")) or 0
