"""Keeps what is known of ourselves true: follows the engine's events, comes back when it goes."""

from __future__ import annotations

import random
import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.engine.changes import NetworkChanges
from selfinspect.errors import EngineDeniedError, EngineError, EngineUnreachableError
from selfinspect.events.stream import EventStream
from selfinspect.events.translate import translate
from selfinspect.model import EngineFailure
from selfinspect.observe import look_again

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from structlog.typing import FilteringBoundLogger

    from selfinspect.engine.client import Client
    from selfinspect.events.translate import Occurrence
    from selfinspect.model import Json
    from selfinspect.observe import Observation

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 30.0
_HOPELESS_DELAY = 60.0
_DENIED_DELAY = 600.0
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
        self._warned: set[str] = set()
        self._health: Json = None

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
        self._end_streams()

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
        self._warn_of_clear_text(found)
        self._on_look()

    def _warn_of_clear_text(self, found: Observation) -> None:
        """Say once of each engine that everyone on the way reads what it says, and may forge it."""
        if found.client is None:
            return
        transport = found.client.connection.transport
        if transport.local or transport.encrypted or transport.endpoint in self._warned:
            return
        self._warned.add(transport.endpoint)
        self._log.warning(
            "engine.unencrypted",
            endpoint=transport.endpoint,
            hint="whoever reaches it is root on the engine's host: let it listen with --tlsverify",
        )

    def _follow(self, client: Client) -> None:
        """Deliver events until the streams end, and say why they did."""
        try:
            with EventStream(client, self._deliver) as stream:
                self._stream = stream
                self._refresh()
                if not self._stopping.is_set():
                    with self._watching(client):
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
        if occurrence is None or not self._is_news(occurrence):
            return
        if occurrence.changes_inspect:
            try:
                self._refresh()
            except EngineError as error:
                self._log.info("inspect.failed", error=error.detail)
                if isinstance(error, EngineUnreachableError):
                    self._end_streams()
        self._on_event(occurrence)

    def _watching(self, client: Client) -> AbstractContextManager[object]:
        """Look elsewhere when the network changes that leads to the engine."""
        if client.connection.transport.local:
            return nullcontext()
        return NetworkChanges(self._end_streams)

    def _end_streams(self) -> None:
        """End the streams, so that `run` looks anew, or ends too."""
        stream = self._stream
        if stream is not None:
            stream.cancel()

    def _is_news(self, occurrence: Occurrence) -> bool:
        """False for a health check that ended as the one before it did."""
        if occurrence.action == "start":
            self._health = None
        if not occurrence.check:
            return True
        last, self._health = self._health, occurrence.attributes["status"]
        return self._health is None or self._health != last

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
    if failure and failure.denied:
        return _DENIED_DELAY
    if observation.client is None and all(one.guessed or one.outcome in _HOPELESS for one in tried):
        return _HOPELESS_DELAY
    longest = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(failed, 16))
    return random.uniform(longest / 2, longest)  # noqa: S311 - spreads agents, guards nothing
