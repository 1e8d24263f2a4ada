"""The events that an engine still holds: reading them, and whether some are missing."""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from selfinspect import times
from selfinspect.engine.quirks import quirks_of
from selfinspect.errors import EngineAnswerError, EngineUnreachableError
from selfinspect.events.translate import decoded, made, when
from selfinspect.jsonread import HEAVIEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from selfinspect.engine.api.client import Client
    from selfinspect.engine.http.stream import Stream
    from selfinspect.model import Actor, Json, Occurrence

    GapReason: TypeAlias = Literal["engine-buffer", "restart"]

BUFFERED = 256
"""Docker holds as many events of all kinds, in memory; see daemon/events/events.go of moby."""


class Gap(NamedTuple):
    """A time of which the engine holds no events any more.

    Attributes:
        start: nanoseconds since the Unix epoch.
        end: the same.
        reason: why they are missing.
    """

    start: int
    end: int
    reason: GapReason

    def event(self, container: Actor) -> Occurrence:
        """The gap as an event of its own."""
        start, end = times.rfc3339(self.start), times.rfc3339(self.end)
        missing: Mapping[str, Json] = {"from": start, "to": end, "reason": self.reason}
        at, apart = self.end, str(self.start)
        return made(at, "agent", "gap", container, missing, source="reconciled", apart=apart)


def past_events(client: Client, since: int, now: int) -> list[Json]:
    """This container's events, and those of networks, volumes and the daemon, held by the engine.

    Ordered by their times: Podman's log may be out of order, and these are two answers. The
    moments are by our clock, which is the engine's: a container's kernel is its engine's.

    Args:
        client: asks the engine.
        since: nanoseconds since the Unix epoch of the first event wanted.
        now: the same of the last.

    Raises:
        EngineError: the engine does not return them.
    """
    in_file = quirks_of(client.connection.engine).history_in_file
    between = _whole_seconds(since, now) if in_file else (times.unix(since), times.unix(now))
    with ExitStack() as stack:
        streams = [
            stack.enter_context(ask(*between))
            for ask in (client.own_events, client.surrounding_events)
        ]
        return sorted((raw for each in streams for raw in _events(each)), key=when)


def first_gap(held: Iterable[Json], begun: int, now: int) -> Gap:
    """What is missing at a first look, where the container's creation is held no more.

    That something is missing is certain then, so that nobody else's events need be read: a
    hundred agents that start together would get all the events of all.

    Args:
        held: the events of `past_events` since the creation.
        begun: nanoseconds since the Unix epoch of the creation.
        now: the present, in the same unit.
    """
    return Gap(begun, max(min(map(when, held), default=now), begun), "engine-buffer")


def gap(client: Client, alive: int, now: int) -> Gap | None:
    """Between when and when events may be missing because the engine holds them no more.

    Asked only where its history does not reach back to the journal's last event, so at most once
    a connection. Of other containers' events only the times are read.

    Args:
        client: asks the engine.
        alive: nanoseconds since the Unix epoch up to which nothing was missed.
        now: the present, in the same unit.

    Raises:
        EngineUnreachableError: no answer.
    """
    if quirks_of(client.connection.engine).history_in_file:
        return Gap(alive, now, "engine-buffer")
    try:
        with client.all_events(until=times.unix(now)) as stream:
            moments = [when(raw) for raw in _events(stream)]
    except EngineAnswerError:  # a proxy's: others' events are none of our business
        return Gap(alive, now, "engine-buffer")
    oldest = min(moments, default=now)
    if oldest <= alive:
        return None
    return Gap(alive, oldest, "engine-buffer" if len(moments) >= BUFFERED else "restart")


def _whole_seconds(since: int, now: int) -> tuple[str, str]:
    """The moments for a log file, see `Quirks.history_in_file`.

    Half a second from now, at the earliest: Podman's reader looks at the log four times a second.
    """
    since, until = max(since // times.SECOND - 1, 0), math.floor(now / times.SECOND + 1.5)
    return times.unix(since * times.SECOND), str(until)


def _events(stream: Stream) -> list[Json]:
    found: list[Json] = []
    room = HEAVIEST
    for line in filter(None, stream.whole().splitlines()):
        event, cost = decoded(line)
        room -= cost
        if room < 0:
            raise EngineUnreachableError("more events at once than an engine holds")
        found.append(event)
    return found
