"""What a command meets under PID 1, told as JSON; run in a container, under one init or another."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

CATCHABLE = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD})
PATIENCE = 60.0


def forwarded() -> list[int]:
    """Which signals come to us when they are sent to PID 1."""
    signal.pthread_sigmask(signal.SIG_BLOCK, CATCHABLE)
    came = []
    for number in CATCHABLE:
        os.kill(1, number)
        # A last one shows that PID 1 has been at it.
        if number != signal.SIGRTMAX:
            os.kill(1, signal.SIGRTMAX)
        while (heard := signal.sigtimedwait(CATCHABLE, PATIENCE)) is not None:
            if heard.si_signo == signal.SIGRTMAX:
                break
            came.append(heard.si_signo)
    return came


def orphan() -> None:
    """Leave a process that ends at once to whoever inherits it."""
    child = os.fork()
    if not child:
        if not os.fork():
            os.setsid()
        os._exit(0)
    os.waitpid(child, 0)


def zombies() -> int:
    """How many processes have ended and wait for somebody to take note."""
    count = 0
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            count += each.read_text().rpartition(") ")[2].startswith("Z")
        except (FileNotFoundError, ProcessLookupError):
            continue
    return count


def left_of(orphans: int) -> int:
    """The zombies that stay of so many orphans."""
    for _ in range(orphans):
        orphan()
    deadline = time.monotonic() + PATIENCE
    while zombies() and time.monotonic() < deadline:
        time.sleep(0.01)
    return zombies()


if __name__ == "__main__":
    report = json.dumps({"zombies": left_of(1000), "forwarded": forwarded()})
    os.write(1, report.encode())
