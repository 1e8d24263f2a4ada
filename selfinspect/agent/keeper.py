"""Keeps the state current: looks, follows events, and looks again when the engine is lost."""

from __future__ import annotations

import math
import random
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.agent.following import Following
from selfinspect.agent.observe import filled_in
from selfinspect.agent.state import gone
from selfinspect.engine.api.client import Prober
from selfinspect.engine.quirks import unbuffered
from selfinspect.engine.tried import MEANINGS, STRANGER, UNPROVEN
from selfinspect.errors import EngineDeniedError, EngineError, EngineUnsupportedError
from selfinspect.events.stream import LISTENED
from selfinspect.events.translate import decoded
from selfinspect.jsonread import text
from selfinspect.model import EngineFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger

    from selfinspect.agent.state import Observation, State
    from selfinspect.engine.api.client import Client
    from selfinspect.engine.http.stream import Stream
    from selfinspect.events.intake import Intake
    from selfinspect.events.stream import Audience

_FIRST_DELAY = 0.1
_SOON = 1.0
_LONGEST_DELAY = 30.0
_HOPELESS_DELAY = 60.0
_DENIED_DELAY = 600.0
_EVERY_MINUTE = 60.0
_DOUBTS = 2  # looks in a row; an engine that is only just starting us settles within the first
_NAMING = frozenset({"create", "start", "rename"})


class Keeper:
    """Looks once, then follows events for as long as there is an engine.

    Args:
        state: what is kept current.
        look: a whole new look, given the last one: identity, engine, inspect.
        intake: takes each event of this container, after what it changed is in the state.
        audience: who waits for events now.
        on_found: called with what a whole look found, before it is in the state.
        on_look: called after every whole look and after every loss of the engine.
        on_reopen: called whenever the event streams are open again.
        on_minute: called once a minute while it is longer until the next look.
        target: the name or ID of the other container that is reported on, None for our own.
        log: the agent's log.
        lasting: seconds for which a connection has to last to be opened again without a look.
    """

    def __init__(
        self,
        state: State,
        *,
        look: Callable[[Observation], Observation],
        intake: Intake,
        audience: Audience,
        on_found: Callable[[Observation], None],
        on_look: Callable[[], None],
        on_reopen: Callable[[], None],
        on_minute: Callable[[], None],
        target: str | None = None,
        log: FilteringBoundLogger,
        lasting: float = _LONGEST_DELAY,
    ) -> None:
        self._state = state
        self._look = look
        self._intake = intake
        self._audience = audience
        self._on_found = on_found
        self._on_look = on_look
        self._on_reopen = on_reopen
        self._on_minute = on_minute
        self._target = target
        self._log = log
        self._lasting = lasting
        self._stopping = threading.Event()
        self._opened = self._held_back = False
        self._following: Following | None = None
        self._awaited: Stream | None = None

    def run(self) -> None:
        """Go on until `stop` is called."""
        failed = 0
        while not self._stopping.is_set():
            looked = time.time_ns()
            found = self._look(self._state.observation)
            self._take(found)
            if found.client is not None:
                begun = time.monotonic()
                self._follow(found.client)
                if time.monotonic() - begun > _LONGEST_DELAY:
                    failed = 0
            if found.missing and found.connection is not None:
                begun = time.monotonic()
                self._await_target(Prober(found.connection), looked)
                if time.monotonic() - begun < _SOON:
                    # An engine whose clock is ahead replays the events of the removed container.
                    self._stopping.wait(_pause(failed))
            else:
                self._rest(delay(self._state.observation, failed))
            failed += 1

    def stop(self) -> None:
        """End `run`, from any thread."""
        self._stopping.set()
        for open_now in (self._following, self._awaited):
            if open_now is not None:
                open_now.cancel()

    def _rest(self, seconds: float) -> None:
        """Wait for so long, or until `stop` is called."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > _EVERY_MINUTE:
            if self._stopping.wait(_EVERY_MINUTE):
                return
            self._on_minute()
        self._stopping.wait(left)

    def _take(self, found: Observation) -> None:
        """Swap in a new look; where it found no engine, the last document stays."""
        last = self._state.observation
        self._on_found(_succeeding(last, found))
        self._state.change(lambda last: _succeeding(last, found))
        if found.client is not None:
            last.close()
        if found.extras is not None:
            found.extras.on_arrival(self._fill_in)
            self._fill_in()  # what arrived just before
        self._on_look()

    def _fill_in(self) -> None:
        """Show what the engine returned late. Call from any thread."""
        self._state.change(filled_in)

    def _follow(self, client: Client) -> None:
        """Follow events until the engine cannot be followed any more, and say why.

        Streams that lasted are opened again at once: proxies cut those that are idle for long.
        """
        failure = EngineFailure(f"{client.connection.engine.endpoint}: lost the connection")
        lasted = True
        while lasted and not self._stopping.is_set():
            begun = time.monotonic()
            following = None
            try:
                following = self._following = Following(
                    client,
                    state=self._state,
                    intake=self._intake,
                    audience=self._audience,
                    others=self._target is not None,
                    log=self._log,
                )
                self._state.followed = True
                self._warn_of_proxy(client, held_back=following.polled)
                if self._opened:
                    self._on_reopen()
                self._opened = True
                if self._stopping.is_set():
                    following.cancel()
                following.run()
                failure = _failure(following.failure) if following.failure else failure
            except EngineError as error:
                failure = _failure(error)
            finally:
                self._state.followed = False
                self._following = None
            lasted = time.monotonic() - begun > self._lasting
            lasted = lasted and following is not None and not following.rediscover
            # What cut the streams may be about to cut what is idle.
            client.connection.transport.close()
            if following is not None and following.gone:
                self._lose_target(client)
                return
        if not self._stopping.is_set():
            self._state.change(
                lambda last: replace(last, snapshot=replace(last.snapshot, failure=failure))
            )
            self._on_look()

    def _lose_target(self, client: Client) -> None:
        """Show and log that the container that is reported on was removed."""
        self._state.change(gone)
        self._log.warning("target.gone", target=self._target, container=client.id)
        self._on_look()

    def _await_target(self, prober: Prober, since: int) -> None:
        """Wait until a container may have the name that is to be reported on.

        Where the engine's events do not come, until it is time to look again.

        Args:
            prober: the engine that has no such container.
            since: nanoseconds since the Unix epoch of when it was asked.
        """
        with suppress(EngineError), prober.events_named(self._target or "", since) as stream:
            self._awaited = stream
            if not self._stopping.is_set():
                for line in stream.lines():
                    if bears_name(line, self._target):
                        return
        self._awaited = None
        prober.connection.transport.close()
        self._stopping.wait(self._audience.interval)

    def _warn_of_proxy(self, client: Client, *, held_back: bool) -> None:
        """Warn once that a proxy holds events back, with how to configure it."""
        if held_back and not self._held_back:
            proxy = client.connection.proxy
            self._log.warning(
                "events.held-back",
                reason=f"{proxy or 'a proxy'} in front of the engine buffers its events; the engine"
                f" is polled every {LISTENED:g} s while somebody listens, else once a minute",
                hint=unbuffered(proxy),
            )
        self._held_back = held_back


def _succeeding(last: Observation, found: Observation) -> Observation:
    """What a new look leads to: without an engine, the last document with the reason why."""
    if found.client is not None or last.snapshot.inspect is None:
        return found
    failure, tried = found.snapshot.failure, found.snapshot.tried
    kept = replace(last, snapshot=replace(last.snapshot, failure=failure, tried=tried))
    return gone(kept) if found.missing else kept


def _failure(error: EngineError) -> EngineFailure:
    denied = isinstance(error, EngineDeniedError | EngineUnsupportedError)
    return EngineFailure(error.detail, error.hint, denied=denied)


def bears_name(line: bytes, name: str | None) -> bool:
    """Whether an event says that a container has a name from now on.

    Raises:
        EngineUnreachableError: the line cannot be read as an event.
    """
    event, _ = decoded(line)
    new = text(event, "Type") == "container" and text(event, "Action") in _NAMING
    return new and text(event, "Actor", "Attributes", "name") == name


def delay(observation: Observation, failed: int) -> float:
    """Seconds until the next look: jittered, doubling, and long where soon would be in vain.

    Args:
        observation: what the last look found.
        failed: how many looks in a row led to nothing that lasted.
    """
    failure, tried = observation.snapshot.failure, observation.snapshot.tried
    if observation.client is None and not tried:
        return math.inf  # there is no engine to look for
    if observation.client is None and any(one.outcome == STRANGER for one in tried):
        return _DENIED_DELAY
    # An engine that was there before may come back.
    if failure and failure.denied:
        return _DENIED_DELAY
    in_doubt = failed < _DOUBTS
    if observation.client is None and all(
        one.guessed or MEANINGS[one.outcome].hopeless or (one.outcome == UNPROVEN and not in_doubt)
        for one in tried
    ):
        return _HOPELESS_DELAY
    return _pause(failed)


def _pause(failed: int) -> float:
    longest = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(failed, 16))
    return random.uniform(longest / 2, longest)  # noqa: S311 - spreads agents, guards nothing
