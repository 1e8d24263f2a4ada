"""What happened to the container.

The runs of a container, and what its PID 1 wrote down of them.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal, TypeAlias

from selfinspect.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.jsonread import Json

# Actions after which inspect says the same as before.
_QUIET = frozenset(
    {"exec_create", "exec_start", "exec_die", "exec_detach", "top", "attach", "detach", "resize"}
    | {"archive-path", "extract-to-dir", "copy", "export", "commit"}
)
EventSource: TypeAlias = Literal["live", "replay", "reconciled"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Whom an event is about."""

    id: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An event before it has its place in our order.

    Attributes:
        key: tells it from every other event: a replay may bring what came live already.
        check: a health check ended, as Podman says of each; Docker tells of changes alone.
        exec_id: which exec it is about, empty for none.
        command: what that runs, as the engine wrote it: never to be shown; None where unknown.
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

    @property
    def changes_inspect(self) -> bool:
        """Whether the engine's inspect may say something else than before."""
        return self.action not in _QUIET


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the container, in the order in which it arrived here."""

    cursor: str
    seq: int
    run: int | None
    time: str
    type: str
    action: str
    actor: Actor
    attributes: Mapping[str, Json]
    source: EventSource


Cause: TypeAlias = Literal["exit", "oom", "killed", "stopped", "engine-restart", "unknown"]
RunSource: TypeAlias = Literal["supervisor", "events", "inspect"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the container, from start to end; the present one has no end yet.

    Attributes:
        number: counted from the first run of which anything was reported.
        exit_code: the container's, as the engine has it: 128 + signal for one that was killed;
            where it was expected, the command's own, which the engine saw as 0.
        signal: the name of the signal that ended it, None where none did.
        oom_killed: whether the OOM killer ended the main process, and not only a child.
        cause: why it ended; `unknown` for the present one.
        sources: where what is reported of its end comes from.
        evidence: the `seq` of each event about its end.
        expected: whether `run --expect-exit` made the container's exit code 0 of it.
    """

    number: int
    started_at: str | None
    finished_at: str | None
    exit_code: int | None
    signal: str | None
    oom_killed: bool | None
    cause: Cause
    sources: tuple[RunSource, ...] = ()
    evidence: tuple[int, ...] = ()
    expected: bool = False


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What `selfinspect run` wrote down of one run; times are nanoseconds of the Unix epoch.

    Attributes:
        started: when `selfinspect run` began.
        boot: the kernel's boot ID then.
        finished: when the command ended; None if `run` is there still, or was ended itself.
        exit_code: the command's: 128 + signal for one that was killed.
        signal: the number of the signal that ended the command, None where none did.
        forwarded: the number of the last signal that came from outside for the command.
        oom_kills: how often the kernel had killed for want of memory in this container by then;
            known only of a command that SIGKILL ended.
        expected: whether that exit code counted as 0, by `run --expect-exit`.
    """

    started: int
    boot: str | None
    finished: int | None = None
    exit_code: int | None = None
    signal: int | None = None
    forwarded: int | None = None
    oom_kills: int | None = None
    expected: bool = False
