"""The loop of PID 1: signals in, signals out, children reaped, until the command has ended."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from selfinspect.supervise.children import CATCHABLE, NOT_EXECUTABLE, exit_code, start_writer
from selfinspect.supervise.messages import say
from selfinspect.supervise.prctl import inherit_orphans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from selfinspect.supervise.agent import Agent
    from selfinspect.supervise.command import Command
    from selfinspect.supervise.record import Record

_HARMLESS = {
    signal.SIGCHLD,
    signal.SIGCONT,
    signal.SIGURG,
    signal.SIGWINCH,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
}
_READINESS_LOOK = 0.01
_LONGEST_SLEEP = 3600.0
_FAREWELL = 0.2
_LONGEST_WRITE = 3.0


def block_signals() -> None:
    """Let signals wait until `Supervisor.run` takes them, one by one and with no handler.

    A blocked signal is kept even for PID 1, to which the kernel delivers none that it has
    not asked for, while a fault of our own still ends us instead of coming round for ever.
    """
    # Inherited as ignored it would have the kernel reap our children, exit codes and all.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, CATCHABLE)


class Supervisor:
    """A command, the agent beside it, and what passes between them and the world."""

    def __init__(self, command: Command, agent: Agent, wait: float, record: Record) -> None:
        self._command = command
        self._agent = agent
        self._record = record
        self._writer: int | None = None
        self._hold_until = time.monotonic() + wait if wait else None
        self._code: int | None = None
        self._killed_by: int | None = None

    def run(self) -> int:
        """Run the command to its end and give the exit code; signals must be blocked."""
        inherit_orphans()
        if self._hold_until is None:
            self._start_command()
        self._agent.start()
        while self._code is None:
            self._do_what_is_due()
            received = signal.sigtimedwait(CATCHABLE, self._until_next())
            if received is not None:
                self._handle(received)
        self._record_end(self._code)
        self._dismiss_agent()
        return self._code

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        if self._hold_until is not None and (now >= self._hold_until or self._agent.settled()):
            self._hold_until = None
            self._start_command()
        if self._agent.restart_at is not None and now >= self._agent.restart_at:
            self._agent.start()

    def _until_next(self) -> float:
        """Seconds to sleep at most; a signal wakes us anyway."""
        if self._hold_until is not None:
            # Only while the command is held back: nothing else wakes us for the agent's word.
            return _READINESS_LOOK
        if self._agent.restart_at is not None:
            return max(0.0, self._agent.restart_at - time.monotonic())
        return _LONGEST_SLEEP

    def _handle(self, received: signal.struct_siginfo) -> None:
        number = received.si_signo
        if number == signal.SIGCHLD:
            self._reap()
        elif received.si_pid == os.getpid():
            pass  # our own SIGPIPE, from a standard error nobody reads
        elif self._command.process is not None:
            self._command.send(number)
            if number not in _HARMLESS:
                self._record.forwarded = number
        elif number not in _HARMLESS:
            # Held back, the command meets a signal as it would without a handler yet.
            self._code = 128 + number
            self._killed_by = self._record.forwarded = number

    def _start_command(self) -> None:
        try:
            self._command.start(self._agent.variables)
        except OSError as error:
            say("start.failed", command=self._command.words[0], error=error.strerror)
            self._code = NOT_EXECUTABLE
        else:
            self._write(self._record.begin)

    def _record_end(self, code: int) -> None:
        """Write down how the command ended, once its beginning is."""
        if self._written():
            self._write(lambda: self._record.end(code, self._killed_by))
            self._written()
        if self._writer is not None:
            os.kill(self._writer, signal.SIGKILL)

    def _write(self, write: Callable[[], None]) -> None:
        """Have a process of its own write: a disk that hangs is not to hold us up."""
        with suppress(OSError):
            self._writer = start_writer(write)

    def _written(self) -> bool:
        return self._reaped(lambda: self._writer is None, _LONGEST_WRITE)

    def _reap(self) -> None:
        """Reap every child that has ended, our own and the orphans we inherit."""
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return
            if process == 0:
                return
            if os.WIFSTOPPED(status):
                if process == self._command.process:
                    self._command.stopped(os.WSTOPSIG(status))
            elif process == self._command.process:
                self._command.ended()
                self._code = exit_code(status)
                self._killed_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
            elif process == self._agent.process:
                self._agent.ended(status)
            elif process == self._writer:
                self._writer = None

    def _dismiss_agent(self) -> None:
        self._agent.dismiss()
        if not self._reaped(lambda: self._agent.process is None, _FAREWELL):
            self._agent.kill(signal.SIGKILL)

    def _reaped(self, gone: Callable[[], bool], seconds: float) -> bool:
        """Whether a child is gone, which is waited for so long at most."""
        until = time.monotonic() + seconds
        while not gone():
            left = until - time.monotonic()
            if left <= 0:
                return False
            if signal.sigtimedwait({signal.SIGCHLD}, left):
                self._reap()
        return True
