"""What must have happened while nobody told us: inspect against what events have said. Pure.

The engine's `start` and `die` come after the moments that inspect has as `StartedAt` and
`FinishedAt`: a moment later than the last such event is one of an event that was missed. Of the
runs before the last one inspect says nothing, nor of networks that a run's end took away and the
next start brought back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect import times
from selfinspect.frozen import dataclass
from selfinspect.jsonread import boolean, integer, mapping, sequence, text
from selfinspect.model import Actor, Occurrence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from selfinspect.events.known import Known
    from selfinspect.model import Json


def reconcile(
    known: Known, events: Iterable[Occurrence], inspect: Json, now: int
) -> tuple[Occurrence, ...]:
    """The events that must have been missed, in the order in which they must have happened.

    Args:
        known: what the events in the journal say.
        events: those that are to follow them there, oldest first.
        inspect: the engine's inspect document, asked for after the last of them.
        now: nanoseconds since the Unix epoch: when that was found which has no time of its own.
    """
    missed = _Missed(known, _State.of(inspect))
    for event in events:
        missed.rename_before(event)
        missed.known = missed.known.after(event)
    missed.runs()
    missed.late_oom(now)
    missed.rename(missed.state.name, now)
    missed.health(now)
    missed.networks(now)
    return tuple(missed.told)


def adopt(known: Known, inspect: Json) -> Known:
    """What is known, and from inspect what no event says."""
    state = _State.of(inspect)
    return replace(
        known,
        name=known.name or state.name,
        networks=state.connected if known.networks is None and state.up else known.networks,
        restarts=state.restarts,
    )


@dataclass(frozen=True, slots=True)
class _State:
    """What inspect says, as far as events can be told from it."""

    container: str
    name: str | None
    image: str | None
    up: bool
    paused: bool
    started: int | None
    finished: int | None
    exit_code: int | None
    oom: bool
    restarts: int
    health: str | None
    checked: int | None
    networks: Mapping[str, Json]

    @classmethod
    def of(cls, inspect: Json) -> _State:
        status = text(inspect, "State", "Status")
        log = sequence(inspect, "State", "Health", "Log")
        return cls(
            container=text(inspect, "Id") or "",
            name=(text(inspect, "Name") or "").removeprefix("/") or None,
            image=text(inspect, "Config", "Image"),
            up=status in ("running", "paused"),
            paused=status == "paused",
            started=times.moment(text(inspect, "State", "StartedAt")),
            finished=times.moment(text(inspect, "State", "FinishedAt")),
            exit_code=integer(inspect, "State", "ExitCode"),
            oom=boolean(inspect, "State", "OOMKilled") or False,
            restarts=integer(inspect, "RestartCount") or 0,
            health=text(inspect, "State", "Health", "Status"),
            checked=times.moment(text(log[-1], "End")) if log else None,
            networks=mapping(inspect, "NetworkSettings", "Networks"),
        )

    @property
    def connected(self) -> tuple[str, ...]:
        return tuple(sorted(self.networks))


class _Missed:
    """The events found missing so far, and what is known with them."""

    def __init__(self, known: Known, state: _State) -> None:
        self.known = known
        self.state = state
        self.told: list[Occurrence] = []

    def rename_before(self, event: Occurrence) -> None:
        """A rename from another name than the last one known: one went before it."""
        if (event.type, event.action) == ("container", "rename"):
            former = (text({**event.attributes}, "old_name") or "").removeprefix("/")
            self.rename(former or None, event.nanoseconds)

    def runs(self) -> None:
        """The end of the last run that ended, the start of the last that began."""
        if self.state.up:
            self._end()
            self._start()
        else:
            self._start()
            self._end()

    def late_oom(self, now: int) -> None:
        """Memory that ran out without the end of a run, or before one that is known."""
        state, known = self.state, self.known
        if state.oom and not (known.oom or known.oom_before):
            self._tell("oom", now if state.up or state.finished is None else state.finished)

    def rename(self, name: str | None, when: int) -> None:
        """A new name."""
        if None not in (name, self.known.name) and name != self.known.name:
            former = {"old_name": f"/{self.known.name}"}
            self._tell("rename", when, former, actor=Actor(self.state.container, name))

    def health(self, now: int) -> None:
        """A verdict of the health check; while it is paused there are none."""
        state = self.state
        told = state.health in ("healthy", "unhealthy") and state.health != self.known.health
        if told and state.up and not state.paused:
            given = state.checked is not None and state.checked >= (state.started or 0)
            when = state.checked if given and state.checked is not None else now
            self._tell("health_status", when, {"status": state.health})

    def networks(self, now: int) -> None:
        """Networks connected and disconnected since the start."""
        state, known = self.state, self.known
        if not state.up or known.networks is None:
            return
        for name in known.networks:
            if name not in state.networks:
                self._network("disconnect", name, now)
        for name in state.connected:
            if name not in known.networks:
                self._network("connect", name, now)

    def _start(self) -> None:
        state, known = self.state, self.known
        if state.started is None or not _later(state.started, known.started):
            return
        self._tell("start", state.started)
        if state.up and state.restarts > (known.restarts or 0):
            self._tell("restart", state.started, {"restart_count": state.restarts})

    def _end(self) -> None:
        state, known = self.state, self.known
        if state.finished is None or not _later(state.finished, known.died):
            return
        begun_again = state.up and not _later(state.started, known.started)
        if state.oom and not (known.oom_before if begun_again else known.running and known.oom):
            self._tell("oom", state.finished)
        # A start clears the exit code.
        code = None if state.up or state.exit_code is None else str(state.exit_code)
        self._tell("die", state.finished, {"exit_code": code})

    def _network(self, action: str, name: str, when: int) -> None:
        network = Actor(text({**self.state.networks}, name, "NetworkID") or "", name)
        self._tell(
            action, when, {"container": self.state.container}, actor=network, type_="network"
        )

    def _tell(
        self,
        action: str,
        when: int,
        attributes: Mapping[str, Json] | None = None,
        *,
        actor: Actor | None = None,
        type_: str = "container",
    ) -> None:
        actor = actor or Actor(self.state.container, self.known.name or self.state.name)
        image: dict[str, Json] = {"image": self.state.image} if type_ == "container" else {}
        occurrence = Occurrence(
            nanoseconds=when,
            time=times.rfc3339(when),
            type=type_,
            action=action,
            actor=actor,
            attributes={**image, **(attributes or {})},
            source="reconciled",
            key=(when, type_, action, f"{actor.id} {actor.name}", "reconciled"),
        )
        self.told.append(occurrence)
        self.known = self.known.after(occurrence)


def _later(moment: int | None, event: int | None) -> bool:
    return moment is not None and (event is None or event < moment)
