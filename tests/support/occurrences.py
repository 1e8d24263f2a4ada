"""What happens, for tests of what keeps it."""

from __future__ import annotations

from selfinspect import times
from selfinspect.model import Actor, Occurrence


def occurrence(nanoseconds: int, action: str = "start", *, type_: str = "container") -> Occurrence:
    """An event of the container called `web`, so long after the epoch."""
    return Occurrence(
        nanoseconds=nanoseconds,
        time=times.rfc3339(nanoseconds),
        type=type_,
        action=action,
        actor=Actor("ab", "web"),
        attributes={"n": nanoseconds},
        source="live",
        key=(nanoseconds, type_, action, "ab", ""),
    )
