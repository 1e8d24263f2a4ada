"""Why one run ended, from all that was told of it. Pure.

What is inferred, and from what:

- an exit code of 128 + n is taken for signal n, which is what engines make of a main process
  that a signal ended; an app may exit so by itself, and only PID 1's record tells the two apart;
- the kernel's OOM killer ended the main process where SIGKILL did, nobody sent that through
  the engine, and an `oom` event came within ten seconds of the end. An earlier one was about a
  child. Without any such event (Podman has none) it is PID 1's look at the kernel's count, or
  inspect's `OOMKilled`, whose word is also taken where the exit code is not known;
- an end of which the engine did not tell when it came is the engine's (or its machine's) own
  restart where there was one, unless PID 1 wrote down that the command ended by itself;
- so is a stop right after the engine began anew, of which nobody could hear live: an engine that
  crashed and does not let containers outlive it stops those it finds before it answers anyone;
- a record that tells of no end means that PID 1 was killed, for it takes every other signal.
"""

from __future__ import annotations

from dataclasses import dataclass
from signal import SIGINT, SIGKILL, SIGQUIT, SIGTERM, Signals
from typing import TYPE_CHECKING, NamedTuple

from selfinspect.jsonread import decimal

if TYPE_CHECKING:
    from selfinspect.model import Cause, RunRecord

_SECOND = 10**9
_DIRECTLY = 10 * _SECOND
_SOON = 30 * _SECOND
_OF_SIGNALS = 128
_NOT_SEEN_ENDING = 255
"""The exit code that Docker gives a container of whose end it learns at its own start."""


class Sent(NamedTuple):
    """A signal sent through the engine.

    Attributes:
        nanoseconds: when.
        number: None where a label hides it.
        live: it was told of as it happened.
    """

    nanoseconds: int
    number: int | None
    live: bool = True


@dataclass(frozen=True, slots=True)
class Ending:
    """All that is known of how a run ended; times are nanoseconds of the Unix epoch.

    Attributes:
        finished: when.
        told: the engine told of it itself, not what was found afterwards.
        exit_code: the container's.
        record: what PID 1 wrote down.
        sent: signals sent through the engine, oldest first.
        ooms: when the engine said that the kernel had killed for want of memory.
        stopped: when the engine said that it had stopped the container.
        oom_flag: what inspect's `OOMKilled` says, or said, of this run.
        restarted: the engine or its machine began anew in it or after it.
        back: the first moment of which the engine that began anew told.
        stop_signal: the number of the signal that asks this container to stop.
        oom_told: this engine has an event for want of memory.
    """

    finished: int | None = None
    told: bool = False
    exit_code: int | None = None
    record: RunRecord | None = None
    sent: tuple[Sent, ...] = ()
    ooms: tuple[int, ...] = ()
    stopped: int | None = None
    oom_flag: bool | None = None
    restarted: bool = False
    back: int | None = None
    stop_signal: int = SIGTERM
    oom_told: bool = True

    @property
    def recorded(self) -> RunRecord | None:
        """PID 1's record, if it tells of an end."""
        return self.record if self.record and self.record.finished is not None else None

    @property
    def signal(self) -> int | None:
        """The number of the signal that ended the main process, None where none did."""
        if self.recorded:
            return self.recorded.signal
        if self.exit_code is not None:
            return _signal_of(self.exit_code)
        return SIGKILL if self.killed_by_request else None

    @property
    def last_sent(self) -> Sent | None:
        """The last signal sent through the engine that may have ended it."""
        for sent in reversed(self.sent):
            if self.finished is None or 0 <= self.finished + _SECOND - sent.nanoseconds <= _SOON:
                return sent
        return None

    @property
    def killed_by_request(self) -> bool:
        """SIGKILL was sent through the engine, and it ended."""
        return self.last_sent is not None and self.last_sent.number == SIGKILL


def cause(ending: Ending) -> Cause:
    """Why it ended: the first of these that holds."""
    begun_anew = not ending.told and ending.restarted
    rules: tuple[tuple[Cause, bool], ...] = (
        ("oom", _out_of_memory(ending)),
        ("engine-restart", _stopped(ending) and _cleared_away(ending)),
        ("stopped", _stopped(ending)),
        ("engine-restart", begun_anew and _may_be_the_engines(ending)),
        ("stopped", not ending.told and _asked_to_stop(ending)),
        ("killed", ending.signal is not None or _obeyed(ending)),
        ("exit", ending.exit_code is not None),
        ("killed", ending.record is not None),
    )
    return next((cause for cause, holds in rules if holds), "unknown")


def oom_killed(ending: Ending) -> bool | None:
    """Whether want of memory ended the main process; None where nothing tells."""
    if _out_of_memory(ending):
        return True
    record = ending.recorded
    ruled_out = (
        (ending.exit_code is not None and ending.signal != SIGKILL)
        or ending.killed_by_request
        or (ending.told and ending.oom_told)
        or ending.oom_flag is False
        or (record is not None and (record.signal != SIGKILL or record.oom_kills == 0))
    )
    return False if ruled_out else None


def signal_name(number: int | None) -> str | None:
    """`SIGKILL` for 9; `signal 40` for one without a name."""
    if number is None:
        return None
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"


def signal_number(text: str) -> int | None:
    """The number of a signal as engines write it: `9`, `KILL` or `SIGKILL`."""
    told = decimal(text)
    if told is not None:
        return told
    name = text.upper()
    found = Signals.__members__.get(name if name.startswith("SIG") else f"SIG{name}")
    return None if found is None else found.value


def _signal_of(exit_code: int) -> int | None:
    number = exit_code - _OF_SIGNALS
    return number if number in set(Signals) else None


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
    """Whether the engine stopped it, not what was left of it later."""
    if ending.stopped is None:
        return False
    return bool(ending.sent) or (
        ending.finished is None or ending.stopped - ending.finished <= _SOON
    )


def _cleared_away(ending: Ending) -> bool:
    """Whether an engine that began anew stopped what it found."""
    back = ending.back
    return back is not None and any(
        not sent.live and 0 <= sent.nanoseconds - back <= _DIRECTLY for sent in ending.sent
    )


def _may_be_the_engines(ending: Ending) -> bool:
    """Whether an engine that starts, or a machine that goes down, may have ended it."""
    if ending.recorded:
        return ending.recorded.forwarded is not None
    return ending.exit_code in (None, _NOT_SEEN_ENDING) or ending.signal in (SIGTERM, SIGKILL)


def _asked_to_stop(ending: Ending) -> bool:
    """Whether PID 1 had the stop signal for the command before that ended."""
    return bool(ending.recorded and ending.recorded.forwarded == ending.stop_signal)


def _obeyed(ending: Ending) -> bool:
    """Whether it ended on a signal that asks for just that, and dealt with it by itself."""
    last = ending.last_sent
    if last is None or last.number is None:
        return False
    return last.number in (SIGTERM, SIGINT, SIGQUIT, SIGKILL, ending.stop_signal) and (
        ending.exit_code in (None, 0, _OF_SIGNALS + last.number)
    )
