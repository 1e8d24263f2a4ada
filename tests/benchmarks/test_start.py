"""Figures of PID 1 beside a bare interpreter's and other inits'; run with `-m benchmark -s`."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.test_agent import report
from tests.contract.test_start import PLAIN, archive, keeps_signals
from tests.support.launched import launched

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

ROUNDS = 25
BARE = [sys.executable, "-I", "-S", "-c", "pass"]
OFF = ["run", "--engine", "off", "--"]
AS_PID_1 = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


@pytest.fixture(scope="module")
def inits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The command line of each init, up to the command."""
    folder = tmp_path_factory.mktemp("opt")
    ours = {
        "selfinspect run": [launched(folder / "selfinspect"), *OFF],
        "selfinspect.pyz run": [sys.executable, "-IS", archive(folder), *OFF],
    }
    peers = {"tini": ["tini", "-s", "--"], "dumb-init": ["dumb-init", "--"]}
    return ours | {name: words for name, words in peers.items() if shutil.which(name)}


def until_exit(command: list[str]) -> float:
    """Milliseconds from exec to the end."""
    begun = time.perf_counter()
    subprocess.run(command, env=PLAIN, check=True)
    return (time.perf_counter() - begun) * 1e3


def until_blocked(init: list[str]) -> float:
    """Milliseconds from exec to the mask, after which no signal is lost."""
    begun = time.perf_counter()
    # Without input `cat` ends by itself: dumb-init may lose a signal that comes so early.
    with subprocess.Popen([*init, "cat"], env=PLAIN, stdin=subprocess.PIPE) as process:
        while not keeps_signals(process.pid):
            pass
        return (time.perf_counter() - begun) * 1e3


def until_first_byte(init: list[str]) -> float:
    """Milliseconds from exec to the command's first byte."""
    begun = time.perf_counter()
    command = [*init, "echo", "here"]
    with subprocess.Popen(command, env=PLAIN, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        os.read(process.stdout.fileno(), 1)
        return (time.perf_counter() - begun) * 1e3


def in_turns(measured: Mapping[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, float]:
    """Medians, taken in turns so that a slow moment hits all alike."""
    taken: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(rounds):
        for name, measure in measured.items():
            taken[name].append(measure())
    return {name: round(statistics.median(each), 1) for name, each in taken.items()}


def beside_bare(
    measure: Callable[[list[str]], float], inits: Mapping[str, list[str]]
) -> dict[str, float]:
    """The same of each init and of a bare interpreter from exec to exit."""
    by_name = {name: lambda words=words: measure(words) for name, words in inits.items()}
    return in_turns({"bare python3 -I -S": lambda: until_exit(BARE), **by_name})


def test_no_signal_is_lost_from_when_on(inits: dict[str, list[str]]) -> None:
    """Milliseconds from exec to the mask; ours is to be 1.5 times the bare one at most."""
    report("ms from exec to blocked signals", beside_bare(until_blocked, inits))


def test_the_commands_first_byte(inits: dict[str, list[str]]) -> None:
    """Milliseconds; ours is to be 3 times the bare interpreter's start at most."""
    report("ms from exec to the command's first byte", beside_bare(until_first_byte, inits))


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


@pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace needs root")
def test_the_cost_of_orphans(inits: dict[str, list[str]]) -> None:
    """Milliseconds of CPU of PID 1, its start included, where a command leaves 5,000 of them."""

    def cpu(init: list[str]) -> float:
        command = [*AS_PID_1, *init, sys.executable, "-I", "-S", "-c", ORPHANS]
        ended = subprocess.run(command, env=PLAIN, stdout=subprocess.PIPE, check=True)
        return float(ended.stdout)

    # The archive holds no agent: PID 1 would only see it die.
    chosen = {name: words for name, words in inits.items() if "pyz" not in name}
    measured = {name: lambda words=words: cpu(words) for name, words in chosen.items()}
    report("ms of CPU for 5,000 orphans", in_turns(measured, rounds=3))


def test_the_memory_of_pid_1(inits: dict[str, list[str]]) -> None:
    """MiB resident once the command runs; ours is to be 11 at most."""
    shown = ["sh", "-c", "grep VmRSS /proc/$PPID/status"]

    def resident(init: list[str]) -> float:
        ended = subprocess.run([*init, *shown], env=PLAIN, capture_output=True, check=True)
        return int(ended.stdout.split()[1]) / 1024

    measured = {name: lambda words=words: resident(words) for name, words in inits.items()}
    report("MiB resident of PID 1", in_turns(measured, rounds=3))
