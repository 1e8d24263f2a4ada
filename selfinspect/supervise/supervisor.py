"""The loop of PID 1: signals in, signals out, children reaped, until the command has ended.

What a command leaves behind when it ends: which processes that are, and their end.
"""

from __future__ import annotations

import os
import time

from selfinspect.supervise.agent import ROOM
from selfinspect.supervise.children import NOT_EXECUTABLE, exit_code, start_writer
from selfinspect.supervise.messages import say, suppress
from selfinspect.supervise.prctl import inherit_orphans
from selfinspect.supervise.signals import CATCHABLE, Given, signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from selfinspect.supervise.agent import Agent
    from selfinspect.supervise.command import Command
    from selfinspect.supervise.record import Record
    from selfinspect.supervise.stopping import Stopping

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
        command: what is run.
        agent: what is beside it.
        wait: seconds to hold the command back for the agent at most.
        record: where the run is written down.
        stopping: notes that the container is asked to stop; None for nobody.
        given: the signals' mask and actions that `run` was started with.
        rewrites: which signal is sent for one that comes; 0 for none.
        expected: the command's exit codes that count as 0.
        end_rest: seconds that what the command leaves has to end; 0 leaves it alone.
        tasks: how many tasks the container may have, None where there is no limit.
    """

    def __init__(
        self,
        command: Command,
        agent: Agent,
        wait: float,
        record: Record,
        *,
        stopping: Stopping | None = None,
        given: Given | None = None,
        rewrites: Mapping[int, int] | None = None,
        expected: Collection[int] = (),
        end_rest: float = 0.0,
        tasks: int | None = None,
    ) -> None:
        self._command = command
        self._agent = agent
        self._record = record
        self._stopping = stopping
        self._given = given or Given()
        self._rewrites = rewrites or {}
        self._expected = expected
        self._end_rest = end_rest
        self._crowded = tasks is not None and tasks < ROOM
        self._held: list[int] = []
        self._writer: int | None = None
        self._hold_until = time.monotonic() + wait if wait else None
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
        if self._end_rest:
            process = self._agent.process
            end_rest(self._end_rest, () if process is None else (process,), self._reap)
        self._dismiss_agent()
        return 0 if self._code in self._expected else self._code

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        if self._hold_until is not None and (now >= self._hold_until or self._agent.settled()):
            self._hold_until = None
            self._start_command()
        if self._agent.restart_at is not None and now >= self._agent.restart_at:
            self._agent.start()
        if self._stopping is not None:
            self._stopping.do_what_is_due(now)

    def _until_next(self) -> float:
        """Seconds to sleep at most; a signal wakes us anyway."""
        if self._hold_until is not None:
            # Only while the command is held back: nothing else wakes us for the agent's word.
            return _READINESS_LOOK
        due = (self._agent.restart_at, self._stopping.due() if self._stopping else None)
        left = [each - time.monotonic() for each in due if each is not None]
        return max(0.0, min([*left, _LONGEST_SLEEP]))

    def _handle(self, received: signal.struct_siginfo) -> None:
        number = received.si_signo
        if number == signal.SIGCHLD:
            self._reap()
        elif number == signal.SIGPIPE and received.si_pid == os.getpid():
            pass  # from a standard error nobody reads
        else:
            self._forward(number)

    def _forward(self, number: int) -> None:
        sent = self._rewrites.get(number, number)
        if self._command.process is not None:
            if number not in _HARMLESS:
                self._record.forwarded = number
            if sent:
                self._command.send(sent)
            if self._stopping is not None:
                self._stopping.forwarded(number)
        elif sent in self._given.mask:
            self._held.append(sent)
        elif sent and sent not in _HARMLESS and sent not in self._given.ignored:
            # Held back, the command meets a signal as it would without a handler yet.
            self._code = 128 + sent
            self._killed_by = sent
            self._record.forwarded = number

    def _start_command(self) -> None:
        try:
            self._command.start(self._agent.variables)
        except OSError as error:
            say("start.failed", command=self._command.words[0], error=error.strerror)
            self._code = NOT_EXECUTABLE
        else:
            for number in self._held:
                self._command.send(number)
            if not self._crowded:
                self._write(self._record.begin)

    def _record_end(self, code: int) -> None:
        """Write down how the command ended, once its beginning is."""
        if self._written():
            expected = code in self._expected
            self._write(lambda: self._record.end(code, self._killed_by, expected=expected))
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


_LOOK = 0.02
_LONGEST_KILL = 1.0
_GONE = (b"Z", b"X")
_KERNEL_THREAD = 0x00200000  # PF_KTHREAD of the kernel's sched.h


def end_rest(seconds: float, spared: Collection[int], reap: Callable[[], None]) -> None:
    """Ask what is left to end, and kill what has not ended by then.

    Args:
        seconds: how long it may take.
        spared: processes that are left alone, with all below them.
        reap: takes note of children that have ended.
    """
    until = time.monotonic() + seconds
    asked: set[int] = set()
    while (rest := left(spared)) and time.monotonic() < until + _LONGEST_KILL:
        overdue = time.monotonic() >= until
        for process in rest if overdue else rest - asked:
            # A stopped process would not see that it is to end.
            _send(process, *((signal.SIGKILL,) if overdue else (signal.SIGTERM, signal.SIGCONT)))
        asked |= rest
        signal.sigtimedwait({signal.SIGCHLD}, _LOOK)
        reap()


def left(spared: Collection[int], proc: str = "/proc") -> set[int]:
    """The processes that still run: all others of a PID namespace of our own, else those below us.

    None where this is the `/proc` of another PID namespace, or there is none.

    Args:
        spared: processes to leave out, with all below them.
        proc: where the kernel shows processes.
    """
    ours = os.getpid()
    with suppress(OSError):
        if os.readlink(f"{proc}/self") == str(ours):  # noqa: PTH115
            parents = _parents(proc)
            below = _below(spared, parents).union(spared)
            every = set(parents) if ours == 1 else _below((ours,), parents)
            return every - below - {ours}
    return set()


def _below(roots: Collection[int], parents: dict[int, int]) -> set[int]:
    """The processes whose parent, or parent's parent and so on, is one of the roots."""
    found: set[int] = set()
    generation = set(roots)
    while generation:
        generation = {each for each, parent in parents.items() if parent in generation} - found
        found |= generation
    return found


def _parents(proc: str) -> dict[int, int]:
    """Every process that has not ended, and its parent; of proc_pid_stat(5)."""
    parents = {}
    for name in os.listdir(proc):  # noqa: PTH208 - pathlib would cost PID 1 half a megabyte
        if name.isdecimal():
            with suppress(OSError), open(f"{proc}/{name}/stat", "rb") as file:  # noqa: PTH123
                # The name in parentheses may hold anything.
                state, parent, *others = file.read().rpartition(b") ")[2].split()
                if state not in _GONE and not int(others[4]) & _KERNEL_THREAD:
                    parents[int(name)] = int(parent)
    return parents


def _send(process: int, *numbers: int) -> None:
    with suppress(OSError):
        for number in numbers:
            os.kill(process, number)
