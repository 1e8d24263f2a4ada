"""What processes take, read from /proc."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_TICK = 1000 / os.sysconf("SC_CLK_TCK")
_KIB = 1024
_OF_ENGINE = (b"dockerd", b"containerd", b"containerd-shim")
"""Names as the kernel keeps them: the first 15 bytes."""


class Memory(NamedTuple):
    """MiB of a process: all of it, what is not a file's, and its part of what several share."""

    resident: float
    anonymous: float
    proportional: float


def memory(process: int) -> Memory:
    folder = _PROC / str(process)
    status = numbers((folder / "status").read_text())
    rollup = numbers((folder / "smaps_rollup").read_text())
    kib = (status["VmRSS"], status["RssAnon"], rollup["Pss"])
    return Memory(*(each / _KIB for each in kib))


def numbers(text: str) -> dict[str, int]:
    """The lines of a file of /proc that are a name, a colon and a number."""
    return {name: int(number) for name, number in re.findall(r"(?m)^(\w+):\s+(\d+)", text)}


def cpu(process: int) -> float:
    """Milliseconds of CPU so far.

    The kernel counts all of it in ticks of 10 ms, and that of the threads that still run exactly.
    """
    threads = (text.split() for text in _of_threads(process, "schedstat"))
    return max(_ticks(process, 11), sum(int(spent) for spent, *_ in threads) / 1e6)


def cpu_of_ended(process: int) -> float:
    """Milliseconds of CPU of the children that a process has waited for."""
    return _ticks(process, 13)


def wakeups(process: int) -> int:
    """How often its threads gave up the CPU to wait for something."""
    return sum(numbers(text)["voluntary_ctxt_switches"] for text in _of_threads(process, "status"))


def children(process: int) -> list[int]:
    return [int(each) for text in _of_threads(process, "children") for each in text.split()]


def of_engine(home: Path) -> list[int]:
    """The engine's own, which local-engine.sh marks: daemon, containerd and a shim a container.

    What they run for a moment, runc and the checks, ends at any time; they wait for it, so what it
    took is in theirs of what has ended.
    """
    mark = f"SELFINSPECT_ENGINE={home}".encode()
    return [
        int(each.name)
        for each in _PROC.iterdir()
        if each.name.isdigit()
        and _read(each / "comm").strip() in _OF_ENGINE
        and mark in _read(each / "environ").split(b"\0")
    ]


def agents_of(init: int) -> list[int]:
    """The agent that a `run` started; none while it is not there."""
    return [each for each in children(init) if b"serve" in _words(each)]


def agent_of(init: int) -> int:
    [agent] = agents_of(init)
    return agent


def _words(process: int) -> list[bytes]:
    return _read(_PROC / str(process) / "cmdline").split(b"\0")


def _ticks(process: int, field: int) -> float:
    fields = (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[field]) + int(fields[field + 1])) * _TICK


def _of_threads(process: int, name: str) -> list[str]:
    return [
        text
        for thread in (_PROC / str(process) / "task").iterdir()
        if (text := _read(thread / name).decode())
    ]


def _read(path: Path) -> bytes:
    """A file of a process; empty where that has ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
