"""The first milliseconds of `selfinspect run`: what comes before the command is there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

from tests.support.launched import ROOT, launched

if TYPE_CHECKING:
    from collections.abc import Sequence

QUIET = ["--listen", "127.0.0.1:0", "--metrics-listen", "off", "--engine", "off"]

# The environment without coverage's hook: it loads into PID 1 what a user's never does.
OF_THE_TESTS = ("COV", "PYTHONDONTWRITEBYTECODE")
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith(OF_THE_TESTS)}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program by the image's launcher."""
    return launched(tmp_path_factory.mktemp("opt") / "selfinspect")


def archive(folder: Path) -> str:
    """What of selfinspect.pyz PID 1 needs."""
    path = folder / "selfinspect.pyz"
    with ZipFile(path, "w") as file:
        file.write(ROOT / "deploy" / "pyz_main.py", "__main__.py")
        for module in (ROOT / "selfinspect").rglob("*.py"):
            file.write(module, module.relative_to(ROOT))
    return str(path)


def keeps_signals(process: int) -> bool:
    """Whether an init blocks any signal, or takes them already, as one with a command does."""
    status = Path(f"/proc/{process}/status").read_text().splitlines()
    blocks = any(line.startswith("SigBlk:") and int(line.split()[1], 16) for line in status)
    # While signals are waited for, the kernel does not show them as blocked.
    return blocks or bool(Path(f"/proc/{process}/task/{process}/children").read_text())


def stopped_at_once(run: Sequence[str], number: int) -> tuple[int, bool]:
    """The exit code of a run that gets a signal as soon as it blocks any; whether it fell over it.

    Where the machine held this test up the agent has begun by then, and writes of itself.
    """
    with subprocess.Popen(
        [*run, "run", *QUIET, "--", "sleep", "1000"], env=PLAIN, stderr=subprocess.PIPE
    ) as process:
        while not keeps_signals(process.pid):
            assert process.poll() is None
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    return process.returncode, b"KeyboardInterrupt" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_before_the_command_is_there_reaches_it(program: str, number: int) -> None:
    """From the first statement on none is lost, and none leaves a traceback."""
    ends = [stopped_at_once([program], number) for _ in range(20)]
    assert ends == [(128 + number, False)] * 20


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_one_file_takes_signals_as_early(tmp_path: Path, number: int) -> None:
    """Its first statement comes after the interpreter has opened the archive."""
    run = [sys.executable, "-IS", archive(tmp_path)]
    assert [stopped_at_once(run, number) for _ in range(3)] == [(128 + number, False)] * 3


def loaded(*command: str) -> list[str]:
    """The modules that a program loads, in their order, less those of the agent it starts."""
    environ = {**PLAIN, "PYTHONPROFILEIMPORTTIME": "1"}
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    lines = [line for line in ended.stderr.splitlines() if line.startswith("import time:")]
    modules = [line.rpartition("|")[2].strip() for line in lines]
    first = modules[1:].index("imported package") + 1 if "imported package" in modules[1:] else None
    return modules[1:first]


def test_nothing_is_loaded_before_the_signals_wait(tmp_path: Path) -> None:
    """The launcher's first module, once the interpreter is up, comes after they are blocked."""
    launcher = (ROOT / "deploy" / "launcher.py").read_text()
    head, _, _ = launcher.partition("import sys")
    first = tmp_path / "first.py"
    first.write_text(head)
    importing = [sys.executable, "-IS", "-X", "importtime"]
    bare = loaded(*importing, "-c", "pass")
    assert loaded(*importing, str(first)) == bare
    assert "signal" not in bare


def test_pid_1_loads_nothing_that_it_can_do_without(program: str) -> None:
    """What costs milliseconds each: the command's first byte waits for all of it."""
    python = str(Path(program).with_name("python3"))
    modules = loaded(
        python, "-IS", "-X", "importtime", program, "run", *QUIET[2:], "--", "true"
    )  # fmt: skip
    assert "selfinspect.supervise.run" in modules
    slow = {"collections", "contextlib", "ctypes", "enum", "functools", "ipaddress", "pathlib"}
    slow |= {"re", "selectors", "signal", "site", "socket", "typing", "warnings"}
    assert not slow & set(modules)
