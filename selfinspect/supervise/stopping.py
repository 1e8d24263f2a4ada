"""What PID 1 notes when the container is asked to stop: since when, and how long is left.

The command's signal is sent before any of this, and never waits for it.
"""

from __future__ import annotations

import time

from selfinspect.kernel.signals import signal_name, signal_number
from selfinspect.supervise.children import start_writer
from selfinspect.supervise.messages import say
from selfinspect.supervise.signals import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from selfinspect.supervise.agent import AgentProcess
    from selfinspect.supervise.announcement import Announcement
    from selfinspect.supervise.command import Command

FILE = "stopping"

SIGNAL = "stop_signal"
TIMEOUT = "SELFINSPECT_STOP_TIMEOUT_SECONDS"
"""The variables in which a ready agent reports how its container is stopped."""

_LAST_WORDS = 2.0
_SHORTEST = 4.0
_OUTLIVED = 1.0
_LONGEST = 10 * 366 * 86_400.0
"""Seconds after which a timeout counts as none: no clock has a date for the end of 2^63 s."""
_NANO = 10**9


class StopNotice:
    """A stop under way, or none yet.

    Args:
        announcement: has the folder in which the file is left.
        agent: reports how the container is stopped, and shows the stop to its clients.
        command: what is asked to stop.
        timeout: seconds by the option of `run`, where the container says nothing; None for none.
        last_signal: sent 2 s before the deadline to a command that catches it; None for none.
    """

    def __init__(
        self,
        announcement: Announcement,
        agent: AgentProcess,
        command: Command,
        timeout: float | None = None,
        last_signal: int | None = None,
    ) -> None:
        self._announcement = announcement
        self._agent = agent
        self._command = command
        self._timeout = timeout
        self._last_signal = last_signal
        self._last_at: float | None = None
        self._over_at: float | None = None
        announcement.leave(FILE, None)

    def forwarded(self, number: int) -> None:
        """Note a signal that came for the command, where it is the container's stop signal."""
        if self._over_at is not None or number != self._stop_signal():
            return
        seconds, now, received = self._seconds(), time.monotonic(), time.time_ns()
        self._over_at = float("inf") if seconds is None else now + seconds + _OUTLIVED
        if seconds is not None and seconds > _SHORTEST:
            self._last_at = now + seconds - _LAST_WORDS
        elif self._last_signal is not None:
            reason = "no --stop-timeout of more than 4 s is known"
            say("last-signal.not-sent", signal=self._last_signal, reason=reason)
        deadline = None if seconds is None else received + int(seconds * _NANO)
        self._agent.send(f"stopping {number} {received} {deadline or '-'}")
        self._leave(_document(number, received, deadline))

    def due(self) -> float | None:
        """The monotonic second at which `do_what_is_due` has something to do, if ever."""
        moments = (self._last_at, self._over_at)
        return min((each for each in moments if each is not None), default=None)

    def do_what_is_due(self, now: float) -> None:
        """Send the last signal in time; forget a stop that the command outlived."""
        if self._last_at is not None and now >= self._last_at:
            self._last_at = None
            if self._last_signal is not None:
                self._command.send_caught(self._last_signal, "last-signal.not-sent")
        if self._over_at is not None and now >= self._over_at:
            self._over_at = None
            self._agent.send("stopping")
            self._leave(None)

    def _leave(self, document: bytes | None) -> None:
        start_writer(lambda: self._announcement.leave(FILE, document))

    def _stop_signal(self) -> int:
        self._agent.settled()
        return signal_number(self._agent.variables.get(SIGNAL, "")) or signal.SIGTERM

    def _seconds(self) -> float | None:
        """The container's own timeout comes first; `docker stop -t` cannot be seen from inside."""
        said = self._agent.variables.get(TIMEOUT, "")
        waits_for_ever = said.startswith("-")  # Docker's -1
        seconds = float(said) if said.isdecimal() else None if waits_for_ever else self._timeout
        return None if seconds is None or seconds > _LONGEST else seconds


def _document(number: int, received: int, deadline: int | None) -> bytes:
    ends = "null" if deadline is None else f'"{_rfc3339(deadline)}"'
    return (
        f'{{"signal": "{signal_name(number) or number}", "received_at": "{_rfc3339(received)}",'
        f' "deadline": {ends}}}\n'
    ).encode()


def _rfc3339(moment: int) -> str:
    """Nanoseconds since the Unix epoch as `times.rfc3339` writes them, without its imports."""
    seconds, rest = divmod(moment, _NANO)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09d}Z"
