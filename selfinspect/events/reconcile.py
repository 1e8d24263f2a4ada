"""Finds the events that were missed: compares inspect with what events have said. Pure.

The engine's `start` and `die` come after the moments that inspect has as `StartedAt` and
`FinishedAt`: a moment later than the last such event belongs to an event that was missed. Of the
runs before the last one inspect says nothing, nor of networks that a run's end took away and the
next start brought back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.events.lifecycle import Inspected
from selfinspect.events.translate import made
from selfinspect.jsonread import text
from selfinspect.model import Actor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from selfinspect.events.lifecycle import Lifecycle
    from selfinspect.model import Json, Occurrence


def reconcile(
    lifecycle: Lifecycle, events: Iterable[Occurrence], inspect: Json, now: int
) -> tuple[Occurrence, ...]:
    """The events that must have been missed, in the order in which they must have happened.

    Args:
        lifecycle: what the events in the journal say.
        events: those that are to follow them there, oldest first.
        inspect: the engine's inspect document, asked for after the last of them.
        now: nanoseconds since the Unix epoch, for what was found without a time of its own.
    """
    missed = _Missed(lifecycle, Inspected(inspect))
    for event in events:
        missed.rename_before(event)
        missed.lifecycle = missed.lifecycle.after(event)
    missed.runs()
    missed.late_oom(now)
    missed.rename(missed.inspected.name, now)
    missed.health(now)
    missed.networks(now)
    return tuple(missed.found)


class _Missed:
    """The events found missing so far, and the state after them."""

    def __init__(self, lifecycle: Lifecycle, inspected: Inspected) -> None:
        self.lifecycle = lifecycle
        self.inspected = inspected
        self.found: list[Occurrence] = []

    def rename_before(self, event: Occurrence) -> None:
        """A rename from another name than the current one: there was one before it."""
        if (event.type, event.action) == ("container", "rename"):
            former = (text({**event.attributes}, "old_name") or "").removeprefix("/")
            self.rename(former or None, event.nanoseconds)

    def runs(self) -> None:
        """The end of the last run that ended, the start of the last that began."""
        if self.inspected.up:
            self._end()
            self._start()
        else:
            self._start()
            self._end()

    def late_oom(self, now: int) -> None:
        """Memory that ran out without the end of a run, or before an end that was reported."""
        state, before = self.inspected, self.lifecycle
        if state.oom and not (before.oom or before.oom_before):
            self._add("oom", now if state.up or state.finished is None else state.finished)

    def rename(self, name: str | None, when: int) -> None:
        """A new name."""
        if None not in (name, self.lifecycle.name) and name != self.lifecycle.name:
            former = {"old_name": f"/{self.lifecycle.name}"}
            self._add("rename", when, former, actor=Actor(self.inspected.container, name))

    def health(self, now: int) -> None:
        """A new health status; while the container is paused there is none."""
        state = self.inspected
        new = state.health in ("healthy", "unhealthy") and state.health != self.lifecycle.health
        if new and state.up and not state.paused:
            when = state.checked
            if when is None or when < (state.started or 0):
                when = now
            self._add("health_status", when, {"status": state.health})

    def networks(self, now: int) -> None:
        """Networks connected and disconnected since the start."""
        state, before = self.inspected, self.lifecycle
        if not state.up or before.networks is None:
            return
        for name in before.networks:
            if name not in state.networks:
                self._network("disconnect", name, now)
        for name in sorted(state.networks):
            if name not in before.networks:
                self._network("connect", name, now)

    def _start(self) -> None:
        state, before = self.inspected, self.lifecycle
        if state.started is None or not _later(state.started, before.started):
            return
        self._add("start", state.started)
        if state.up and state.restarts > (before.restarts or 0):
            self._add("restart", state.started, {"restart_count": state.restarts})

    def _end(self) -> None:
        state, before = self.inspected, self.lifecycle
        if state.finished is None or not _later(state.finished, before.died):
            return
        begun_again = state.up and not _later(state.started, before.started)
        if state.oom and not (before.oom_before if begun_again else before.running and before.oom):
            self._add("oom", state.finished)
        # A start clears the exit code.
        code = None if state.up or state.exit_code is None else str(state.exit_code)
        self._add("die", state.finished, {"exit_code": code})

    def _network(self, action: str, name: str, when: int) -> None:
        network = Actor(text({**self.inspected.networks}, name, "NetworkID") or "", name)
        self._add(
            action, when, {"container": self.inspected.container}, actor=network, type_="network"
        )

    def _add(
        self,
        action: str,
        when: int,
        attributes: Mapping[str, Json] | None = None,
        *,
        actor: Actor | None = None,
        type_: str = "container",
    ) -> None:
        actor = actor or Actor(self.inspected.container, self.lifecycle.name or self.inspected.name)
        image: dict[str, Json] = {"image": self.inspected.image} if type_ == "container" else {}
        stated = {**image, **(attributes or {})}
        apart = f"reconciled {actor.name}"
        occurrence = made(when, type_, action, actor, stated, source="reconciled", apart=apart)
        self.found.append(occurrence)
        self.lifecycle = self.lifecycle.after(occurrence)


def _later(moment: int | None, event: int | None) -> bool:
    return moment is not None and (event is None or event < moment)
