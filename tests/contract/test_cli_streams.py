"""The command line's streams: closed, full, broken, interrupted, a terminal, a shell's."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.contract.conftest import HAS_OWN_RUN, PATIENCE, PROGRAM, environment
from tests.support.canned_engine import Answer
from tests.support.container_root import container_root
from tests.unit.engine.inspect.test_frames import frame

if TYPE_CHECKING:
    from selfinspect.model import Json
    from tests.contract.conftest import Agent
    from tests.support.canned_engine import CannedEngine


@pytest.mark.parametrize(
    "words",
    [
        ("version",),
        ("--help",),
        ("id", "--help"),
        ("run", "--help"),
        ("id", "--json", "--engine=off"),
        ("doctor", "--engine=off"),
        ("logs",),
    ],
    ids=" ".join,
)
def test_a_reader_that_has_enough_ends_it(
    words: tuple[str, ...], here: tuple[str, ...], engine: CannedEngine, inspect: dict[str, Json]
) -> None:
    """As it ends any other program: without a word, and a shell sees SIGPIPE."""
    engine.answers[f"/containers/{inspect['Id']}/logs"] = Answer(body=frame(1, b"one\n") * 20_000)
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        ended = subprocess.run(
            [*PROGRAM, *words, *(here[:2] if words == ("logs",) else ())],
            env=environment(),
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (0 if words[0] == "run" else 141, b"")


@pytest.mark.parametrize("words", [("version",), ("--help",), ("id", "--json", "--engine=off")])
def test_a_full_disk_is_reported(words: tuple[str, ...]) -> None:
    """On one line: what was printed is not all there."""
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [*PROGRAM, *words], env=environment(), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert ended.returncode == 1
    assert ended.stderr == b"selfinspect: error: cannot write: No space left on device\n"


@pytest.mark.parametrize(
    ("redirection", "code"), [("<&-", 0), (">&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 0)]
)
def test_a_closed_stream_harms_nothing(redirection: str, code: int) -> None:
    """What would be written to it goes nowhere, and not into another."""
    script = f'"$@" {redirection}'
    ended = subprocess.run(
        ["sh", "-c", script, "sh", *PROGRAM, "version"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (code, "")
    assert ended.stdout.startswith("selfinspect ") is (">&-" not in redirection.split())


def test_a_closed_standard_error_does_not_answer() -> None:
    """A message is never taken for an answer."""
    ended = subprocess.run(
        ["sh", "-c", '"$@" 2>&-', "sh", *PROGRAM, "nope"],
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, b"")


def test_what_cannot_be_encoded_is_escaped(tmp_path: Path) -> None:
    """As where the locale knows ASCII alone."""
    root = container_root(tmp_path / "root", container="a1b2c3d4" * 8, hostname="bücher")
    ended = subprocess.run(
        [*PROGRAM, "show", "hostname", "--engine=off", f"--root={root}"],
        env=environment({"PYTHONIOENCODING": "ascii"}),
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, rb"b\xfccher" + b"\n", b"")


@pytest.mark.parametrize(
    "words",
    [("logs", "--follow"), ("events", "--follow"), ("stats", "--follow", "--json")],
    ids=" ".join,
)
@pytest.mark.parametrize("beside", [True, False], ids=["an agent", "no agent"])
def test_an_interrupt_ends_what_follows(
    request: pytest.FixtureRequest,
    here: tuple[str, ...],
    engine: CannedEngine,
    words: tuple[str, ...],
    *,
    beside: bool,
) -> None:
    """At once, without a word, and a shell sees SIGINT."""
    environ: dict[str, str] = {}
    if beside:
        web: Agent = request.getfixturevalue("web")
        path = web.api.address.removeprefix("unix://").replace("/", "%2F")
        environ = {"SELFINSPECT_URI": f"http+unix://{path}"}
    following = subprocess.Popen(
        [*PROGRAM, *words, *(() if beside else here[:2])],
        env=environment(environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with following:
        assert following.stdout is not None
        assert following.stderr is not None
        try:
            if words[0] == "logs":
                engine.wait_for_logs(1)
                engine.print(frame(1, b"one\n"))
            assert following.stdout.readline()
            following.send_signal(signal.SIGINT)
            assert following.wait(PATIENCE) == 130
            assert following.stderr.read() == b""
        finally:
            following.kill()


@pytest.fixture
def silent_engine(engine: CannedEngine) -> CannedEngine:
    """An engine that takes a connection, and says nothing."""
    engine.answers["/_ping"] = Answer(hangs=True)
    return engine


def test_progress_is_shown_on_a_terminal_and_goes_away(
    silent_engine: CannedEngine, here: tuple[str, ...]
) -> None:
    """On standard error: what a program reads on standard output is the answer alone."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    looking = subprocess.Popen(
        [*PROGRAM, "id", f"--engine={silent_engine.url}", here[1]],
        env=environment({"TERM": "xterm"}),
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    with looking:
        assert looking.stdout is not None
        shown = b""
        while b"looking for an engine" not in shown and (more := _read(ours)):
            shown += more
        assert b"looking for an engine" in shown
        silent_engine.stop()
        while more := _read(ours):
            shown += more
        assert shown.partition(b"looking for an engine")[2].count(b"\r\x1b[K") == 1
        assert looking.stdout.read().strip().isalnum()
    os.close(ours)


def _read(terminal: int) -> bytes:
    """What is written next; nothing once nobody has the other end any more."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


@pytest.fixture
def shell(tmp_path: Path) -> list[str]:
    """A bash that finds the program by its name, and has its completion."""
    program = tmp_path / "bin" / "selfinspect"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m selfinspect "$@"\n')
    program.chmod(0o755)
    script = f"""
        PATH={program.parent}:$PATH
        eval "$(_SELFINSPECT_COMPLETE=bash_source selfinspect)"
        complete -p selfinspect >/dev/null || exit 1
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _selfinspect_completion selfinspect
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    return ["bash", "--norc", "-c", script, "bash"]


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["hea"], ["healthcheck"]),
        (["op"], ["open"]),
        (["events", "--un"], ["--until"]),
        (["help", "sec"], ["security"]),
        (["id", "--s"], ["--short"]),
        (["env", "--format", ""], ["sh", "dotenv", "json"]),
        (["show", "ports/80"], ["ports/8080", "ports/8081"]),
        (["inspect", "State/Stat"], ["State/Status"]),
    ],
    ids=" ".join,
)
def test_a_shell_completes(
    web: Agent, shell: list[str], words: list[str], completed: list[str]
) -> None:
    """Verbs, options, their values, and the members that this container has."""
    path = web.api.address.removeprefix("unix://").replace("/", "%2F")

    def complete() -> list[str]:
        ended = subprocess.run(
            [*shell, "selfinspect", *words],
            env=environment({"SELFINSPECT_URI": f"http+unix://{path}"}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        return [word for word in ended.stdout.splitlines() if word]

    # It waits a second for the agent, which a busy machine may take longer for.
    found = next(filter(None, (complete() for _ in range(10))), [])
    assert found == completed


@pytest.mark.parametrize("name", ["zsh", "fish"])
def test_other_shells_have_a_script(name: str) -> None:
    """Which names the program and the variable by which it is asked."""
    ended = subprocess.run(
        PROGRAM,
        env=environment({"_SELFINSPECT_COMPLETE": f"{name}_source"}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"_SELFINSPECT_COMPLETE={name}_complete" in ended.stdout


@pytest.mark.skipif(not HAS_OWN_RUN, reason="the file would be this machine's")
def test_an_agent_that_ends_takes_its_address_away() -> None:
    """Nobody is led to whoever listens there next."""
    script = """
        "$@" & until test -s /run/selfinspect/uri; do sleep 0.1; done
        kill $! && wait $! && ls /run/selfinspect
    """
    agent = ("serve", "--engine=off", "--listen=127.0.0.1:0", "--metrics-listen=off")
    program = PROGRAM[PROGRAM.index(sys.executable) :]
    ended = subprocess.run(
        [*PROGRAM[: -len(program)], "sh", "-c", script, "sh", *program, *agent],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == ""
