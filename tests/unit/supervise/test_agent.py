"""The agent's incarnations, and how many tasks leave room for one."""

from __future__ import annotations

import os
import resource
import signal
import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from selfinspect.listen import ListenAddress
from selfinspect.supervise.agent import AgentProcess, pause_before_restart, tasks_allowed
from selfinspect.supervise.listeners import bind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

V1 = "4:pids:/docker/1\n1:name=systemd:/docker/1\n"


@pytest.mark.parametrize(
    ("deaths", "pause"),
    [
        ([100], 0.2),
        ([99, 100], 0.8),
        ([98, 99, 100], 3.2),
        ([97, 98, 99, 100], 12.8),
        ([96, 97, 98, 99, 100], None),
        ([40, 97, 98, 99, 100], 12.8),
        ([10, 20, 30, 40, 100], 0.2),
    ],
)
def test_pauses_grow_until_the_fifth_death_in_a_minute(
    deaths: Sequence[float], pause: float | None
) -> None:
    """Each death within a minute makes the pause longer, and the fifth is the last."""
    assert pause_before_restart(deaths, now=100) == (pause and pytest.approx(pause))


def die(agent: AgentProcess) -> None:
    """Start an incarnation that ends by itself, and see it end."""
    agent.start()
    assert agent.process is not None
    _, status = os.waitpid(agent.process, 0)
    agent.ended(status)


def test_the_fifth_death_is_the_last_and_said_once(capfd: pytest.CaptureFixture[str]) -> None:
    """Given up, the agent is due no more, and its callers are refused rather than kept waiting."""
    with closing(bind(ListenAddress("127.0.0.1", 0))) as listener:
        agent = AgentProcess(["false"], os.environ, [listener])
        for _ in range(4):
            die(agent)
            assert agent.restart_at is not None
        with socket.create_connection(listener.getsockname()):
            pass
        die(agent)
        assert agent.restart_at is None
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(listener.getsockname())
    said = capfd.readouterr().err.splitlines()
    assert said == [
        "selfinspect run: agent.died reason='exit code 1' restart_in=0.2s",
        "selfinspect run: agent.given-up reason='exit code 1' deaths=5",
    ]


def test_another_reason_is_said_as_well(capfd: pytest.CaptureFixture[str]) -> None:
    """What it dies of is said once, until it dies of something else."""
    agent = AgentProcess(["sleep", "1h"], os.environ)
    for number in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
        agent.start()
        agent.kill(number)
        assert agent.process is not None
        _, status = os.waitpid(agent.process, 0)
        agent.ended(status)
    said = capfd.readouterr().err.splitlines()
    assert [line.partition("reason=")[2] for line in said] == [
        "'killed by signal 9' restart_in=0.2s",
        "'killed by signal 15' restart_in=3.2s",
    ]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["sh", "-c", "exit 2"], "exit code 2"),
        (["/nowhere/agent"], "exit code 127"),
        (["/dev/null"], "exit code 126"),
    ],
)
def test_what_the_next_one_could_only_die_of_is_the_end(
    command: Sequence[str], reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A bad option and a missing program stay so: no other incarnation tries."""
    agent = AgentProcess(command, os.environ)
    die(agent)
    assert agent.settled()
    assert agent.restart_at is None
    assert f"agent.given-up reason='{reason}' deaths=1" in capfd.readouterr().err


def test_no_process_for_it_is_its_death(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Where not even a socket can be had, the next incarnation is due all the same."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limit[1]))
    try:
        agent = AgentProcess(["true"], os.environ)
        agent.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert (agent.process, agent.settled()) == (None, True)
    assert agent.restart_at is not None
    assert "agent.died reason='Too many open files'" in capfd.readouterr().err


def test_a_dismissed_agent_is_not_started_again(capfd: pytest.CaptureFixture[str]) -> None:
    """The end that was asked for is neither reported nor followed by another start."""
    agent = AgentProcess(["sleep", "1h"], os.environ)
    agent.start()
    assert not agent.settled()
    agent.dismiss()
    assert agent.process is not None
    _, status = os.waitpid(agent.process, 0)
    agent.ended(status)
    assert agent.restart_at is None
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("cgroup", "file", "text", "limit"),
    [
        ("0::/\n", "pids.max", "8\n", 8),
        ("0::/docker/1\n", "docker/1/pids.max", "8\n", 8),
        ("0::/docker/1\n", "pids.max", "8\n", 8),
        (V1, "pids/pids.max", "8\n", 8),
        (V1, "pids/docker/1/pids.max", "8\n", 8),
        ("0::/\n", "pids.max", "max\n", None),
        ("0::/\n", "nothing", "", None),
        ("", "pids.max", "nonsense", None),
    ],
)
def test_the_limit_of_tasks(
    cgroup: str, file: str, text: str, limit: int | None, tmp_path: Path
) -> None:
    """At our path in the tree, or at its top where that is all we see; `max` is none."""
    (tmp_path / "cgroup").write_text(cgroup)
    (tmp_path / "tree" / file).parent.mkdir(parents=True)
    (tmp_path / "tree" / file).write_text(text)
    assert tasks_allowed(f"{tmp_path}/cgroup", f"{tmp_path}/tree") == limit


def test_without_any_file_there_is_no_limit_of_tasks(tmp_path: Path) -> None:
    """As without /proc and /sys."""
    assert tasks_allowed(f"{tmp_path}/cgroup", f"{tmp_path}/tree") is None
