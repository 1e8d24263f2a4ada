"""What PID 1 notes when the container is asked to stop."""

from __future__ import annotations

import json
import re
import signal
import sys
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.unit.supervise.conftest import Supervise, Supervised

# Says how the container is stopped, then passes on what it hears.
AGENT = """
handover.ready({READY})
while word := handover.control.recv(4096):
    say("heard", word.decode())
"""

# Takes every signal it is sent, also before it waits for one, and ends when its input does.
CATCHER = """
import os, select, signal
came, comes = os.pipe()
os.set_blocking(comes, False)
signal.set_wakeup_fd(comes)
for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGQUIT):
    signal.signal(number, lambda *_: None)
os.write(1, b"up\\n")
while came in select.select([0, came], [], [])[0]:
    for number in os.read(came, 64):
        os.write(1, signal.Signals(number).name.removeprefix("SIG").encode() + b"\\n")
"""


class StartCatcher(Protocol):
    """Starts the command below an agent that says this."""

    def __call__(
        self, *options: str, ready: Mapping[str, str] = ..., stderr: int | None = ...
    ) -> Supervised:
        """A supervisor whose command is up."""
        ...


@pytest.fixture
def catcher(supervise: Supervise) -> Iterator[StartCatcher]:
    """Start commands that take every signal, and let them end."""
    started = []

    def start(
        *options: str, ready: Mapping[str, str] | None = None, stderr: int | None = None
    ) -> Supervised:
        supervised = supervise(
            sys.executable, "-c", CATCHER,
            agent=agent(ready or {}), options=("--wait=60s", *options), stderr=stderr,
        )  # fmt: skip
        started.append(supervised)
        assert supervised.line() == "up"
        return supervised

    yield start
    for supervised in started:
        supervised.stdin.close()


def agent(ready: Mapping[str, str]) -> str:
    return AGENT.replace("{READY}", repr(dict(ready)))


def document(supervised: Supervised) -> dict[str, str | None]:
    found: dict[str, str | None] = json.loads(file_of(supervised).read_text())
    return found


def file_of(supervised: Supervised) -> Path:
    return supervised.uri_file.with_name("stopping")


def heard(supervised: Supervised, *, expect: str) -> str:
    """The agent's line; others, the command's, may stand before it."""
    while not (line := supervised.line()).startswith("agent heard"):
        assert line in ("up", "TERM", "USR1", "QUIT"), line
    assert line.startswith(f"agent heard {expect}")
    return line


@pytest.mark.parametrize(
    ("options", "ready", "seconds"),
    [
        (("--stop-timeout", "30s"), {}, 30),
        (("--stop-timeout", "30s"), {"SELFINSPECT_STOP_TIMEOUT_SECONDS": "90"}, 90),
        ((), {}, None),
        (("--stop-timeout", "30s"), {"SELFINSPECT_STOP_TIMEOUT_SECONDS": "-1"}, None),
        ((), {"SELFINSPECT_STOP_TIMEOUT_SECONDS": str(2**63 - 1)}, None),
        ((), {"SELFINSPECT_STOP_TIMEOUT_SECONDS": "9" * 400}, None),
        (("--stop-timeout", f"{10**12}h"), {}, None),
    ],
    ids=["option", "container", "nobody", "for ever", "64 bits", "400 digits", "long option"],
)
def test_the_agent_hears_of_a_stop_and_of_its_deadline(
    catcher: StartCatcher, options: tuple[str, ...], ready: dict[str, str], seconds: int | None
) -> None:
    """The container's own timeout comes before the option's; where nobody says there is none."""
    supervised = catcher(*options, ready=ready)
    supervised.send(signal.SIGTERM)
    *_, number, received, deadline = heard(supervised, expect="stopping").split(" ")
    assert number == "15"
    if seconds is None:
        assert deadline == "-"
    else:
        assert int(deadline) - int(received) == seconds * 10**9


def test_the_stop_signal_is_the_containers(catcher: StartCatcher) -> None:
    """Any other signal starts no stop; it is compared as it came, before a rewrite."""
    supervised = catcher("--rewrite=USR1:QUIT", ready={"stop_signal": "SIGUSR1"})
    supervised.send(signal.SIGTERM)
    assert supervised.line() == "TERM"
    supervised.send(signal.SIGUSR1)
    assert heard(supervised, expect="stopping").split(" ")[-3] == str(int(signal.SIGUSR1))


@pytest.mark.parametrize("signal_", ["RTMIN++1", "9" * 5000, "NONE", ""])
def test_a_stop_signal_that_is_none_counts_as_term(catcher: StartCatcher, signal_: str) -> None:
    """An engine or an agent that says nonsense does not end PID 1."""
    supervised = catcher("--stop-timeout=30s", ready={"stop_signal": signal_})
    supervised.send(signal.SIGTERM)
    assert heard(supervised, expect="stopping").split(" ")[3] == "15"


def test_the_file_says_the_same(catcher: StartCatcher, tmp_path: Path) -> None:
    """For programs without HTTP; it is there once the command may look."""
    supervised = catcher("--stop-timeout=30s")
    assert not file_of(supervised).exists()
    supervised.send(signal.SIGTERM)
    heard(supervised, expect="stopping")
    while not file_of(supervised).exists():  # a process of its own writes it
        pass
    found = document(supervised)
    assert found["signal"] == "SIGTERM"
    assert set(found) == {"signal", "received_at", "deadline"}
    assert str(found["deadline"]).endswith("Z")
    assert str(found["received_at"]) < str(found["deadline"])
    assert tmp_path in file_of(supervised).parents


def test_a_second_signal_does_not_move_the_deadline(catcher: StartCatcher) -> None:
    """Whoever asks twice is not given more time."""
    supervised = catcher("--stop-timeout=100ms")
    supervised.send(signal.SIGTERM)
    heard(supervised, expect="stopping 15")
    supervised.send(signal.SIGTERM)
    # The next word is that the command has outlived it.
    assert heard(supervised, expect="stopping") == "agent heard stopping"


def test_a_stop_that_is_outlived_is_taken_back(catcher: StartCatcher) -> None:
    """A second after the deadline nobody kills any more."""
    supervised = catcher("--stop-timeout=100ms")
    supervised.send(signal.SIGTERM)
    heard(supervised, expect="stopping 15")
    assert heard(supervised, expect="stopping") == "agent heard stopping"
    while file_of(supervised).exists():  # a process of its own takes it away
        pass


def test_a_restart_finds_no_file_of_the_last_time(supervise: Supervise, tmp_path: Path) -> None:
    """It is taken away before the command starts."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "stopping").write_text("{}")
    supervised = supervise("sh", "-c", f"ls {tmp_path}/run; read -r line")
    assert supervised.line() == "uri"


def test_the_last_signal_comes_two_seconds_before_the_deadline(catcher: StartCatcher) -> None:
    """For a dump of stacks; the command has to catch it."""
    supervised = catcher("--stop-timeout=4100ms", "--last-signal=QUIT")
    supervised.send(signal.SIGTERM)
    lines = {supervised.line() for _ in range(3)}
    assert {"TERM", "QUIT"} < lines


@pytest.mark.parametrize(
    ("options", "until", "reason"),
    [
        (("--last-signal=HUP", "--stop-timeout=4100ms"), "", "the command does not catch it"),
        (("--last-signal=QUIT", "--stop-timeout=100ms"), "", "no --stop-timeout of more than 4 s"),
        (("--last-signal=QUIT",), " 15 .*", "no --stop-timeout of more than 4 s"),
    ],
    ids=["not caught", "too short", "no timeout"],
)
def test_a_last_signal_that_is_not_sent_is_logged(
    catcher: StartCatcher, options: tuple[str, ...], until: str, reason: str
) -> None:
    """One that is not caught would kill; without a deadline nobody knows when 2 s are left."""
    supervised = catcher(*options, stderr=-2)
    supervised.send(signal.SIGTERM)
    lines = [supervised.line()]
    while not re.fullmatch(f"agent heard stopping{until}", lines[-1]):
        lines.append(supervised.line())
    assert "QUIT" not in lines
    (said,) = (line for line in lines if "last-signal.not-sent" in line)
    assert reason in said
