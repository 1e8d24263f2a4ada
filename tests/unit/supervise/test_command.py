"""The command, its signals, and the terminal it shares with a shell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.supervise.conftest import Supervise

RUN = """
import os, sys
from selfinspect.supervise.run import run
options = ["--listen", "127.0.0.1:0", "--metrics-listen", "off"]
sys.exit(run([*options, "--", *sys.argv[1:]], os.environ, ["sleep", "1h"], "/dev/null/uri"))
"""

COMMAND = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGCONT])
print("up", os.tcgetpgrp(0) == os.getpgrp(), flush=True)
signal.sigwait([signal.SIGCONT])
print("back", os.tcgetpgrp(0) == os.getpgrp(), flush=True)
signal.sigwait([signal.SIGINT])
os._exit(8)
"""

IN_A_SHELL = """
import os, signal, sys
os.login_tty(0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if not job:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.executable, [sys.executable, "-c", *sys.argv[1:]])
status = os.waitpid(job, os.WUNTRACED)[1]
os.tcsetpgrp(0, os.getpgrp())
print("stopped", os.WIFSTOPPED(status), flush=True)
os.tcsetpgrp(0, job)
os.killpg(job, signal.SIGCONT)
print("ended", os.waitstatus_to_exitcode(os.waitpid(job, 0)[1]), flush=True)
"""

ALONE = """
import os, sys
os.login_tty(0)
os.execv(sys.executable, [sys.executable, "-c", *sys.argv[1:]])
"""


def stopped_child(process: int) -> bool:
    """Whether a child of a process is stopped."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    stats = (Path(f"/proc/{child}/stat").read_text() for child in children)
    return any(stat.rpartition(") ")[2].startswith("T") for stat in stats)


class Terminal:
    """A keyboard and a screen, and the program they belong to."""

    def __init__(self, end: BinaryIO, program: subprocess.Popen[bytes]) -> None:
        self._end = end
        self._screen = b""
        self.program = program

    def press(self, key: bytes) -> None:
        self._end.write(key)

    def shows(self, text: str) -> None:
        """Wait for a line."""
        while f"{text}\r\n" not in self._screen.decode():
            chunk = self._end.read(1024)
            assert chunk, self._screen
            self._screen += chunk


@contextmanager
def terminal(script: str, *words: str) -> Iterator[Terminal]:
    ours, theirs = os.openpty()
    command = [sys.executable, "-c", script, RUN, *words]
    with (
        open(ours, "r+b", buffering=0) as end,  # noqa: PTH123
        subprocess.Popen(command, stdin=theirs) as program,
    ):
        os.close(theirs)
        yield Terminal(end, program)


def test_a_shell_stops_the_job_and_brings_it_back() -> None:
    """^Z stops us with the command, so that the shell sees it; fg brings its whole group back."""
    script = 'trap : INT; "$@"; exit $?'
    with terminal(IN_A_SHELL, "sh", "-c", script, "sh", sys.executable, "-c", COMMAND) as shell:
        shell.shows("up True")
        shell.press(b"\x1a")
        shell.shows("stopped True")
        shell.shows("back True")
        shell.press(b"\x03")
        shell.shows("ended 8")


def test_where_there_is_no_shell_the_command_goes_on() -> None:
    """^Z is undone where nobody could undo it, as in a container's terminal."""
    with terminal(ALONE, sys.executable, "-c", COMMAND) as alone:
        alone.shows("up True")
        alone.press(b"\x1a")
        alone.shows("back True")
        alone.press(b"\x03")
        assert alone.program.wait() == 8


def test_a_stop_that_was_sent_stays() -> None:
    """Whoever sends us SIGTSTP means the command to stop, until they send SIGCONT."""
    with terminal(ALONE, sys.executable, "-c", COMMAND) as alone:
        alone.shows("up True")
        alone.program.send_signal(signal.SIGTSTP)
        while not stopped_child(alone.program.pid):
            time.sleep(0.01)
        alone.program.send_signal(signal.SIGCONT)
        alone.shows("back True")
        alone.press(b"\x03")
        assert alone.program.wait() == 8


WITH_A_CHILD = """
trap 'wait; echo parent' USR1
sh -c 'trap "echo child; exit" USR1; echo up; while :; do sleep 0.05; done' &
wait; wait
"""


@pytest.mark.parametrize("option", ["-g", "--signal-group"])
def test_signals_go_to_the_whole_group_where_that_is_asked_for(
    supervise: Supervise, option: str
) -> None:
    """As `tini -g`: the command's children in its process group get them, too."""
    run = supervise("sh", "-c", WITH_A_CHILD, options=[option])
    assert run.line() == "up"
    run.send(signal.SIGUSR1)
    assert run.rest() == ["child", "parent"]


def test_signals_go_to_the_command_alone(supervise: Supervise) -> None:
    """Its children in the same process group are its own business."""
    script = """
    trap 'echo parent; kill -KILL $!' USR1
    sh -c 'trap "echo child" USR1; echo up; while :; do sleep 0.05; done' &
    wait; wait
    """
    run = supervise("sh", "-c", script)
    assert run.line() == "up"
    run.send(signal.SIGUSR1)
    assert run.rest() == ["parent"]
