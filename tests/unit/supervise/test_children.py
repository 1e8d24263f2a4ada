"""What the two children own, and who else becomes a child."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from selfinspect.supervise.children import exit_code

ON_A_TERMINAL = """
import os, sys
os.login_tty(0)
print("before", os.getpgrp() == os.tcgetpgrp(0), flush=True)
from selfinspect.supervise.run import run
options = ["--listen", "127.0.0.1:0", "--metrics-listen", "off"]
agent = ["sh", "-c", "exec sleep 1h"]
code = run([*options, "--", *sys.argv[1:]], os.environ, agent, "/dev/null/uri")
print("after", os.getpgrp() == os.tcgetpgrp(0), code, flush=True)
"""

COMMAND = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
print("command", os.getpgrp() == os.getpid() == os.tcgetpgrp(0), flush=True)
signal.sigwait([signal.SIGINT])
os._exit(8)
"""


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -34 $$", 162)]
)
def test_exit_codes_are_a_shells(script: str, code: int) -> None:
    """An exit code stays, a signal is added to 128."""
    _, status = os.waitpid(os.posix_spawnp("sh", ["sh", "-c", script], os.environ), 0)
    assert exit_code(status) == code


def test_the_command_is_in_the_terminals_foreground() -> None:
    """The command gets the keyboard's signals, and the terminal goes back when it has ended."""
    ours, theirs = os.openpty()
    with (
        open(ours, "r+b", buffering=0) as keyboard,  # noqa: PTH123
        subprocess.Popen(
            [sys.executable, "-c", ON_A_TERMINAL, sys.executable, "-c", COMMAND],
            stdin=theirs,
        ),
    ):
        os.close(theirs)
        screen = b""
        while b"command" not in screen or not screen.endswith(b"\n"):
            screen += keyboard.read(1024)
        keyboard.write(b"\x03")
        while b"after" not in screen or not screen.endswith(b"\n"):
            screen += keyboard.read(1024)
        lines = screen.decode().split("\r\n")
        assert lines == ["before True", "command True", "^Cafter True 8", ""]


def test_a_command_whose_environment_would_be_too_large_starts_without_the_rest() -> None:
    """What was offered is left out and named, and what the container has stays."""
    script = """
import os, sys
from selfinspect.supervise.children import start_command
from selfinspect.supervise.signals import Given
optional = {"OFFERED": "x" * 200_000, "KEPT": "other"}
command = ["sh", "-c", "echo ${OFFERED-unset} $KEPT $CHANGED"]
started = start_command(command, {"CHANGED": "yes"}, Given(), optional=optional)
os.waitpid(started, 0)
"""
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "KEPT": "mine"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "unset mine yes\n"
    assert ended.stderr == "selfinspect run: start.too-large left_out=OFFERED,KEPT\n"


ORPHANED = """
import os
from selfinspect.supervise.children import inherit_orphans
inherit_orphans()
ours, theirs = os.pipe()
if not os.fork():
    if not os.fork():
        os.read(ours, 1)
    os._exit(0)
os.wait()
os.write(theirs, b"x")
os.wait()  # were it another's child, there would be none to wait for
"""


def test_an_orphan_below_us_becomes_our_child() -> None:
    """Also where we are not PID 1."""
    subprocess.run([sys.executable, "-c", ORPHANED], check=True)
