"""How the agent is started: what reads its options, and what it loads."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LOADED = """
import atexit, json, os, sys
from selfinspect.__main__ import main
own = os.getpid()
def show():
    if os.getpid() == own:
        print(json.dumps(sorted(sys.modules)), file=sys.stderr)
atexit.register(show)
sys.argv = ["selfinspect", "serve", *sys.argv[1:]]
sys.exit(main())
"""

WITHOUT_A_CHILD = """
import os, sys
from selfinspect.__main__ import main
def fork():
    raise BlockingIOError(11, "Resource temporarily unavailable")
os.fork = fork
sys.argv = ["selfinspect", "serve", *sys.argv[1:]]
sys.exit(main())
"""

KILLED = """
import os, sys
from selfinspect.agent import main
sys.exit(main({}, lambda serve: os.kill(os.getpid(), 9)))
"""

KILLED_IN_BETWEEN = """
import os, sys
from selfinspect.agent import main
def read(serve):
    serve("the settings, as far as they came")
    os.kill(os.getpid(), 9)
sys.exit(main({}, read))
"""

IGNORING = """
import signal, sys
from selfinspect.__main__ import main
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
sys.argv = ["selfinspect", "serve", *sys.argv[1:]]
sys.exit(main())
"""

WITHOUT_ITS_LIBRARIES = """
import sys
from selfinspect.agent import main
sys.modules["selfinspect.agent.process"] = None
sys.exit(main({}, lambda serve: serve("settings" * 1_000_000)))
"""

DESCRIPTORS = """
import os, sys
from selfinspect.agent import main
def fork():
    raise BlockingIOError(11, "Resource temporarily unavailable")
def opened(*_):
    return len(os.listdir("/proc/self/fd"))
os.fork = fork
before = opened()
sys.exit(main({}, opened) - before)
"""


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _loaded(*arguments: str) -> set[str]:
    done = _run(LOADED, *arguments, "--help")
    assert done.returncode == 0
    return set(json.loads(done.stderr))


@pytest.mark.parametrize(
    "needless",
    [
        {"click"},
        {"ssl", "_ssl", "_hashlib"},
        {"bz2", "idna", "lzma", "zipfile"},
        {"charset_normalizer.api", "chardet.universaldetector"},
    ],
    ids=min,
)
def test_an_agent_loads_nothing_that_it_does_not_use(needless: set[str]) -> None:
    """Each takes its part of a MiB or more of every container; libraries would load them."""
    loaded = _loaded()
    assert "requests" in loaded
    assert not needless & loaded


def test_an_agent_with_a_certificate_loads_ssl_first() -> None:
    """The event loop's library looks for it when it is loaded."""
    assert "ssl" in _loaded("--tls-cert", "cert.pem")


def test_options_are_read_without_a_child_where_there_can_be_none() -> None:
    """A container may have no task to spare; the error is the same."""
    done = _run(WITHOUT_A_CHILD, "--listen", "nowhere")
    assert done.returncode == 2
    assert done.stderr.startswith("selfinspect serve: error: Invalid value for '--listen'")


def test_an_option_that_cannot_be_used_is_one_line() -> None:
    """It is found once all is loaded, by another process than the one that reads options."""
    done = _run(LOADED, "--engine=off", "--tls-cert=/none", "--tls-key=/none")
    error, _ = done.stderr.splitlines()
    assert (error, done.returncode) == (
        "selfinspect serve: error: --tls-cert /none: No such file or directory",
        2,
    )


def test_a_reader_that_was_killed_ends_the_start() -> None:
    """With the exit code that a shell would give it: there are no settings to go on with."""
    assert _run(KILLED).returncode == 128 + 9


def test_a_reader_that_was_killed_in_between_ends_the_start() -> None:
    """What it handed over may be half of the settings."""
    assert _run(KILLED_IN_BETWEEN).returncode == 128 + 9


def test_an_agent_starts_where_the_end_of_children_is_ignored() -> None:
    """As a process inherits it; the kernel then keeps no exit code of a child."""
    done = _run(IGNORING, "--listen", "nowhere")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_reader_does_not_outlive_the_agent() -> None:
    """Settings may be larger than a pipe, and nobody be left to read them."""
    command = [sys.executable, "-c", WITHOUT_ITS_LIBRARIES]
    # Ends once no process has the output any more, the reader included.
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "ModuleNotFoundError" in done.stderr


def test_nothing_stays_open_where_there_can_be_no_child() -> None:
    """An agent runs for months with what it opened at its start."""
    assert _run(DESCRIPTORS).returncode == 0
