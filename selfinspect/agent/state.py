"""What the agent has found out: one immutable observation, swapped whole."""

from __future__ import annotations

import threading
from dataclasses import field, replace
from typing import TYPE_CHECKING, Final

from selfinspect.engine.inspect.describe import command_line
from selfinspect.frozen import dataclass
from selfinspect.model import Identity, Stop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from selfinspect.engine.api.client import Client
    from selfinspect.engine.api.connection import Connection
    from selfinspect.engine.api.extras import Extras
    from selfinspect.errors import EngineError
    from selfinspect.masking import Masking
    from selfinspect.model import (
        Capability,
        Json,
        MemoryEvents,
        Run,
        Snapshot,
        Specification,
        Stopping,
    )

GONE: Final = "gone"
"""The state of a container that was removed, until there is another of its name."""

UNRESOLVED = Identity(None, None, None, reason="the identity is still being resolved")


@dataclass(frozen=True, slots=True)
class Observation:
    """What one look found.

    Attributes:
        snapshot: the same for everyone who asks.
        masking: masks this container's secrets.
        client: asks the engine about this container, None where no engine has it.
        image: the inspect document of our image, None where the engine did not return it.
        specification: our limits as they were configured, None where no engine says them or none
            holds.
        cgroup_path: our cgroup as the host sees it, None where that is unknown.
        has_cgroup: whether the engine gives us one, None where that is unknown.
        own_network: false where our network is the host's or another container's.
        info: the engine's `/info`, None where it did not return it.
        connection: the engine that answers, even where it denies us the rest.
        release: that engine's `/version`, None where it did not return it.
        inspect: our inspect document as the engine sent it, as far as it is kept, unmasked.
        extras: brings image, info and release; None once there is an answer to each, and where no
            engine has this container.
        refused: those of them that were refused, once there is an answer to each.
        missing: whether the engine has no container of the name that is to be reported on.
    """

    snapshot: Snapshot
    masking: Masking
    client: Client | None = None
    image: Json = None
    specification: Specification | None = None
    cgroup_path: str | None = None
    has_cgroup: bool | None = None
    own_network: bool = True
    info: Json = None
    connection: Connection | None = None
    release: Json = None
    inspect: Json = field(default=None, repr=False)
    extras: Extras | None = None
    refused: Mapping[Capability, EngineError] = field(default_factory=dict)
    missing: bool = False

    @property
    def health_check(self) -> str | None:
        """The command of our health check, unmasked; None where there is none."""
        return command_line(self.inspect)

    def close(self) -> None:
        """Close the connections to the engine that are idle."""
        if self.client is not None:
            self.client.connection.transport.close()


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside a look: it comes from elsewhere, at its own time.

    Attributes:
        runs: the container's, newest first.
        previous_run: the last of them that has ended.
        stopping: the stop under way, as PID 1 announced it.
        stop_timeout: seconds by the option, where the container has none of its own.
        memory_events: how often memory was short, as the kernel counts.
    """

    runs: tuple[Run, ...] = ()
    previous_run: Run | None = None
    stopping: Stopping | None = None
    stop_timeout: float | None = None
    memory_events: MemoryEvents | None = None


class State:
    """The present observation. Safe to use from several threads; reading needs no lock.

    The keeper and what it starts write; everybody else reads or subscribes. Nothing here waits for
    an engine or a disk: who changes the state does that before.

    Args:
        first: what holds before the first look.
        beside: what stands beside it.

    Attributes:
        followed: whether the engine's event streams are open.
    """

    def __init__(self, first: Observation, beside: Beside | None = None) -> None:
        self.followed = False
        self._beside = beside or Beside()
        self._observation = _with_beside(first, self._beside)
        self._changing = threading.Lock()
        self._subscribers: list[Callable[[], None]] = []

    @property
    def observation(self) -> Observation:
        """The present one."""
        return self._observation

    @property
    def snapshot(self) -> Snapshot:
        """The present one's, which is the same for everyone who asks."""
        return self._observation.snapshot

    @property
    def runs(self) -> tuple[Run, ...]:
        """The container's runs, newest first."""
        return self._beside.runs

    def masked(self, text: str) -> str:
        """A text with the secrets of this container masked, those found so far."""
        return self._observation.masking.text(text)

    def subscribe(self, call: Callable[[], None]) -> None:
        """Have a function called after each change, in the thread that made it."""
        self._subscribers.append(call)

    def change(self, change: Callable[[Observation], Observation]) -> Observation:
        """Swap in what a function makes of the present observation; the new one.

        Args:
            change: is called under a lock: it computes, and waits for nothing.
        """
        with self._changing:
            last = self._observation
            now = self._observation = _with_beside(change(last), self._beside)
        if now is not last:
            for call in self._subscribers:
                call()
        return now

    def add(self, change: Callable[[Beside], Beside]) -> None:
        """Change what stands beside the looks, from now on."""
        with self._changing:
            self._beside = change(self._beside)
        self.change(lambda last: last)


def gone(last: Observation) -> Observation:
    """The same of a container that was removed."""
    own = last.snapshot.self
    if own is None or own.state == GONE:
        return last
    return replace(last, snapshot=replace(last.snapshot, self=replace(own, state=GONE)))


def _with_beside(observation: Observation, beside: Beside) -> Observation:
    """The same observation; its document has what stands beside the look."""
    snapshot = observation.snapshot
    if snapshot.self is None:
        return observation
    own = replace(
        snapshot.self,
        previous_run=beside.previous_run,
        stop=_stop(snapshot.self.stop, beside.stop_timeout),
        stopping=beside.stopping,
        memory_events=beside.memory_events,
    )
    if own == snapshot.self:
        return observation
    return replace(observation, snapshot=replace(snapshot, self=own))


def _stop(stop: Stop | None, seconds: float | None) -> Stop | None:
    """How the container is stopped, with the option's timeout where the container has none."""
    if seconds is None or (stop is not None and stop.timeout_seconds is not None):
        return stop
    return replace(stop or Stop(), timeout_seconds=round(seconds), source="option")
