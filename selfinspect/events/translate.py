"""Translates the engine's event JSON into what happened to this container. Pure.

A container's labels stand among its event's attributes and overwrite them: a container labelled
`exitCode=99` reports that on `die`. A value under a label's name is therefore never trusted as the
engine's.

Podman's compatible API has its own names for some of Docker's actions; ours are Docker's.

The events that no engine reports are made here, too: what PID 1 and the kernel say.
"""

from __future__ import annotations

import re
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from selfinspect import jsonread, times
from selfinspect.errors import EngineUnreachableError
from selfinspect.jsonread import HEAVIEST, integer, text, text_mapping
from selfinspect.model import Actor, Occurrence

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping

    from selfinspect.masking import Masking
    from selfinspect.model import EventSource, Json, Memory, Stopping

_DOCKERS_ACTION = {
    "died": "die",
    "exec": "exec_start",
    "exec_died": "exec_die",
    "remove": "destroy",
}
# The rest of these actions, behind the colon, and its name among the attributes.
_REST = {"exec_create": "command", "exec_start": "command", "health_status": "status"}
# What the engine itself writes among a container's attributes: under a label of the same
# name the value is lost, and None says so.
_ENGINES_OWN = frozenset({"exitCode", "signal", "execID", "oldName", "image", "container"})
_EXIT_CODE = "containerExitCode"
_LONGEST = 4096
"""Characters of a text that are kept: an event may have a line of a MiB, a script for one."""
_LOOKED_AT, _CUT_IN_TWO = 16_384, 1024
"""Characters of a text that are masked, and of those masked the last ones that are not kept."""
_MOST = 64
"""Attributes that are kept; labels do not count."""
_NANOSECONDS = range(2**63)
"""What an engine's time can be, since the Unix epoch: up to the year 2262."""


class _EveryName:
    """Stands for labels of which some were cut off: any name may be one, and is not trusted."""

    def __contains__(self, _: object) -> bool:
        return True


EVERY_NAME = _EveryName()


def when(raw: Json) -> int:
    """An event's nanoseconds since the Unix epoch; 0 where it has none."""
    return integer(raw, "timeNano") or 0


def decoded(line: bytes) -> tuple[Json, int]:
    """An event from a line of the engine's, and the bytes it takes in memory.

    Newer engines may begin a line with a record separator.

    Raises:
        EngineUnreachableError: the line is not JSON, so no engine wrote it.
    """
    try:
        written = jsonread.decoded(line.strip(b"\x1e"))
        return jsonread.parsed(written), jsonread.weight(written, HEAVIEST)
    except ValueError as error:
        raise EngineUnreachableError(f"an event that is not JSON: {error}") from error


def translate(
    raw: Json,
    *,
    container: str,
    labels: Container[str],
    masking: Masking,
    source: EventSource = "live",
) -> Occurrence | None:
    """Translate one event of the engine; None where it is not about this container.

    Args:
        raw: the event as the engine wrote it.
        container: our own full ID.
        labels: the names of our own labels, `EVERY_NAME` where some were cut off.
        masking: masks what is secret.
        source: how we got it.
    """
    type_, whole, actor = text(raw, "Type"), text(raw, "Action"), text(raw, "Actor", "ID")
    when = integer(raw, "timeNano")
    if type_ is None or whole is None or when is None or when not in _NANOSECONDS:
        return None
    word, _, rest = whole.partition(": ")
    action = _DOCKERS_ACTION.get(word, word)
    stated = _dockers(text_mapping(raw, "Actor", "Attributes"), action)
    own_labels = labels if type_ == "container" else ()
    # A neighbour may be labelled `container=<our ID>`: of a container only the actor counts.
    if container != actor and (type_ == "container" or container != stated.get("container")):
        return None
    ours = (
        (
            _cut(_snake(name)),
            None if name in own_labels else _masked(partial(masking.value, name), value),
        )
        for name, value in stated.items()
        if name != "name" and (name not in own_labels or name in _ENGINES_OWN)
    )
    attributes: dict[str, Json] = dict(islice(ours, _MOST))
    if rest:
        name = _REST.get(action, "detail")
        # As a text first: the engine wrote the words side by side, and a header is several.
        masked = _masked(masking.text, rest)
        words = [*masking.arguments(masked.split())] if name == "command" else []
        attributes[name] = [*_first(words)] if name == "command" else masked
    check = action == "health_status" and not rest
    if check:
        attributes["status"] = text(raw, "HealthStatus")
    return Occurrence(
        nanoseconds=when,
        time=times.rfc3339(when),
        type=_cut(type_),
        action=_cut(action),
        actor=Actor(id=_cut(actor or ""), name=_cut(stated.get("name", "")) or None),
        attributes=attributes,
        source=source,
        key=(when, type_, whole, actor or "", stated.get("execID", "")),
        check=check,
        exec_id=stated.get("execID", ""),
        command=rest.strip() if rest and _REST.get(action) == "command" else None,
    )


def _masked(mask: Callable[[str], str], text: str) -> str:
    """The beginning of a text, masked: to mask all of a script takes seconds.

    Of what was looked at the end is not shown: a secret may have been cut in two there.
    """
    if len(text) <= _LOOKED_AT:
        return _cut(mask(text))
    return f"{mask(text[:_LOOKED_AT])[:-_CUT_IN_TWO][:_LONGEST]}…"


def _cut(text: str) -> str:
    """A text that is kept for each of ten thousand events."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _first(words: Iterable[str]) -> Iterator[str]:
    """The words of a command line, together no longer than one text."""
    left = _LONGEST
    for word in words:
        if left <= 0:
            yield "…"
            return
        yield word if len(word) <= left else f"{word[:left]}…"
        left -= len(word) + 1


def _dockers(stated: Mapping[str, str], action: str) -> Mapping[str, str]:
    """A container's attributes as Docker names them.

    Podman adds an exit code to every event (only an exec's end and `die` have one, and `die` has it
    under Docker's name, too), a pod where there is none, and an empty image.
    """
    if "podId" not in stated:
        return stated
    kept = {
        name: value
        for name, value in stated.items()
        if name != _EXIT_CODE and (value or name not in ("podId", "image"))
    }
    if action == "exec_die" and _EXIT_CODE in stated:
        kept["exitCode"] = stated[_EXIT_CODE]
    return kept


def _snake(name: str) -> str:
    """`execID` as `exec_id`, `exitCode` as `exit_code`; other names as they are."""
    return re.sub(r"(?<=[a-z])([A-Z]+)", lambda match: f"_{match[1].lower()}", name)


def stopping(stop: Stopping, container: Actor) -> Occurrence:
    """The container was asked to stop."""
    attributes: Mapping[str, Json] = {"signal": stop.signal, "deadline": stop.deadline}
    return made(times.nanoseconds(stop.received_at), "agent", "stopping", container, attributes)


def memory_max(when: int, count: int, memory: Memory | None, container: Actor) -> Occurrence:
    """The container reached its memory limit.

    Args:
        when: nanoseconds since the Unix epoch.
        count: how often, since the last such event.
        memory: the figures then, None where there are none.
        container: which container it was.
    """
    attributes: Mapping[str, Json] = {
        "count": count,
        "working_set_bytes": memory.working_set_bytes if memory else None,
        "limit_bytes": memory.limit_bytes if memory else None,
    }
    return made(when, "kernel", "memory_max", container, attributes)


def made(
    when: int,
    kind: str,
    action: str,
    actor: Actor,
    attributes: Mapping[str, Json],
    *,
    source: EventSource = "live",
    apart: str = "",
) -> Occurrence:
    """An event that no engine reported.

    Args:
        when: nanoseconds since the Unix epoch.
        kind: its type.
        action: what happened.
        actor: to what.
        attributes: what else is to be said.
        source: how we got it.
        apart: sets it apart from others of that actor, action and moment.
    """
    return Occurrence(
        nanoseconds=when,
        time=times.rfc3339(when),
        type=kind,
        action=action,
        actor=actor,
        attributes=attributes,
        source=source,
        key=(when, kind, action, actor.id, apart),
    )
