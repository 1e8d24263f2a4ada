"""Which of the events held a reader asks for."""

from __future__ import annotations

from dataclasses import dataclass

from selfinspect.events.rows import bounded


@dataclass(frozen=True, slots=True)
class Query:
    """What an event has to match; None matches every one.

    Attributes:
        since: the earliest time, nanoseconds since the Unix epoch.
        until: the latest.
        type: what the event is about, `container` for one.
        action: what happened.
    """

    since: int | None = None
    until: int | None = None
    type: str | None = None
    action: str | None = None

    def parameters(self) -> dict[str, str | int | None]:
        """The values that `MATCHES` names."""
        return {
            "since": None if self.since is None else bounded(self.since),
            "until": None if self.until is None else bounded(self.until),
            "type": self.type,
            "action": self.action,
        }


MATCHES = """
    (:since IS NULL OR nanoseconds >= :since) AND (:until IS NULL OR nanoseconds <= :until)
    AND (:type IS NULL OR type = :type) AND (:action IS NULL OR action = :action)
"""
"""A query as a condition of SQL on the journal's table."""
