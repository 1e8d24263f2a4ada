"""What the agent says in its log: of where it listens, and of what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.errors import SelfinspectError
from selfinspect.supervise.listeners import bound

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from socket import socket

    from structlog.typing import FilteringBoundLogger

    from selfinspect.agent.observe import Observation
    from selfinspect.journal.files import Notice
    from selfinspect.model import EngineFailure, Identity, Snapshot


class Reporter:
    """Says what is the same only once. `found` belongs to the keeper's thread.

    Args:
        log: the agent's log.
    """

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._told: tuple[object, ...] = ()
        self._warned: set[str] = set()

    def listening(self, api: Iterable[socket], metrics: Iterable[socket]) -> None:
        """Say where, as the options write it."""
        self._log.info("agent.listening", api=_addresses(api), metrics=_addresses(metrics))

    def passed_over(self, warnings: Iterable[str]) -> None:
        """Say which variables were of no use."""
        for warning in warnings:
            self._log.warning("environment.passed-over", reason=warning)

    def only_tls(self) -> None:
        """Say that nobody can ask in the clear."""
        self._log.warning(
            "api.only-tls",
            hint="clients and health checks in this container need a listener in the clear:"
            " add --listen 127.0.0.1:10310 or unix:///path",
        )

    def found(self, observation: Observation) -> None:
        """Say what a look found, or that the engine was lost."""
        self._warn_of_clear_text(observation)
        self._warn_of_what_is_cut(observation)
        snapshot = observation.snapshot
        identity, failure = snapshot.identity, snapshot.failure
        told = (identity.id, identity.level, failure)
        if told == self._told:
            return
        self._told = told
        if failure is not None:
            self._tell_of_failure(failure, snapshot)
        if identity.id is None or failure is None or snapshot.engine is None:
            self._tell_of_identity(identity)

    def collectors_failed(self, names: Sequence[str], error: Exception) -> None:
        """Report which groups of metrics could not be collected. Call from any thread."""
        reason = error.detail if isinstance(error, SelfinspectError) else repr(error)
        self._log.warning("collector.failed", collector=", ".join(names), reason=reason)

    def noticed(self, notice: Notice) -> None:
        """Say what became of the journal's file. Call from any thread."""
        self._log.warning(
            notice.event, file=str(notice.file), reason=notice.reason, hint=notice.hint
        )

    def _tell_of_failure(self, failure: EngineFailure, snapshot: Snapshot) -> None:
        say = self._log.warning if snapshot.tried else self._log.info
        event = "engine.lost" if snapshot.engine else "engine.missing"
        say(event, reason=failure.detail, hint=failure.hint)

    def _tell_of_identity(self, identity: Identity) -> None:
        if identity.id is None:
            self._log.warning("identity.refused", reason=identity.reason)
        else:
            self._log.info(
                f"identity.{identity.level}", container=identity.id, method=identity.method
            )

    def _warn_of_clear_text(self, observation: Observation) -> None:
        """Say of each engine that everyone on the way reads what it says, and may forge it."""
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

    def _warn_of_what_is_cut(self, observation: Observation) -> None:
        """Say what the engine said and was too much to be kept."""
        own = observation.snapshot.self
        if own is not None and own.truncated and "truncated" not in self._warned:
            self._warned.add("truncated")
            self._log.warning(
                "inspect.truncated",
                left_out=dict(own.truncated),
                hint="no more than 4096 entries of each are kept; what is secret in the rest is"
                " masked all the same",
            )


def _addresses(listeners: Iterable[socket]) -> str:
    return ",".join(str(bound(listener)) for listener in listeners)
