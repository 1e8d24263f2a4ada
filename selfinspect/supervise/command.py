"""The app: its process, the signals it gets, and the terminal it shares with a shell."""

from __future__ import annotations

import os

from selfinspect.supervise.children import has_terminal, pass_terminal, start_command
from selfinspect.supervise.messages import say, suppress
from selfinspect.supervise.signals import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.supervise.arguments import Arguments
    from selfinspect.supervise.signals import Given
    from selfinspect.supervise.users import User

_STOPS = {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}


class Command:
    """The app that `run` was started for.

    Args:
        options: its words, which of the agent's variables it gets, and whether signals go to its
            whole process group.
        changes: what its environment has that ours has not; None takes a variable away.
        given: the signals' mask and actions to start with.
        user: the user it runs as, None for ours.

    Attributes:
        process: its process ID, None before it has started and once it has ended.
        words: the program and its arguments.
    """

    def __init__(
        self,
        options: Arguments,
        changes: Mapping[str, str | None],
        given: Given,
        user: User | None,
    ) -> None:
        self.process: int | None = None
        self.words = options.command
        self._exports = options.exports
        self._whole_group = options.signal_group
        self._changes = changes
        self._given = given
        self._user = user
        self._asked_to_stop = False
        self._stopped_with_us = False

    def start(self, variables: Mapping[str, str]) -> None:
        """Start it; with the agent's variables, where they are wanted.

        Raises:
            OSError: no process can be made.
        """
        added = self._exports.admitted(variables, os.environ) if self._exports else {}
        self.process = start_command(
            self.words, self._changes, self._given, self._user, optional=added
        )

    def send(self, number: int) -> None:
        """Send it a signal, where there is a process to send it to."""
        if self.process is None:
            return
        group = self._whole_group
        if number == signal.SIGCONT:
            pass_terminal(os.getpgrp(), self.process)
            group = group or self._stopped_with_us
            self._asked_to_stop = self._stopped_with_us = False
        elif number in _STOPS:
            self._asked_to_stop = True
        try:
            if group:
                with suppress(ProcessLookupError):  # it went over to another process group
                    os.killpg(self.process, number)
                    return
            os.kill(self.process, number)
        except PermissionError as error:
            say("signal.failed", signal=number, error=error.strerror)

    def catches(self, number: int) -> bool:
        """Whether it has a handler of its own for a signal, as far as the kernel says."""
        try:
            with open(f"/proc/{self.process}/status", "rb") as status:  # noqa: PTH123
                caught = status.read().partition(b"\nSigCgt:")[2].split(None, 1)[0]
            return bool(int(caught, 16) >> (number - 1) & 1)
        except (OSError, ValueError, IndexError):
            return False

    def stopped(self, number: int) -> None:
        """Follow it when ^Z or the like has stopped it, as the job of a shell has to.

        Where no shell could bring it back, ^Z is undone: otherwise a container's terminal would be
        dead. A stop that was sent on purpose stays.
        """
        if self.process is None or number not in _STOPS:
            return
        if signal.SIGCONT in signal.sigpending():
            return  # to stop would lose it: the kernel drops one for the other
        if _stop_ourselves():
            self._stopped_with_us = True
        elif number == signal.SIGTSTP and not self._asked_to_stop and has_terminal(self.process):
            os.killpg(self.process, signal.SIGCONT)

    def ended(self) -> None:
        """Take the terminal back, and send nothing to the next process with its ID."""
        if self.process is not None:
            pass_terminal(self.process, os.getpgrp())
        self.process = None


def _stop_ourselves() -> bool:
    """Stop, with all of the shell's job that we are; once continued, whether that happened.

    The kernel decides whether there is a shell: SIGTSTP stops neither PID 1 nor a process group
    without a parent of another group in its session. It takes a container's init above us for one.
    """
    if os.getppid() == 1:
        return False
    os.killpg(0, signal.SIGTSTP)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTSTP})
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP})
    return signal.SIGCONT in signal.sigpending()
