"""The events that an engine still holds: what is read of them, and whether it was all."""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import TYPE_CHECKING

from selfinspect import jsonread, times
from selfinspect.engine.quirks import quirks_of
from selfinspect.errors import EngineAnswerError, EngineUnreachableError
from selfinspect.jsonread import HEAVIEST, integer
from selfinspect.model import Occurrence

if TYPE_CHECKING:
    from selfinspect.engine.api.client import Client
    from selfinspect.engine.http.stream import Stream
    from selfinspect.model import Actor, Json

BUFFERED = 256
"""As many events of all kinds Docker holds, in memory; see daemon/events/events.go of moby."""

_SECOND = 10**9


def past_events(client: Client, since: int, now: int) -> list[Json]:
    """This container's events, and those of what surrounds any, that the engine still holds.

    Ordered by their times: Podman's log may be out of order, and these are two answers. The
    moments are by our clock, which is the engine's: a container's kernel is its engine's.

    Args:
        client: whom to ask.
        since: nanoseconds since the Unix epoch of the first that is wanted.
        now: the same of the last.

    Raises:
        EngineError: the engine does not tell.
    """
    in_file = quirks_of(client.connection.engine).history_in_file
    between = _whole_seconds(since, now) if in_file else (times.unix(since), times.unix(now))
    with ExitStack() as stack:
        streams = [
            stack.enter_context(ask(*between))
            for ask in (client.own_events, client.surrounding_events)
        ]
        return sorted((raw for each in streams for raw in _events(each)), key=when)


def gap(client: Client, alive: int, now: int) -> tuple[int, int, str] | None:
    """From when to when, and why, the engine may have told events that it holds no more.

    Asked only where its history does not go back to what is known. Of others' events nothing but
    the times is looked at.

    Args:
        client: whom to ask.
        alive: nanoseconds since the Unix epoch up to which nothing was missed.
        now: the same of the moment.

    Raises:
        EngineUnreachableError: no answer.
    """
    if quirks_of(client.connection.engine).history_in_file:
        return alive, now, "engine-buffer"
    try:
        with client.all_events(until=times.unix(now)) as stream:
            moments = [when(raw) for raw in _events(stream)]
    except EngineAnswerError:  # a proxy's: others' events are none of our business
        return alive, now, "engine-buffer"
    oldest = min(moments, default=now)
    if oldest <= alive:
        return None
    return alive, oldest, "engine-buffer" if len(moments) >= BUFFERED else "restart"


def gap_event(found: tuple[int, int, str], container: Actor) -> Occurrence:
    """The gap as an event of its own."""
    start, end, reason = found
    return Occurrence(
        nanoseconds=end,
        time=times.rfc3339(end),
        type="agent",
        action="gap",
        actor=container,
        attributes={"from": times.rfc3339(start), "to": times.rfc3339(end), "reason": reason},
        source="reconciled",
        key=(end, "agent", "gap", container.id, str(start)),
    )


def when(raw: Json) -> int:
    """An event's nanoseconds since the Unix epoch; 0 where it has none."""
    return integer(raw, "timeNano") or 0


def _whole_seconds(since: int, now: int) -> tuple[str, str]:
    """The moments for a log file, see `Quirks.history_in_file`.

    Half a second from now, at the earliest: Podman's reader looks at the log four times a second.
    """
    since, until = max(since // _SECOND - 1, 0), math.floor(now / _SECOND + 1.5)
    return times.unix(since * _SECOND), str(until)


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


def decoded(line: bytes) -> tuple[Json, int]:
    """One line of the engine's, and what it weighs; newer ones may begin with a record separator.

    Raises:
        EngineUnreachableError: it is no JSON: whoever writes that is no engine.
    """
    try:
        text = jsonread.decoded(line.strip(b"\x1e"))
        return jsonread.parsed(text), jsonread.weight(text, HEAVIEST)
    except ValueError as error:
        raise EngineUnreachableError(f"an event that is no JSON: {error}") from error
