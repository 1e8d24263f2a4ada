"""Keeps what is known of ourselves true: follows the engine's events, comes back when it goes."""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.agent.following import Following
from selfinspect.agent.observe import Beside, filled_in, gone, look_again, with_beside
from selfinspect.engine.api.client import Prober
from selfinspect.engine.quirks import unbuffered
from selfinspect.engine.tried import MEANINGS, STRANGER, UNPROVEN
from selfinspect.errors import EngineDeniedError, EngineError, EngineUnsupportedError
from selfinspect.events.history import decoded
from selfinspect.events.stream import LISTENED, UNHEARD
from selfinspect.jsonread import text
from selfinspect.model import EngineFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger

    from selfinspect.agent.observe import Observation
    from selfinspect.engine.api.client import Client
    from selfinspect.engine.http.stream import Stream
    from selfinspect.events.intake import Intake

_FIRST_DELAY = 0.1
_SOON = 1.0
_LONGEST_DELAY = 30.0
_HOPELESS_DELAY = 60.0
_DENIED_DELAY = 600.0
_DOUBTS = 2  # looks in a row; an engine that is only just starting us settles within the first
_NAMING = frozenset({"create", "start", "rename"})


class Keeper:
    """Looks once, then follows events for as long as there is an engine.

    The observation is swapped whole; reading it needs no lock.

    Args:
        first: what is known before the first look.
        look: a whole new look, given the last one: identity, engine, inspect.
        intake: takes each event of this container, after what it changed is known.
        on_look: called after every whole look and after every loss of the engine.
        on_change: called whenever the observation is another, from any thread.
        on_follow: called whenever the event streams are open.
        listening: whether somebody waits for events now.
        target: the name or ID of the other container that is reported on, None for our own.
        log: the agent's log.
        beside: what is known before anything is said beside a look.
        lasting: seconds for which a connection has to last to be opened again without a look.
    """

    def __init__(
        self,
        first: Observation,
        *,
        look: Callable[[Observation], Observation],
        intake: Intake,
        on_look: Callable[[], None],
        on_follow: Callable[[], None],
        on_change: Callable[[], None],
        listening: Callable[[], bool] = lambda: False,
        target: str | None = None,
        log: FilteringBoundLogger,
        beside: Beside = Beside(),  # noqa: B008 - frozen
        lasting: float = _LONGEST_DELAY,
    ) -> None:
        self._observation = first
        self._look = look
        self._intake = intake
        self._on_look = on_look
        self._on_follow = on_follow
        self._on_change = on_change
        self._listening = listening
        self._target = target
        self._awaited: Stream | None = None
        self._held_back = False
        self._log = log
        self._lasting = lasting
        self._stopping = threading.Event()
        self._refreshing = threading.Lock()
        self._following: Following | None = None
        self._beside = beside

    @property
    def observation(self) -> Observation:
        """What is known now."""
        return self._observation

    @observation.setter
    def observation(self, now: Observation) -> None:
        self._observation = with_beside(now, self._beside)
        self._on_change()

    def add(self, change: Callable[[Beside], Beside]) -> None:
        """Change what is known beside the looks, from now on; from any thread."""
        with self._refreshing:
            self._beside = change(self._beside)
            if with_beside(self.observation, self._beside) is not self.observation:
                self.observation = self.observation

    @property
    def following(self) -> bool:
        """Whether the event streams are open."""
        return self._following is not None

    def run(self) -> None:
        """Keep on until `stop` is called, or there is nothing to keep on for."""
        failed = 0
        while not self._stopping.is_set():
            looked = time.time_ns()
            found = self._look(self.observation)
            self._take(found)
            if found.client is not None:
                begun = time.monotonic()
                self._follow(found.client)
                if time.monotonic() - begun > _LONGEST_DELAY:
                    failed = 0
            elif not found.snapshot.tried:
                return
            if found.missing and found.connection is not None:
                begun = time.monotonic()
                self._await_target(Prober(found.connection), looked)
                if time.monotonic() - begun < _SOON:
                    # An engine whose clock is ahead tells of the container that is gone, again.
                    self._stopping.wait(_pause(failed))
            else:
                self._stopping.wait(delay(self.observation, failed))
            failed += 1

    def hurry(self) -> None:
        """Somebody began to listen. Call from any thread."""
        following = self._following
        if following is not None:
            following.hurry()

    def stop(self) -> None:
        """End `run`, from any thread."""
        self._stopping.set()
        for open_now in (self._following, self._awaited):
            if open_now is not None:
                open_now.cancel()

    def _take(self, found: Observation) -> None:
        """Swap in a new look. What was known stays where the new look knows nothing."""
        last, missing = self.observation, found.missing
        if found.client is None and last.snapshot.inspect is not None:
            known = replace(
                last.snapshot, failure=found.snapshot.failure, tried=found.snapshot.tried
            )
            found = replace(last, snapshot=known)
            found = gone(found) if missing else found
        if last.client is not None and last.client is not found.client:
            last.close()
        with self._refreshing:
            self.observation = found
        if found.extras is not None:
            found.extras.on_arrival(self._fill_in)
            self._fill_in()  # what arrived just before
        self._on_look()

    def _fill_in(self) -> None:
        """Show what the engine said late, beside the inspect document. Call from any thread."""
        with self._refreshing:
            filled = filled_in(self.observation)
            if filled is not self.observation:
                self.observation = filled

    def _follow(self, client: Client) -> None:
        """Follow events until the engine cannot be followed any more, and say why.

        Streams that lasted are opened again at once: proxies cut those that are idle for long.
        """
        failure = EngineFailure(f"{client.connection.engine.endpoint}: the engine went away")
        lasted = True
        while lasted and not self._stopping.is_set():
            begun = time.monotonic()
            following = None
            try:
                following = Following(
                    client,
                    current=lambda: self.observation,
                    refresh=self._refresh,
                    intake=self._intake,
                    listening=self._listening,
                    others=self._target is not None,
                    log=self._log,
                )
                self._following = following
                self._tell_of_proxy(client, held_back=not following.live)
                self._on_follow()
                if self._stopping.is_set():
                    following.cancel()
                following.run()
                failure = _failure(following.failure) if following.failure else failure
            except EngineError as error:
                failure = _failure(error)
            finally:
                self._following = None
            lasted = time.monotonic() - begun > self._lasting
            lasted = lasted and following is not None and not following.misled
            if following is not None and following.gone:
                self._lose_target(client)
                return
            # What cut the streams may be about to cut what is idle.
            client.connection.transport.close()
        if not self._stopping.is_set():
            with self._refreshing:
                snapshot = replace(self.observation.snapshot, failure=failure)
                self.observation = replace(self.observation, snapshot=snapshot)
            self._on_look()

    def _lose_target(self, client: Client) -> None:
        """The container that is reported on was removed: so say its state and the log."""
        client.connection.transport.close()
        with self._refreshing:
            self.observation = gone(self.observation)
        self._log.warning("target.gone", target=self._target, container=client.id)
        self._on_look()

    def _await_target(self, prober: Prober, since: int) -> None:
        """Wait until a container may bear the name that is to be reported on.

        Where the engine's events do not tell, until it is time to look again.

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
        self._stopping.wait(LISTENED if self._listening() else UNHEARD)

    def _tell_of_proxy(self, client: Client, *, held_back: bool) -> None:
        """Say once that a proxy holds events back, and what mends it."""
        if held_back and not self._held_back:
            proxy = client.connection.proxy
            self._log.warning(
                "events.held-back",
                reason=f"{proxy or 'a proxy'} before the engine holds back what happens;"
                f" the engine is asked every {LISTENED:g} s while somebody listens, else once"
                " a minute",
                hint=unbuffered(proxy),
            )
        self._held_back = held_back

    def _refresh(self) -> Observation:
        with self._refreshing:
            self.observation = look_again(self.observation)
            return self.observation


def _failure(error: EngineError) -> EngineFailure:
    denied = isinstance(error, EngineDeniedError | EngineUnsupportedError)
    return EngineFailure(error.detail, error.hint, denied=denied)


def bears_name(line: bytes, name: str | None) -> bool:
    """Whether an event says that a container bears a name from now on.

    Raises:
        EngineUnreachableError: the line cannot be read as an event.
    """
    event, _ = decoded(line)
    new = text(event, "Type") == "container" and text(event, "Action") in _NAMING
    return new and text(event, "Actor", "Attributes", "name") == name


def delay(observation: Observation, failed: int) -> float:
    """Seconds until the next look: jittered, doubling, and long where asking soon is in vain.

    Args:
        observation: what the last look found.
        failed: how many looks in a row led to nothing that lasted.
    """
    failure, tried = observation.snapshot.failure, observation.snapshot.tried
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
