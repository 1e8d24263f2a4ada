"""The app: its process, the signals it gets, and the terminal it shares with a shell."""

from __future__ import annotations

import os
import time

from selfinspect.supervise.children import has_terminal, pass_terminal, start_command
from selfinspect.supervise.messages import say, suppress
from selfinspect.supervise.signals import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.supervise.arguments import Arguments
    from selfinspect.supervise.signals import Given
    from selfinspect.supervise.users import User

_BETWEEN_MEMORY_SIGNALS = 60.0
_STOPS = {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}


class Command:
    """The app that `run` was started for.

    Args:
        options: its words, which of the agent's variables it gets, whether signals go to its whole
            process group, and which one says that memory is short.
        changes: what its environment has that ours has not; None takes a variable away.
        given: the signals' mask and actions to start with.
        user: the user it runs as, None for ours.
        sizes: further variables, of the set `size`.

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
        sizes: Mapping[str, str],
    ) -> None:
        self.process: int | None = None
        self.words = options.command
        self._exports = options.exports
        self._whole_group = options.signal_group
        self._changes = changes
        self._given = given
        self._user = user
        self._sizes = sizes
        self._on_memory = options.on_memory
        self._memory_due = 0.0
        self._asked_to_stop = False
        self._stopped_with_us = False

    def start(self, variables: Mapping[str, str], left_out: Mapping[str, str]) -> None:
        """Start it, with those variables of the agent's that are wanted.

        Args:
            variables: the agent's.
            left_out: why others are left out, by name.

        Raises:
            OSError: no process can be made.
        """
        added: Mapping[str, str] = {}
        if self._exports:
            offered = {**self._sizes, **self._exports.admitted(variables, os.environ)}
            added, missing = self._exports.fitting(offered, left_out)
            for reason in dict.fromkeys(missing.values()):
                names = ",".join(name for name in missing if missing[name] == reason)
                say("export.left-out", variables=names, reason=reason)
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

    def send_caught(self, number: int, event: str) -> None:
        """Send it a signal that would end it without a handler; else log the event and why not."""
        if self._catches(number):
            self.send(number)
        else:
            say(event, signal=number, reason="the command does not catch it")

    def memory_is_short(self) -> None:
        """Send the signal of `--on-memory`, at most one a minute."""
        now = time.monotonic()
        if self.process and self._on_memory is not None and now >= self._memory_due:
            self._memory_due = now + _BETWEEN_MEMORY_SIGNALS
            self.send_caught(self._on_memory, "on-memory.not-sent")

    def _catches(self, number: int) -> bool:
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
