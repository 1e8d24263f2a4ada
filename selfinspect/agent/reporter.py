"""What the agent reports of itself: where it listens, what it found, and that it is ready."""

from __future__ import annotations

import threading
from dataclasses import field
from typing import TYPE_CHECKING

from selfinspect.agent.state import GONE
from selfinspect.errors import SelfinspectError
from selfinspect.frozen import dataclass
from selfinspect.supervise.listeners import bound
from selfinspect.web.service import ReadinessCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from socket import socket

    from structlog.typing import FilteringBoundLogger

    from selfinspect.agent.state import Observation, State
    from selfinspect.journal.files import Notice
    from selfinspect.journal.journal import Journal
    from selfinspect.model import EngineFailure, Identity, Snapshot


class Reporter:
    """Logs a finding once, until it changes. `found` belongs to the keeper's thread.

    Args:
        log: the agent's log.
    """

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._last: tuple[object, ...] = ()
        self._warned: set[str] = set()

    def listening(self, api: Iterable[socket], metrics: Iterable[socket]) -> None:
        """Log the addresses, as the options write them."""
        self._log.info("agent.listening", api=_addresses(api), metrics=_addresses(metrics))

    def passed_over(self, warnings: Iterable[str]) -> None:
        """Warn of environment variables that were ignored."""
        for warning in warnings:
            self._log.warning("environment.passed-over", reason=warning)

    def only_tls(self) -> None:
        """Warn that nobody can connect without TLS."""
        self._log.warning(
            "api.only-tls",
            hint="clients and health checks in this container need a listener without TLS:"
            " add --listen 127.0.0.1:10310 or unix:///path",
        )

    def found(self, observation: Observation) -> None:
        """Log what a look found, or that the engine was lost."""
        self._warn_of_clear_text(observation)
        self._warn_of_truncation(observation)
        snapshot = observation.snapshot
        identity, failure = snapshot.identity, snapshot.failure
        finding = (identity.id, identity.level, failure)
        if finding == self._last:
            return
        self._last = finding
        if failure is not None:
            self._log_failure(failure, snapshot)
        if identity.id is None or failure is None or snapshot.engine is None:
            self._log_identity(identity)

    def collectors_failed(self, names: Sequence[str], error: Exception) -> None:
        """Warn of groups of metrics that could not be collected. Call from any thread."""
        reason = error.detail if isinstance(error, SelfinspectError) else repr(error)
        self._log.warning("collector.failed", collector=", ".join(names), reason=reason)

    def noticed(self, notice: Notice) -> None:
        """Warn of what happened to the journal's file. Call from any thread."""
        self._log.warning(
            notice.event, file=str(notice.file), reason=notice.reason, hint=notice.hint
        )

    def _log_failure(self, failure: EngineFailure, snapshot: Snapshot) -> None:
        log = self._log.warning if snapshot.tried else self._log.info
        event = "engine.lost" if snapshot.engine else "engine.missing"
        log(event, reason=failure.detail, hint=failure.hint)

    def _log_identity(self, identity: Identity) -> None:
        if identity.id is None:
            self._log.warning("identity.refused", reason=identity.reason)
        else:
            self._log.info(
                f"identity.{identity.level}", container=identity.id, method=identity.method
            )

    def _warn_of_clear_text(self, observation: Observation) -> None:
        """Warn, once for each engine, that its answers can be read and forged on the way."""
        if observation.client is None:
            return
        transport = observation.client.connection.transport
        if transport.local or transport.encrypted or transport.endpoint in self._warned:
            return
        self._warned.add(transport.endpoint)
        self._log.warning(
            "engine.unencrypted",
            endpoint=transport.endpoint,
            hint="whoever reaches it is root on the engine's host: let it listen with --tlsverify",
        )

    def _warn_of_truncation(self, observation: Observation) -> None:
        """Warn once of what was left out because the engine returned too much of it."""
        own = observation.snapshot.self
        if own is not None and own.truncated and "truncated" not in self._warned:
            self._warned.add("truncated")
            self._log.warning(
                "inspect.truncated",
                left_out=dict(own.truncated),
                hint="at most 4096 entries of each are kept; secrets among the rest are masked all"
                " the same",
            )


@dataclass(frozen=True, slots=True)
class Readiness:
    """Checks whether the agent is ready, and announces it once. Call from any thread.

    Attributes:
        target: the name or ID of the container reported on.
        state: has the identity.
        journal: may hang.
        log: the agent's log.
        on_ready: called once, by whichever thread finds out first.
    """

    target: str
    state: State
    journal: Journal
    log: FilteringBoundLogger
    on_ready: Callable[[Snapshot], None]
    _sampled: threading.Event = field(default_factory=threading.Event, init=False)
    # Taken by the first to announce, and never released.
    _announced: threading.Lock = field(default_factory=threading.Lock, init=False)

    def sampled(self) -> None:
        """Note that the first sample was taken."""
        self._sampled.set()
        self.announce()

    def announce(self) -> None:
        """Announce that the agent is ready, once it is."""
        if not self._announced.locked():
            self.checks()

    def checks(self) -> tuple[ReadinessCheck, ...]:
        """What readiness depends on, as it stands now; where all is well, that is announced."""
        found = self._checks()
        if all(check.ok for check in found) and self._announced.acquire(blocking=False):
            self.log.info("agent.ready")
            self.on_ready(self.state.snapshot)
        return found

    def _checks(self) -> tuple[ReadinessCheck, ...]:
        snapshot, identity = self.state.snapshot, self.state.snapshot.identity
        taken, keeps = self._sampled.is_set(), self.journal.answers
        is_gone = snapshot.self is not None and snapshot.self.state == GONE
        gone = f"{self.target} was removed: waiting for the next container of that name"
        resolved = f"{identity.level} by {identity.method}"
        return (
            ReadinessCheck(
                "identity",
                identity.id is not None,
                resolved if identity.id else str(identity.reason),
            ),
            ReadinessCheck("sample", taken, "taken" if taken else "none taken yet"),
            ReadinessCheck("journal", keeps, "answers" if keeps else "its disk or its file hangs"),
            *([ReadinessCheck("target", ok=False, detail=gone)] if is_gone else []),
        )


def _addresses(listeners: Iterable[socket]) -> str:
    return ",".join(str(bound(listener)) for listener in listeners)
