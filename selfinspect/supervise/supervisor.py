"""The loop of PID 1: signals in, signals out, children reaped, until the command has ended."""

from __future__ import annotations

import os
import time

from selfinspect.supervise.agent import ROOM
from selfinspect.supervise.children import (
    NOT_EXECUTABLE,
    end_rest,
    exit_code,
    inherit_orphans,
    start_writer,
)
from selfinspect.supervise.handover import MEMORY_SHORT, MEMORY_UNSUPPORTED
from selfinspect.supervise.messages import say
from selfinspect.supervise.signals import CATCHABLE, signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from selfinspect.supervise.agent import AgentProcess
    from selfinspect.supervise.arguments import Arguments
    from selfinspect.supervise.command import Command
    from selfinspect.supervise.record import Record
    from selfinspect.supervise.signals import Given
    from selfinspect.supervise.stopping import StopNotice

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


class Supervisor:
    """A command, the agent beside it, and what passes between them and the world.

    Args:
        options: how long to wait for the agent and for what the command leaves, which signals are
            rewritten, which exit codes count as 0.
        command: what is run.
        agent: what is beside it.
        record: where the run is written down.
        stop: notes that the container is asked to stop.
        given: the signals' mask and actions that `run` was started with.
        tasks: how many tasks the container may have, None where there is no limit.
    """

    def __init__(
        self,
        options: Arguments,
        command: Command,
        agent: AgentProcess,
        record: Record,
        stop: StopNotice,
        *,
        given: Given,
        tasks: int | None,
    ) -> None:
        self._options = options
        self._command = command
        self._agent = agent
        self._record = record
        self._stop = stop
        self._given = given
        self._crowded = tasks is not None and tasks < ROOM
        self._unsupported_said = False
        self._held: list[int] = []
        self._writer: int | None = None
        self._hold_until = time.monotonic() + options.wait if options.wait else None
        self._code: int | None = None
        self._killed_by: int | None = None

    def run(self) -> int:
        """Run the command to its end and return the exit code; signals must be blocked."""
        inherit_orphans()
        if self._hold_until is None:
            self._start_command()
        if self._crowded:
            self._agent.give_up("the container's limit of tasks leaves no room for it")
        else:
            self._agent.start()
        while self._code is None:
            self._do_what_is_due()
            received = signal.sigtimedwait(CATCHABLE, self._until_next())
            if received is not None:
                self._handle(received)
        self._record_end(self._code)
        if self._options.end_rest:
            process = self._agent.process
            end_rest(self._options.end_rest, () if process is None else (process,), self._reap)
        self._dismiss_agent()
        return 0 if self._code in self._options.expected else self._code

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        if self._hold_until is not None and (now >= self._hold_until or self._agent.settled()):
            self._hold_until = None
            self._start_command()
        if self._agent.restart_at is not None and now >= self._agent.restart_at:
            self._agent.start()
        self._stop.do_what_is_due(now)

    def _until_next(self) -> float:
        """Seconds to sleep at most; a signal wakes us anyway."""
        if self._hold_until is not None:
            # Only while the command is held back: nothing wakes us when the agent is ready.
            return _READINESS_LOOK
        due = (self._agent.restart_at, self._stop.due())
        left = [each - time.monotonic() for each in due if each is not None]
        return max(0.0, min([*left, _LONGEST_SLEEP]))

    def _handle(self, received: signal.struct_siginfo) -> None:
        number = received.si_signo
        if number == signal.SIGCHLD:
            self._reap()
        elif number == signal.SIGPIPE and received.si_pid == os.getpid():
            pass  # from a standard error nobody reads
        elif number == signal.SIGIO and received.si_code > 0:
            self._hear_of_memory()  # the kernel's, for a word of the agent
        else:
            self._forward(number)

    def _hear_of_memory(self) -> None:
        notice = self._agent.memory_notice()
        if notice == MEMORY_SHORT:
            self._command.memory_is_short()
        elif notice == MEMORY_UNSUPPORTED and not self._unsupported_said:
            self._unsupported_said = True
            reason = "no notice of short memory: it needs cgroup v2 and its memory.events"
            say("on-memory.unsupported", reason=reason)

    def _forward(self, number: int) -> None:
        sent = self._options.rewrites.get(number, number)
        if self._command.process is not None:
            if number not in _HARMLESS:
                self._record.forwarded = number
            if sent:
                self._command.send(sent)
            self._stop.forwarded(number)
        elif sent in self._given.mask:
            self._held.append(sent)
        elif sent and sent not in _HARMLESS and sent not in self._given.ignored:
            # Held back, the command meets a signal as it would without a handler yet.
            self._code = 128 + sent
            self._killed_by = sent
            self._record.forwarded = number

    def _start_command(self) -> None:
        try:
            self._command.start(self._agent.variables, self._agent.left_out)
        except OSError as error:
            say("start.failed", command=self._command.words[0], error=error.strerror)
            self._code = NOT_EXECUTABLE
        else:
            for number in self._held:
                self._command.send(number)
            if not self._crowded:
                self._writer = start_writer(self._record.begin)

    def _record_end(self, code: int) -> None:
        """Write down how the command ended, once its beginning is."""
        if self._written():
            expected = code in self._options.expected
            self._writer = start_writer(
                lambda: self._record.end(code, self._killed_by, expected=expected)
            )
            self._written()
        if self._writer is not None:
            os.kill(self._writer, signal.SIGKILL)

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
