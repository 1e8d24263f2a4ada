"""What a command leaves behind when it ends: which processes that are, and their end."""

from __future__ import annotations

import os
import time

from selfinspect.supervise.signals import signal
from selfinspect.supervise.suppress import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

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
