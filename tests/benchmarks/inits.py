"""`selfinspect run` as an init, beside those that Debian has."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.benchmarks.figures import OURS, Row
from tests.benchmarks.peers import NotToBeHad, installed
from tests.benchmarks.processes import numbers
from tests.contract.test_start import PLAIN, archive, keeps_signals
from tests.support.launched import launched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

BARE = "bare python3 -I -S, to its end"
AS_PID_1 = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
ORPHANS = """
import os
for _ in range(50):
    if not os.fork():
        for _ in range(100):
            if not os.fork():
                os._exit(0)
        os._exit(0)
    os.waitpid(-1, 0)
while len(open("/proc/1/task/1/children").read().split()) > 3:
    os.sched_yield()
print(int(open("/proc/1/schedstat").read().split()[0]) / 1e6)
"""


def measured(folder: Path, rounds: int) -> Iterator[Row]:
    """How fast it starts, and what it takes."""
    off = ["run", "--engine", "off", "--"]
    program = {OURS: [launched(folder / "opt"), *off]}
    one_file = {f"{OURS}.pyz": [sys.executable, "-IS", archive(folder), *off]}
    peers, lacks = {}, {}
    for name, words in {"tini": ["-s", "--"], "dumb-init": ["--"]}.items():
        try:
            peers[name] = [installed(name), *words]
        except NotToBeHad as error:
            lacks[name] = str(error)

    every = program | one_file | peers
    for what, unit, times, measure, inits in (
        ("PID 1, exec to blocked signals", "ms", rounds, _until_blocked, every),
        ("PID 1, exec to the command's first byte", "ms", rounds, _until_first_byte, every),
        ("PID 1, memory, resident, beside a command", "MiB", 3, _resident, every),
        # The archive holds no agent: PID 1 would only see it die.
        ("PID 1, CPU for 5,000 orphans", "ms", 3, _orphans, program | peers),
    ):
        calls: dict[str, Callable[[], float]] = {
            name: lambda words=words, measure=measure: measure(words)  # type: ignore[misc]
            for name, words in inits.items()
        }
        if measure in (_until_blocked, _until_first_byte):
            calls[BARE] = _until_exit
        for who, samples in _in_turns(calls, times).items():
            yield Row(what, who, unit, tuple(samples))
        for who, lack in lacks.items():
            yield Row(what, who, unit, lack=lack)


def _in_turns(calls: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            taken[name].append(call())
    return taken


def _until_exit() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-S", "-c", "pass"], env=PLAIN, check=True)
    return (time.perf_counter() - begun) * 1e3


def _until_blocked(init: list[str]) -> float:
    """Milliseconds to the mask, after which no signal is lost."""
    begun = time.perf_counter()
    # Without input `cat` ends by itself: dumb-init may lose a signal that comes so early.
    with subprocess.Popen(
        [*init, "cat"], env=PLAIN, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        while not keeps_signals(process.pid):
            pass
        return (time.perf_counter() - begun) * 1e3


def _until_first_byte(init: list[str]) -> float:
    begun = time.perf_counter()
    command = [*init, "echo", "here"]
    with subprocess.Popen(
        command, env=PLAIN, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        os.read(process.stdout.fileno(), 1)
        return (time.perf_counter() - begun) * 1e3


def _resident(init: list[str]) -> float:
    command = [*init, "sh", "-c", "cat /proc/$PPID/status"]
    ended = subprocess.run(command, env=PLAIN, capture_output=True, text=True, check=True)
    return numbers(ended.stdout)["VmRSS"] / 1024


def _orphans(init: list[str]) -> float:
    """Its start included."""
    command = [*AS_PID_1, *init, sys.executable, "-I", "-S", "-c", ORPHANS]
    return float(subprocess.run(command, env=PLAIN, capture_output=True, check=True).stdout)
