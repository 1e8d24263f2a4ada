"""Keeps what is known of ourselves true: follows the engine's events, comes back when it goes."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.errors import EngineDeniedError, EngineError
from selfinspect.events.stream import EventStream
from selfinspect.events.translate import translate
from selfinspect.model import EngineFailure
from selfinspect.observe import look_again

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger

    from selfinspect.engine.client import Client
    from selfinspect.events.translate import Occurrence
    from selfinspect.model import Json
    from selfinspect.observe import Observation

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 30.0
_HOPELESS_DELAY = 60.0
# What only a new container can mend, unless an engine was there before: it may come back.
_HOPELESS = frozenset({"missing", "denied", "unsupported"})


class Keeper:
    """Looks once, then follows events for as long as there is an engine.

    The observation is swapped whole; reading it needs no lock.

    Args:
        first: what is known before the first look.
        look: a whole new look: identity, engine, inspect.
        on_event: takes each event of this container, after what it changed is known.
        on_look: called after every whole look and after every loss of the engine.
        log: the agent's log.
    """

    def __init__(
        self,
        first: Observation,
        *,
        look: Callable[[], Observation],
        on_event: Callable[[Occurrence], None],
        on_look: Callable[[], None],
        log: FilteringBoundLogger,
    ) -> None:
        self.observation = first
        self._look = look
        self._on_event = on_event
        self._on_look = on_look
        self._log = log
        self._stopping = threading.Event()
        self._refreshing = threading.Lock()
        self._stream: EventStream | None = None

    @property
    def following(self) -> bool:
        """Whether the event streams are open."""
        return self._stream is not None

    def run(self) -> None:
        """Keep on until `stop` is called, or there is nothing to keep on for."""
        failed = 0
        while not self._stopping.is_set():
            found = self._look()
            self._take(found)
            if found.client is not None:
                begun = time.monotonic()
                self._follow(found.client)
                if time.monotonic() - begun > _LONGEST_DELAY:
                    failed = 0
            elif not found.snapshot.tried:
                return
            self._stopping.wait(delay(self.observation, failed))
            failed += 1

    def stop(self) -> None:
        """End `run`, from any thread."""
        self._stopping.set()
        stream = self._stream
        if stream is not None:
            stream.cancel()

    def _take(self, found: Observation) -> None:
        """Swap in a new look. What was known stays where the new look knows nothing."""
        last = self.observation
        if found.client is None and last.snapshot.inspect is not None:
            known = replace(
                last.snapshot, failure=found.snapshot.failure, tried=found.snapshot.tried
            )
            found = replace(last, snapshot=known)
        if last.client is not None and last.client is not found.client:
            last.close()
        self.observation = found
        self._on_look()

    def _follow(self, client: Client) -> None:
        """Deliver events until the streams end, and say why they did."""
        try:
            with EventStream(client, self._deliver) as stream:
                self._stream = stream
                self._refresh()
                if not self._stopping.is_set():
                    stream.run()
            failure = EngineFailure(f"{client.connection.engine.endpoint}: the engine went away")
        except EngineError as error:
            denied = isinstance(error, EngineDeniedError)
            failure = EngineFailure(error.detail, error.hint, denied=denied)
        finally:
            self._stream = None
        if not self._stopping.is_set():
            snapshot = replace(self.observation.snapshot, failure=failure)
            self.observation = replace(self.observation, snapshot=snapshot)
            self._on_look()

    def _deliver(self, raw: Json) -> None:
        observation = self.observation
        own = observation.snapshot.self
        if own is None:
            return
        occurrence = translate(
            raw, container=own.id, labels=own.labels or {}, masking=observation.masking
        )
        if occurrence is None:
            return
        if occurrence.changes_inspect:
            try:
                self._refresh()
            except EngineError as error:
                self._log.info("inspect.failed", error=error.detail)
        self._on_event(occurrence)

    def _refresh(self) -> None:
        with self._refreshing:
            self.observation = look_again(self.observation)


def delay(observation: Observation, failed: int) -> float:
    """Seconds until the next look: jittered, doubling, and long where asking soon is in vain.

    Args:
        observation: what the last look found.
        failed: how many looks in a row led to nothing that lasted.
    """
    failure, tried = observation.snapshot.failure, observation.snapshot.tried
    never = observation.client is None and {one.outcome for one in tried} <= _HOPELESS
    if never or (failure and failure.denied):
        return _HOPELESS_DELAY
    longest = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(failed, 16))
    return random.uniform(longest / 2, longest)  # noqa: S311 - spreads agents, guards nothing
