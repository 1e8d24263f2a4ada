"""Why one run ended, from all that was reported of it. Pure.

What is inferred, and from what:

- an exit code of 128 + n is taken for signal n: engines report it so when a signal ended the main
  process. An app may exit so by itself; only PID 1's record distinguishes the two;
- the OOM killer ended the main process if SIGKILL did, nobody sent that through the engine, and
  an `oom` event came within ten seconds of the end; an earlier one was about a child. Without
  such events (Podman has none) PID 1's reading of the kernel's count decides, or inspect's
  `OOMKilled`, which counts also where the exit code is missing;
- an end that the engine did not report as it happened belongs to a restart of the engine or the
  machine if there was one, unless PID 1 recorded that the command ended by itself;
- so does a stop right after the engine restarted, before anybody could be connected: an engine
  that crashed without live restore stops the containers it finds before it answers anyone;
- a record without an end means that PID 1 was killed: it handles every signal but SIGKILL.
"""

from __future__ import annotations

from signal import SIGINT, SIGKILL, SIGQUIT, SIGTERM, Signals
from typing import TYPE_CHECKING, NamedTuple

from selfinspect.frozen import dataclass
from selfinspect.times import SECOND

if TYPE_CHECKING:
    from selfinspect.model import Cause, RunRecord

_DIRECTLY = 10 * SECOND
_SOON = 30 * SECOND
_OF_SIGNALS = 128
_ENDED_UNSEEN = 255
"""The exit code that Docker, as it starts, gives a container that ended while it was away."""


class Sent(NamedTuple):
    """A signal sent through the engine.

    Attributes:
        nanoseconds: when.
        number: None where a label hides it.
        live: whether the engine reported it as it happened.
    """

    nanoseconds: int
    number: int | None
    live: bool = True


@dataclass(frozen=True, slots=True)
class Ending:
    """All that was reported of how a run ended; times are nanoseconds since the Unix epoch.

    Attributes:
        finished: when it ended.
        reported: whether the engine reported the end itself; else it was found out afterwards.
        exit_code: the container's.
        record: what PID 1 wrote.
        sent: signals sent through the engine, oldest first.
        ooms: the times of the engine's `oom` events.
        stopped: when the engine reported that it had stopped the container.
        oom_flag: inspect's `OOMKilled` for this run, as of now or of then.
        restarted: whether the engine or its machine restarted during it or after it.
        back: the time of the first event after that restart.
        stop_signal: the number of the signal that asks this container to stop.
        has_oom_events: whether this engine reports `oom` events at all.
    """

    finished: int | None = None
    reported: bool = False
    exit_code: int | None = None
    record: RunRecord | None = None
    sent: tuple[Sent, ...] = ()
    ooms: tuple[int, ...] = ()
    stopped: int | None = None
    oom_flag: bool | None = None
    restarted: bool = False
    back: int | None = None
    stop_signal: int = SIGTERM
    has_oom_events: bool = True

    @property
    def recorded(self) -> RunRecord | None:
        """PID 1's record, if it has an end."""
        return self.record if self.record and self.record.finished is not None else None

    @property
    def signal(self) -> int | None:
        """The number of the signal that ended the main process, None where none did."""
        if self.recorded:
            return self.recorded.signal
        if self.exit_code is not None:
            number = self.exit_code - _OF_SIGNALS
            return number if number in set(Signals) else None
        return SIGKILL if self.killed_by_request else None

    @property
    def last_sent(self) -> Sent | None:
        """The last signal sent through the engine that may have ended it."""
        for sent in reversed(self.sent):
            if self.finished is None or 0 <= self.finished + SECOND - sent.nanoseconds <= _SOON:
                return sent
        return None

    @property
    def killed_by_request(self) -> bool:
        """SIGKILL was sent through the engine, and it ended."""
        return self.last_sent is not None and self.last_sent.number == SIGKILL


def cause(ending: Ending) -> Cause:
    """Why it ended: the first of these that holds."""
    missed_in_restart = not ending.reported and ending.restarted
    rules: tuple[tuple[Cause, bool], ...] = (
        ("oom", _out_of_memory(ending)),
        ("engine-restart", _stopped(ending) and _stopped_at_start(ending)),
        ("stopped", _stopped(ending)),
        ("engine-restart", missed_in_restart and _may_be_the_engines(ending)),
        ("stopped", not ending.reported and _asked_to_stop(ending)),
        ("killed", ending.signal is not None or _obeyed(ending)),
        ("exit", ending.exit_code is not None),
        ("killed", ending.record is not None),
    )
    return next((cause for cause, holds in rules if holds), "unknown")


def oom_killed(ending: Ending) -> bool | None:
    """Whether the OOM killer ended the main process; None where nothing shows it either way."""
    if _out_of_memory(ending):
        return True
    record = ending.recorded
    ruled_out = (
        (ending.exit_code is not None and ending.signal != SIGKILL)
        or ending.killed_by_request
        or (ending.reported and ending.has_oom_events)
        or ending.oom_flag is False
        or (record is not None and (record.signal != SIGKILL or record.oom_kills == 0))
    )
    return False if ruled_out else None


def _out_of_memory(ending: Ending) -> bool:
    hidden = ending.exit_code is None and ending.recorded is None and ending.signal is None
    if ending.killed_by_request or not (ending.signal == SIGKILL or hidden):
        return False
    if ending.ooms:
        finished = ending.finished
        return finished is None or any(abs(finished - oom) <= _DIRECTLY for oom in ending.ooms)
    counted = ending.recorded.oom_kills if ending.recorded else None
    return bool(counted or ending.oom_flag)


def _stopped(ending: Ending) -> bool:
    """Whether the engine stopped it; a stop well after the end stopped nothing."""
    if ending.stopped is None:
        return False
    return bool(ending.sent) or (
        ending.finished is None or ending.stopped - ending.finished <= _SOON
    )


def _stopped_at_start(ending: Ending) -> bool:
    """Whether an engine that restarted stopped the containers it found."""
    back = ending.back
    return back is not None and any(
        not sent.live and 0 <= sent.nanoseconds - back <= _DIRECTLY for sent in ending.sent
    )


def _may_be_the_engines(ending: Ending) -> bool:
    """Whether an engine that starts, or a machine that goes down, may have ended it."""
    if ending.recorded:
        return ending.recorded.forwarded is not None
    return ending.exit_code in (None, _ENDED_UNSEEN) or ending.signal in (SIGTERM, SIGKILL)


def _asked_to_stop(ending: Ending) -> bool:
    """Whether PID 1 forwarded the stop signal before the command ended."""
    return bool(ending.recorded and ending.recorded.forwarded == ending.stop_signal)


def _obeyed(ending: Ending) -> bool:
    """Whether it ended by itself on a signal that asks it to end."""
    last = ending.last_sent
    if last is None or last.number is None:
        return False
    return last.number in (SIGTERM, SIGINT, SIGQUIT, SIGKILL, ending.stop_signal) and (
        ending.exit_code in (None, 0, _OF_SIGNALS + last.number)
    )
