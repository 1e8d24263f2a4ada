"""Which of the events held a reader asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfinspect.events.rows import bounded

if TYPE_CHECKING:
    from collections.abc import Sequence

ALL = 2**63 - 1
"""As a number of events: however many there are."""


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


def newest_of_each(actions: Sequence[str]) -> str:
    """The same for the newest events of each action in each run, newest first.

    Its parameters are the lowest `seq`, the actions (all, where none are named), how many of each
    and how many at all.
    """
    among = f"AND action IN ({', '.join('?' * len(actions))})" if actions else ""
    return f"""
        seq IN (
            SELECT seq FROM (
                SELECT seq, row_number() OVER (PARTITION BY run, action ORDER BY seq DESC) AS place
                FROM events WHERE seq >= ? {among}
            ) WHERE place <= ?
        ) ORDER BY seq DESC LIMIT ?
    """  # noqa: S608
