"""One connection to the engine's events: subscribe, catch up on what was missed, follow live."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from selfinspect import times
from selfinspect.agent.observe import inspect_again
from selfinspect.errors import EngineError, EngineUnreachableError, UnknownContainerError
from selfinspect.events.history import gap
from selfinspect.events.reconcile import reconcile
from selfinspect.events.stream import PolledEvents, open_events
from selfinspect.events.translate import EVERY_NAME, translate
from selfinspect.jsonread import text
from selfinspect.kernel.network import NetworkChanges
from selfinspect.model import Actor

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable
    from contextlib import AbstractContextManager

    from structlog.typing import FilteringBoundLogger

    from selfinspect.agent.state import Observation, State
    from selfinspect.engine.api.client import Client
    from selfinspect.events.intake import Intake
    from selfinspect.events.stream import Audience
    from selfinspect.model import EventSource, Json, Occurrence

_PATIENCE = 1.0
"""Seconds to wait at most for the event of what inspect says already."""

_SETTLING = 0.1
"""Seconds after a health check's end until the engine has its result."""

_BETWEEN_HEALTH = 5.0
"""Seconds between two inspects at least that are made for a health check's sake."""

_UNNOTICED = 60 * times.SECOND
"""Nanoseconds for which an engine behind a network may be dead before that is noticed."""


class Following:
    """Brings the container's events, each once and in order, until its streams end.

    Args:
        client: the engine's client for the container.
        state: written after each new inspect.
        intake: takes the events, after what they changed is in the state.
        audience: who waits for events now.
        others: whether the container is not our own, and may be removed while we run.
        log: the agent's log.

    Attributes:
        polled: whether a proxy holds live events back, so that the engine is polled.
        gone: whether the container was removed; its streams have ended then.
        rediscover: whether the agent must re-discover the engine: it does not answer, or the
            network changed.
        failure: why the container could not be inspected when the streams were given up.

    Raises:
        EngineError: the engine does not let us subscribe.
    """

    def __init__(
        self,
        client: Client,
        *,
        state: State,
        intake: Intake,
        audience: Audience,
        others: bool = False,
        log: FilteringBoundLogger,
    ) -> None:
        self.gone = self.rediscover = False
        self.failure: EngineError | None = None
        self._others = others
        self._client = client
        self._state = state
        self._intake = intake
        self._log = log
        self._stream = open_events(client, audience)
        self.polled = isinstance(self._stream, PolledEvents)
        self._health = HealthReading(audience, settling=0.0 if self.polled else _SETTLING)

    def run(self) -> None:
        """Follow until the streams end or are cancelled.

        Raises:
            EngineError: a stream broke off, or the engine did not return what was missed.
        """
        caught_up = False
        try:
            with self._stream, self._watching():
                self._catch_up()
                caught_up = True
                while not self._stream.ended:
                    self._live(self._translated(self._stream.take(self._health.left()), "live"))
                    if self._health.is_due():
                        self._inspect_live()
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

    def _watching(self) -> AbstractContextManager[object]:
        """Leave when the network changes that leads to the engine."""
        if self._client.connection.transport.local:
            return nullcontext()
        return NetworkChanges(self._leave)

    def _leave(self) -> None:
        self.rediscover = True
        self.cancel()

    def _catch_up(self) -> None:
        """Journal what happened while nobody listened: replayed, and found by inspect."""
        intake, journal, now = self._intake, self._intake.journal, time.time_ns()
        intake.resume(self._client.id)
        before, newest = intake.lifecycle, journal.newest()
        begun = created(self._state.observation)
        # After a clock was set back: an engine refuses a `since` that is still to come.
        since = min(begun if newest is None or newest > now else newest, now)
        past = self._translated(self._stream.past(since, now), "replay")
        replayed = journal.unknown(*past)
        complete = len(replayed) < len(past) or (
            newest is None and any(event.action == "create" for event in past)
        )
        alive = min(max(before.alive or begun, newest or begun), now)
        lost = None if complete else gap(self._client, alive, now)
        live = self._since_then(past, within=0)
        inspect = self._inspect().snapshot.inspect
        missed = reconcile(before, (*replayed, *live), inspect, now)
        deadline = time.monotonic() + _PATIENCE
        while missed and not self._stream.ended and (left := deadline - time.monotonic()) > 0:
            live += self._since_then((*past, *live), within=left)
            missed = reconcile(before, (*replayed, *live), inspect, now)
        if missed:
            inspect = self._inspect().snapshot.inspect
            missed = reconcile(before, (*replayed, *live), inspect, now)
        container = Actor(self._client.id, self._state.snapshot.identity.name)
        gaps = [lost.event(container)] if lost else []
        found = sorted((*replayed, *missed), key=lambda event: event.nanoseconds)
        self._write([*gaps, *found])
        intake.alive(now)
        self._log.info("engine.followed", replayed=len(replayed), reconciled=len(missed))
        self._live(live)

    def _since_then(self, already: Iterable[Occurrence], within: float) -> list[Occurrence]:
        """The live events that are not among those at hand; the first is waited for, in seconds."""
        keys = {event.key for event in already}
        found = self._translated(self._stream.take(within), "live")
        return [event for event in found if event.key not in keys]

    def _live(self, events: list[Occurrence]) -> None:
        lifecycle = self._intake.lifecycle
        if any(map(lifecycle.changes_inspect, events)):
            self._inspect_live()
        self._write(events)

    def _inspect_live(self) -> None:
        """Inspect again; give the streams up where the engine does not answer."""
        try:
            self._inspect()
        except EngineError as error:
            self._log.info("inspect.failed", error=error.detail)
            if isinstance(error, EngineUnreachableError):
                self.failure = error
                self._leave()
            if isinstance(error, UnknownContainerError) and self._others:
                self.gone = True
                self.cancel()

    def _inspect(self) -> Observation:
        return inspect_again(self._state, self._client)

    def _write(self, events: list[Occurrence]) -> None:
        observation = self._state.observation
        inspect = observation.snapshot.inspect
        if self._intake.write(events, inspect, observation.health_check):
            self._health.check_ended()

    def _translated(self, raws: Iterable[Json], source: EventSource) -> list[Occurrence]:
        return translated(raws, self._client, self._state.observation, source)


class HealthReading:
    """When health is read again for those who see it: its log and its count have no event.

    Args:
        audience: who waits for events now.
        settling: seconds after a check's end in which the engine may not have its result yet.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        audience: Audience,
        settling: float = _SETTLING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._audience = audience
        self._settling = settling
        self._clock = clock
        self._due: float | None = None
        self._earliest = clock()

    def check_ended(self) -> None:
        """A health check ended that changed nothing but the log."""
        if self._due is None and self._audience.sees_health:
            self._due = max(self._clock() + self._settling, self._earliest)

    def left(self) -> float | None:
        """Seconds until it is due, None while it is not."""
        return None if self._due is None else max(0.0, self._due - self._clock())

    def is_due(self) -> bool:
        """Whether it is to be read now; the next reading is due some seconds later at least."""
        if self.left() != 0:
            return False
        self._due, self._earliest = None, self._clock() + _BETWEEN_HEALTH
        return True


def translated(
    raws: Iterable[Json], client: Client, observation: Observation, source: EventSource
) -> list[Occurrence]:
    """Those of an engine's events that are about the container.

    Args:
        raws: as the engine wrote them.
        client: the engine's client that returned them.
        observation: has the container's labels and secrets.
        source: how we got them.
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
    """When the container was created, nanoseconds since the Unix epoch; 0 where unknown."""
    return times.moment(text(observation.snapshot.inspect, "Created")) or 0
