"""Tells the engine's own health checks from what people run in a container.

Docker has three exec events for each check and an event of a new verdict; Podman has an event of
each verdict, of the execs at most the end, and never says which command was run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selfinspect.events.known import Known
    from selfinspect.events.translate import Occurrence


class Checks:
    """Follows execs from their beginning to their end."""

    def __init__(self) -> None:
        self._ours: set[str] = set()
        self._nameless = 0

    def is_routine(self, event: Occurrence, known: Known, command: str | None) -> bool:
        """Whether an event says of a health check that it is made, and nothing new.

        Args:
            event: the next one; each has to be asked about, in order.
            known: what events have said up to then.
            command: the health check's, None where the container has none.
        """
        if event.type != "container":
            return False
        match event.action:
            case "start":
                self._ours.clear()
                self._nameless = 0
            case "exec_create" | "exec_start":
                return self._begins(event, command)
            case "exec_die":
                return self._ends(event.exec_id, command)
        return not is_news(event, known)

    def _begins(self, event: Occurrence, command: str | None) -> bool:
        if event.command is not None and event.command == command:
            self._ours.add(event.exec_id)
            return True
        if not event.exec_id and event.action == "exec_start":
            self._nameless += 1
        return False

    def _ends(self, exec_id: str, command: str | None) -> bool:
        if exec_id in self._ours:
            self._ours.discard(exec_id)
            return True
        if exec_id or command is None:
            return False
        if self._nameless:
            self._nameless -= 1
            return False
        return True


def is_news(event: Occurrence, known: Known) -> bool:
    """False for a health check that ended as the one before it, or that is long past."""
    status = event.attributes.get("status")
    if not event.check or status is None:
        return True
    return status != known.health and event.nanoseconds >= (known.checked or 0)
