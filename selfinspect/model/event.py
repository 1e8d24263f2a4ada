"""The container's events, and its runs from start to end."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal, TypeAlias

from selfinspect.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.jsonread import Json

EventSource: TypeAlias = Literal["live", "replay", "reconciled"]
Cause: TypeAlias = Literal["exit", "oom", "killed", "stopped", "engine-restart", "unknown"]
RunSource: TypeAlias = Literal["supervisor", "events", "inspect"]


@dataclass(frozen=True, slots=True)
class Actor:
    """The container, network or other thing that an event is about."""

    id: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An event as it arrives, before it has its place in our order.

    Attributes:
        key: unique to it: a replay may bring an event again that came live already.
        check: whether it is the end of a health check: Podman reports each, Docker only changes.
        exec_id: the exec that it is about, empty for none.
        command: the exec's command as the engine reported it, never to be shown; None if unknown.
    """

    nanoseconds: int
    time: str
    type: str
    action: str
    actor: Actor
    attributes: Mapping[str, Json]
    source: EventSource
    key: tuple[int, str, str, str, str]
    check: bool = False
    exec_id: str = field(default="", repr=False)
    command: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the container; `seq` is the order of arrival here."""

    cursor: str
    seq: int
    run: int | None
    time: str
    type: str
    action: str
    actor: Actor
    attributes: Mapping[str, Json]
    source: EventSource


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the container, from start to end; the current one has no end yet.

    Attributes:
        number: counted from the first run on record.
        exit_code: the container's, as the engine reports it: 128 + signal after a signal; where
            it was expected, the command's own, which the engine saw as 0.
        signal: the name of the signal that ended it, None where none did.
        oom_killed: whether the main process was OOM-killed; its children do not count.
        cause: why it ended; `unknown` for the current one.
        sources: who reported its end: `supervisor`, `events`, `inspect`.
        evidence: the `seq` of each event that reported its end.
        expected: whether `run --expect-exit` turned its exit code into the container's 0.
    """

    number: int
    started_at: str | None
    finished_at: str | None = None
    exit_code: int | None = None
    signal: str | None = None
    oom_killed: bool | None = None
    cause: Cause = "unknown"
    sources: tuple[RunSource, ...] = ()
    evidence: tuple[int, ...] = ()
    expected: bool = False


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What `selfinspect run` recorded of one run; times are nanoseconds since the Unix epoch.

    Attributes:
        started: when `selfinspect run` began.
        boot: the kernel's boot ID at that time.
        finished: when the command ended; None while `run` is running, or where it was killed.
        exit_code: the command's: 128 + signal after a signal.
        signal: the number of the signal that ended the command, None where none did.
        forwarded: the number of the last signal from outside that was forwarded to the command.
        oom_kills: the container's OOM kills by then; counted only after a SIGKILL.
        expected: whether `run --expect-exit` made that exit code count as 0.
    """

    started: int
    boot: str | None
    finished: int | None = None
    exit_code: int | None = None
    signal: int | None = None
    forwarded: int | None = None
    oom_kills: int | None = None
    expected: bool = False
