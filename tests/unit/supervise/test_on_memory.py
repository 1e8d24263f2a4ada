"""What PID 1 makes of the agent's word that memory is short."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from selfinspect.supervise.agent import AgentProcess
from tests.unit.supervise.conftest import AGENT as HANDED

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.supervise.conftest import Supervise, Supervised

# Sends a notice for each stop that PID 1 reports, twice.
AGENT = """
handover.ready({})
handover.control.recv(4096)
for _ in range(2):
    handover.memory("NOTICE")
say("sent")
handover.control.recv(1)
"""

# Sends a notice for each writer of a pipe.
PACED = """
handover.ready({})
for number in (1, 2):
    open(PIPE).read()  # to its end, so that no writer counts twice
    handover.memory("memory-short")
    say("sent", number)
handover.control.recv(1)
"""

# Prints every signal it is sent, and ends at the last of them.
CATCHER = """
import os, signal
caught = (signal.SIGTERM, signal.SIGUSR1, signal.SIGIO, signal.SIGRTMIN)
signal.pthread_sigmask(signal.SIG_BLOCK, caught)  # none is lost before it is waited for
for number in caught:
    signal.signal(number, lambda *_: None)
os.write(1, b"up\\n")
number = 0
while number != signal.SIGRTMIN:
    number = signal.sigwait(caught)
    os.write(1, signal.Signals(number).name.encode() + b"\\n")
os._exit(0)
"""


def noticed(
    supervise: Supervise, *options: str, notice: str = "memory-short", first: str = ""
) -> list[str]:
    """What the command and standard error say once the agent has sent its notices.

    Args:
        supervise: starts PID 1.
        options: of `run`.
        notice: what the agent sends.
        first: how a line begins that has to come before the command is ended.
    """
    supervised = started(supervise, *options, notice=notice)
    supervised.send(signal.SIGTERM)
    lines: list[str] = []
    while "agent sent" not in lines or not any(line.startswith(first) for line in lines):
        lines.append(supervised.line())
    # Of signals that wait PID 1 takes the lowest number first: that of the notices.
    supervised.send(signal.SIGRTMIN)
    return [*lines, *supervised.rest()]


def started(supervise: Supervise, *options: str, notice: str = "memory-short") -> Supervised:
    return catching(supervise, AGENT.replace("NOTICE", notice), *options)


def catching(supervise: Supervise, agent: str, *options: str) -> Supervised:
    """A command that catches signals, beside an agent."""
    supervised = supervise(
        sys.executable, "-c", CATCHER,
        agent=agent, options=("--wait=60s", *options), stderr=-2,
    )  # fmt: skip
    assert supervised.line() == "up"
    return supervised


def test_a_command_that_catches_it_gets_the_signal_once_a_minute(
    supervise: Supervise, tmp_path: Path
) -> None:
    """However often the agent says so: what it says comes from the kernel by way of a user."""
    pipe = tmp_path / "notices"
    os.mkfifo(pipe)
    agent = PACED.replace("PIPE", repr(str(pipe)))
    supervised = catching(supervise, agent, "--on-memory=USR1")
    pipe.write_bytes(b"")
    assert {supervised.line(), supervised.line()} == {"agent sent 1", "SIGUSR1"}
    # The first has been acted on, so that the second is one of its own.
    pipe.write_bytes(b"")
    assert supervised.line() == "agent sent 2"
    # Of signals that wait PID 1 takes the lowest number first: that of the notice.
    supervised.send(signal.SIGRTMIN)
    assert supervised.rest() == ["SIGRTMIN"]


def test_a_signal_that_would_end_the_command_is_not_sent(supervise: Supervise) -> None:
    """One line says that it is not caught."""
    lines = noticed(supervise, "--on-memory=USR2", first="selfinspect run: on-memory")
    assert lines.count("SIGRTMIN") == 1
    [said] = [line for line in lines if "on-memory" in line]
    assert said.startswith(f"selfinspect run: on-memory.not-sent signal={int(signal.SIGUSR2)} ")


def test_where_the_kernel_gives_no_notice_one_line_says_so(supervise: Supervise) -> None:
    """As on cgroup v1; a restarted agent says it again, PID 1 does not."""
    first = "selfinspect run: on-memory"
    lines = noticed(supervise, "--on-memory=USR1", notice="memory-unsupported", first=first)
    [said] = [line for line in lines if "on-memory" in line]
    assert said.startswith("selfinspect run: on-memory.unsupported reason=")
    assert "SIGUSR1" not in lines


def test_unasked_nothing_is_sent_or_said(supervise: Supervise) -> None:
    """Whatever the agent's notice."""
    for notice in ("memory-short", "memory-unsupported"):
        lines = noticed(supervise, notice=notice)
        assert "SIGUSR1" not in lines
        assert not any("on-memory" in line for line in lines)


def test_sigio_from_anyone_else_is_the_commands(supervise: Supervise) -> None:
    """The kernel's own, for a word of the agent, says so in its code."""
    supervised = started(supervise, "--on-memory=USR1")
    supervised.send(signal.SIGIO)
    assert supervised.line() == "SIGIO"
    supervised.send(signal.SIGRTMIN)
    assert "SIGIO" not in supervised.rest()


def test_a_notice_before_the_agent_is_ready_is_kept() -> None:
    """PID 1 reads it with the agent's other words, while it holds the command back."""
    script = f"{HANDED}handover.memory('memory-unsupported'); handover.ready({{}})"
    agent = AgentProcess([sys.executable, "-c", script], {})
    agent.start()
    assert agent.process is not None
    _, status = os.waitpid(agent.process, 0)
    assert agent.settled()
    assert agent.memory_notice() == "memory-unsupported"
    assert agent.memory_notice() is None
    agent.ended(status)
