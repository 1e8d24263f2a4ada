"""What the events told so far say of the container. Pure.

Tells the engine's own health checks from what people run in a container.

Docker has three exec events for each check and an event of a new verdict; Podman has an event of
each verdict, of the execs at most the end, and never says which command was run.
"""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, TypeAlias

from selfinspect import times
from selfinspect.errors import BadRequestError
from selfinspect.frozen import dataclass
from selfinspect.journal.journal import parse_cursor
from selfinspect.jsonread import text

if TYPE_CHECKING:
    from selfinspect.model import Event, Json, Occurrence

    Told: TypeAlias = Event | Occurrence
    from selfinspect.model import Occurrence


@dataclass(frozen=True, slots=True)
class Known:
    """What is known from events alone: whatever inspect says beyond that was missed.

    Moments are nanoseconds since the Unix epoch; None is what no event has told.

    Attributes:
        cursor: of the last event that this takes into account.
        alive: when the engine's streams were last known to bring everything.
        name: without a slash before it.
        started: the last start.
        died: the last end.
        running: whether the last of the two was a start.
        oom: whether memory ran out since the last start.
        oom_before: the same of the run before.
        health: the verdict since the last start.
        checked: when it was given.
        networks: the names of those connected; a start and an end change them unseen.
        restarts: how often the engine had restarted the container by its policy.
    """

    cursor: str | None = None
    alive: int | None = None
    name: str | None = None
    started: int | None = None
    died: int | None = None
    running: bool = False
    oom: bool = False
    oom_before: bool = False
    health: str | None = None
    checked: int | None = None
    networks: tuple[str, ...] | None = None
    restarts: int | None = None

    def after(self, event: Told) -> Known:
        """What is known once an event is told, too."""
        if event.type == "network" and event.action in ("connect", "disconnect"):
            return replace(self, networks=self._networks_after(event))
        return self._after_container(event) if event.type == "container" else self

    def _after_container(self, event: Told) -> Known:
        moment = times.nanoseconds(event.time)
        match event.action:
            case "start":
                return replace(
                    self,
                    started=moment,
                    running=True,
                    oom=False,
                    oom_before=self.oom,
                    health=None,
                    networks=None,
                )
            case "die":
                return replace(self, died=moment, running=False, networks=None)
            case "oom":
                return replace(self, oom=True)
            case "rename":
                return replace(self, name=event.actor.name)
            case "health_status":
                return replace(self, health=text({**event.attributes}, "status"), checked=moment)
        return self

    def _networks_after(self, event: Told) -> tuple[str, ...] | None:
        # Podman's event is about the container, and the older do not say which network it was.
        ours = "container" in event.attributes
        name = event.actor.name if ours else text({**event.attributes}, "network")
        if self.networks is None or name is None:
            return None
        others = {*self.networks} - {name}
        return tuple(sorted(others | {name} if event.action == "connect" else others))


def to_json(known: Known) -> Json:
    """What the journal is to remember."""
    networks: Json = None if known.networks is None else [*known.networks]
    return {**asdict(known), "networks": networks}


def from_json(document: Json) -> Known:
    """What the journal remembered; nothing is known where it is of another form, or damaged."""
    if not isinstance(document, dict) or document.keys() != {each.name for each in fields(Known)}:
        return Known()
    networks, cursor = document["networks"], document["cursor"]
    if not _leads_on(cursor) or any(isinstance(value, float) for value in document.values()):
        return Known()
    values = {**document, "networks": tuple(networks) if isinstance(networks, list) else None}
    return Known(**values)  # type: ignore[arg-type]  # as `to_json` wrote them


def _leads_on(cursor: Json) -> bool:
    try:
        return cursor is None or parse_cursor(str(cursor)) is not None
    except BadRequestError:
        return False


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
