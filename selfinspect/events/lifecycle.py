"""The state of the container by its events so far, and the same as inspect has it. Pure."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from selfinspect import times
from selfinspect.errors import BadRequestError
from selfinspect.frozen import dataclass
from selfinspect.journal.rows import parse_cursor
from selfinspect.jsonread import boolean, integer, mapping, member, sequence, text, texts

if TYPE_CHECKING:
    from selfinspect.model import Event, Json, Occurrence


# Actions that change nothing in an inspect document.
_QUIET = frozenset(
    {"exec_create", "exec_start", "exec_die", "exec_detach", "top", "attach", "detach", "resize"}
    | {"archive-path", "extract-to-dir", "copy", "export", "commit"}
)


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What the events say; where inspect says more, events were missed.

    Moments are nanoseconds since the Unix epoch; None is what no event has reported.

    Attributes:
        cursor: of the last event that this takes into account.
        alive: until when the engine's streams are certain to have brought everything.
        name: without a slash before it.
        started: the last start.
        died: the last end.
        running: whether the last of the two was a start.
        oom: whether memory ran out since the last start.
        oom_before: the same of the previous run.
        health: the health status since the last start.
        checked: when it was reported.
        networks: the names of those connected; a start and an end change them without an event.
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

    def after(self, event: Event | Occurrence) -> Lifecycle:
        """The state after one more event."""
        if event.type == "network" and event.action in ("connect", "disconnect"):
            return replace(self, networks=self._networks_after(event))
        return self._after_container(event) if event.type == "container" else self

    def completed(self, inspect: Json) -> Lifecycle:
        """The same with what only inspect says."""
        inspected = Inspected(inspect)
        networks = self.networks
        if networks is None and inspected.up:
            networks = tuple(sorted(inspected.networks))
        name = self.name or inspected.name
        return replace(self, name=name, networks=networks, restarts=inspected.restarts)

    def changes_inspect(self, event: Occurrence) -> bool:
        """Whether the inspect document may have changed with an event."""
        return event.action not in _QUIET and self.is_news(event)

    def is_news(self, event: Occurrence) -> bool:
        """False for a health check with the same status as the last one, or an older one."""
        status = event.attributes.get("status")
        if not event.check or status is None:
            return True
        return status != self.health and event.nanoseconds >= (self.checked or 0)

    def to_json(self) -> dict[str, Json]:
        """What the journal keeps of it."""
        networks: Json = None if self.networks is None else [*self.networks]
        return {**asdict(self), "networks": networks}

    @classmethod
    def from_json(cls, document: Json) -> Lifecycle:
        """What the journal kept; empty where that is damaged or has another form."""
        kept = cls(
            cursor=text(document, "cursor"),
            alive=integer(document, "alive"),
            name=text(document, "name"),
            started=integer(document, "started"),
            died=integer(document, "died"),
            running=boolean(document, "running") or False,
            oom=boolean(document, "oom") or False,
            oom_before=boolean(document, "oom_before") or False,
            health=text(document, "health"),
            checked=integer(document, "checked"),
            networks=texts(document, "networks")
            if member(document, "networks") is not None
            else None,
            restarts=integer(document, "restarts"),
        )
        try:
            if kept.cursor is not None:
                parse_cursor(kept.cursor)
        except BadRequestError:
            return cls()
        return kept if kept.to_json() == document else cls()

    def _after_container(self, event: Event | Occurrence) -> Lifecycle:
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

    def _networks_after(self, event: Event | Occurrence) -> tuple[str, ...] | None:
        # Podman's event is about the container, and the older do not say which network it was.
        ours = "container" in event.attributes
        name = event.actor.name if ours else text({**event.attributes}, "network")
        if self.networks is None or name is None:
            return None
        others = {*self.networks} - {name}
        return tuple(sorted(others | {name} if event.action == "connect" else others))


class Inspected:
    """What inspect says, as far as events may say the same."""

    def __init__(self, inspect: Json) -> None:
        status = text(inspect, "State", "Status")
        log = sequence(inspect, "State", "Health", "Log")
        self.container = text(inspect, "Id") or ""
        self.name = (text(inspect, "Name") or "").removeprefix("/") or None
        self.image = text(inspect, "Config", "Image")
        self.up = status in ("running", "paused")
        self.paused = status == "paused"
        self.started = times.moment(text(inspect, "State", "StartedAt"))
        self.finished = times.moment(text(inspect, "State", "FinishedAt"))
        self.exit_code = integer(inspect, "State", "ExitCode")
        self.oom = boolean(inspect, "State", "OOMKilled") or False
        self.restarts = integer(inspect, "RestartCount") or 0
        self.health = text(inspect, "State", "Health", "Status")
        self.checked = times.moment(text(log[-1], "End")) if log else None
        self.networks = mapping(inspect, "NetworkSettings", "Networks")
