"""The agent's incarnations."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from selfinspect.listen import ListenAddress
from selfinspect.supervise.agent import Agent, pause_before_restart
from selfinspect.supervise.listeners import bind

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.mark.parametrize(
    ("deaths", "pause"),
    [
        ([100], 0.5),
        ([99, 100], 1),
        ([98, 99, 100], 2),
        ([97, 98, 99, 100], 4),
        ([96, 97, 98, 99, 100], None),
        ([40, 97, 98, 99, 100], 4),
        ([10, 20, 30, 40, 100], 0.5),
    ],
)
def test_pauses_double_until_the_fifth_death_in_a_minute(
    deaths: Sequence[float], pause: float | None
) -> None:
    """Each death within a minute doubles the pause, and the fifth is the last."""
    assert pause_before_restart(deaths, now=100) == pause


def die(agent: Agent) -> None:
    """Start an incarnation that ends by itself, and see it end."""
    agent.start()
    assert agent.process is not None
    os.waitpid(agent.process, 0)
    agent.ended(1)


def test_the_fifth_death_is_the_last_and_said_once(capfd: pytest.CaptureFixture[str]) -> None:
    """Given up, the agent is due no more, and its callers are refused rather than kept waiting."""
    with bind(ListenAddress("127.0.0.1", 0)) as listener:
        agent = Agent(["false"], os.environ, [listener])
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
    assert [line.split()[2] for line in said] == ["agent.died"] * 4 + ["agent.given-up"]


def test_an_agent_that_cannot_be_executed_has_died() -> None:
    """A missing program is the agent's death like any other."""
    agent = Agent(["/nowhere/agent"], os.environ)
    die(agent)
    assert agent.settled()
    assert agent.restart_at is not None


def test_a_dismissed_agent_is_not_started_again(capfd: pytest.CaptureFixture[str]) -> None:
    """The end that was asked for is neither reported nor followed by another start."""
    agent = Agent(["sleep", "1h"], os.environ)
    agent.start()
    assert not agent.settled()
    agent.dismiss()
    assert agent.process is not None
    os.waitpid(agent.process, 0)
    agent.ended(143)
    assert agent.restart_at is None
    assert capfd.readouterr().err == ""
