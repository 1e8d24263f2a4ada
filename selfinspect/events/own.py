"""Events that no engine tells of: what PID 1 and the kernel say themselves. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect import times
from selfinspect.events.translate import Occurrence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.model import Actor, Json, Memory, Stopping


def stopping(stop: Stopping, container: Actor) -> Occurrence:
    """The container was asked to stop."""
    attributes: Mapping[str, Json] = {"signal": stop.signal, "deadline": stop.deadline}
    return _occurrence(
        times.nanoseconds(stop.received_at), "agent", "stopping", container, attributes
    )


def memory_max(when: int, count: int, memory: Memory | None, container: Actor) -> Occurrence:
    """The container met its memory limit.

    Args:
        when: nanoseconds since the Unix epoch.
        count: how often, since that was last said.
        memory: the figures then, None where they are not known.
        container: who it was.
    """
    attributes: Mapping[str, Json] = {
        "count": count,
        "working_set_bytes": memory.working_set_bytes if memory else None,
        "limit_bytes": memory.limit_bytes if memory else None,
    }
    return _occurrence(when, "kernel", "memory_max", container, attributes)


def _occurrence(
    when: int, kind: str, action: str, container: Actor, attributes: Mapping[str, Json]
) -> Occurrence:
    return Occurrence(
        nanoseconds=when,
        time=times.rfc3339(when),
        type=kind,
        action=action,
        actor=container,
        attributes=attributes,
        source="live",
        key=(when, kind, action, container.id, ""),
    )
