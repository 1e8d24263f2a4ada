"""The agent beside the command: one incarnation after the other, until it is given up."""

from __future__ import annotations

import os
import signal
import socket
import time

from selfinspect.supervise import handover
from selfinspect.supervise.children import start_agent
from selfinspect.supervise.listeners import silence
from selfinspect.supervise.messages import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WINDOW = 60.0
_DEATHS_ALLOWED = 5
_FIRST_PAUSE = 0.5


def pause_before_restart(deaths: Sequence[float], now: float) -> float | None:
    """Seconds until the agent may start anew: 0.5, 1, 2, 4, then None, for never again.

    Args:
        deaths: when it died, monotonic seconds; only those of the last minute count.
        now: the same clock.
    """
    recent = sum(now - death < _WINDOW for death in deaths)
    return _FIRST_PAUSE * 2 ** (recent - 1) if recent < _DEATHS_ALLOWED else None


class Agent:
    """The agent's process, its successors, and the listeners they inherit.

    Attributes:
        process: its process ID, None while there is none.
        restart_at: when the next incarnation is due, monotonic seconds; None if none is.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        api: Sequence[socket.socket] = (),
        metrics: Sequence[socket.socket] = (),
    ) -> None:
        self.process: int | None = None
        self.restart_at: float | None = None
        self._command = command
        self._environ = environ
        self._api = api
        self._metrics = metrics
        self._control: socket.socket | None = None
        self._deaths: list[float] = []
        self._dismissed = False

    def start(self) -> None:
        """Start an incarnation; where no process can be made, that counts as its death."""
        self.restart_at = None
        try:
            self._control, theirs = socket.socketpair()
            with theirs:
                handed = handover.Handover(self._api, self._metrics, theirs)
                environ = {**self._environ, handover.VARIABLE: handed.encode()}
                self.process = start_agent(self._command, environ, handed)
        except OSError as error:
            self._die(str(error))

    def settled(self) -> bool:
        """Whether there is nothing to wait for: it said that it is ready, or it ended."""
        if self._control is None:
            return True
        try:
            self._control.recv(16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def ended(self, code: int) -> None:
        """Note its death, and when to start the next incarnation, if ever."""
        self.process = None
        self._die(f"exit code {code}")

    def dismiss(self) -> None:
        """Ask it to end, and start no other."""
        self._dismissed = True
        self.kill(signal.SIGTERM)

    def kill(self, number: int) -> None:
        """Send it a signal, if it is there."""
        if self.process is not None:
            os.kill(self.process, number)

    def _die(self, reason: str) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._dismissed:
            return
        now = time.monotonic()
        self._deaths = [*self._deaths[1 - _DEATHS_ALLOWED :], now]
        pause = pause_before_restart(self._deaths, now)
        if pause is None:
            say("agent.given-up", reason=reason, deaths=_DEATHS_ALLOWED)
            for listener in (*self._api, *self._metrics):
                silence(listener)
        else:
            say("agent.died", reason=reason, restart_in=f"{pause:g}s")
            self.restart_at = now + pause
