"""The app: its process, the signals it gets, and the terminal it shares with a shell."""

from __future__ import annotations

import os

from selfinspect.supervise.children import has_terminal, pass_terminal, start_command
from selfinspect.supervise.messages import say, suppress
from selfinspect.supervise.signals import Given, signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selfinspect.exports.own import Wanted
    from selfinspect.supervise.users import User

_STOPS = {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}


class Command:
    """The command beside the agent.

    Args:
        words: the program and its arguments.
        changes: what its environment has that ours has not; None takes a variable away.
        given: the signals' mask and actions to start with.
        exports: which of the agent's variables are added to that; None for none.
        user: whom it runs as, None for ourselves.
        whole_group: whether signals go to its whole process group.

    Attributes:
        process: its process ID, None as long as it has not been started.
    """

    def __init__(
        self,
        words: Sequence[str],
        changes: Mapping[str, str | None],
        *,
        given: Given | None = None,
        exports: Wanted | None = None,
        user: User | None = None,
        whole_group: bool = False,
    ) -> None:
        self.process: int | None = None
        self.words = words
        self._changes = changes
        self._given = given or Given()
        self._exports = exports
        self._user = user
        self._whole_group = whole_group
        self._told_to_stop = False
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
            self._told_to_stop = self._stopped_with_us = False
        elif number in _STOPS:
            self._told_to_stop = True
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

        Where there is no shell that could bring it back, ^Z is undone: a container's terminal
        would be dead otherwise. A stop that was sent on purpose stays.
        """
        if self.process is None or number not in _STOPS:
            return
        if signal.SIGCONT in signal.sigpending():
            return  # to stop would lose it: the kernel drops one for the other
        if _stop_ourselves():
            self._stopped_with_us = True
        elif number == signal.SIGTSTP and not self._told_to_stop and has_terminal(self.process):
            os.killpg(self.process, signal.SIGCONT)

    def ended(self) -> None:
        """Take the terminal back, and send nothing to whoever gets its process ID next."""
        if self.process is not None:
            pass_terminal(self.process, os.getpgrp())
        self.process = None


def _stop_ourselves() -> bool:
    """Stop, with all of the shell's job that we are; once continued, whether that happened.

    The kernel knows whether there is a shell: by SIGTSTP it stops no process group that nobody
    above watches, nor PID 1. An init of containers above us it takes for a shell.
    """
    if os.getppid() == 1:
        return False
    os.killpg(0, signal.SIGTSTP)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTSTP})
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTSTP})
    return signal.SIGCONT in signal.sigpending()
