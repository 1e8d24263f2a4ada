"""What PID 1 hands to the agent."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing

import pytest

from selfinspect.listen import ListenAddress
from selfinspect.supervise.handover import (
    VARIABLE,
    Handover,
    control_pair,
    heard,
    sockets_named,
)
from selfinspect.supervise.listeners import bind, bound


def test_an_agent_by_itself_has_none() -> None:
    """Without the variable nothing was handed over."""
    assert Handover.from_environment({}) is None


def test_the_agent_gets_the_sockets_as_they_were_bound() -> None:
    """Every socket arrives in its role, and none of them goes on to the agent's own children."""
    with ExitStack() as stack:
        loopback = ListenAddress("127.0.0.1", 0)
        api = [stack.enter_context(closing(bind(loopback))) for _ in range(2)]
        ours, theirs = socket.socketpair()
        stack.enter_context(ours)
        taken = Handover.from_environment({VARIABLE: sockets_named(api, [], theirs)})
        assert taken is not None
        assert [bound(each) for each in taken.api] == [bound(each) for each in api]
        assert [each.proto for each in taken.api] == [socket.IPPROTO_TCP] * 2
        assert taken.metrics == []
        assert not any(each.get_inheritable() for each in (*taken.api, taken.control))
        for each in (*taken.api, theirs):
            each.detach()
        taken.control.close()
        assert ours.recv(1) == b""


def line() -> tuple[socket.socket, Handover]:
    """Both ends of the line between PID 1 and an agent."""
    ours, theirs = (socket.socket(fileno=each.detach()) for each in control_pair())
    return ours, Handover([], [], theirs)


def test_ready_reaches_pid_1_and_outlives_it() -> None:
    """The word is read whole at the other end; with nobody there it is lost without an error."""
    ours, theirs = line()
    with theirs.control:
        with ours:
            with pytest.raises(BlockingIOError):
                heard(ours)
            theirs.ready({})
            assert heard(ours) == ("ready", {})
        theirs.ready({})


def test_an_agent_that_ended_has_offered_nothing() -> None:
    """The end of the line is neither a word nor an error."""
    ours, theirs = line()
    with ours:
        theirs.control.close()
        assert heard(ours) == ("", {})


def test_variables_arrive_as_they_are() -> None:
    """Any text an environment can hold; which of them count, the command decides."""
    variables = {"SELFINSPECT_CONTAINER_NAME": "ü=\n\udcff", "SELFINSPECT_HOST_PORT_1_TCP": "2"}
    ours, theirs = line()
    with ours, theirs.control:
        theirs.ready(variables)
        assert heard(ours) == ("ready", variables)


@pytest.mark.parametrize("odd", ["\ud800", "a\udbffb", "a\0SELFINSPECT_CONTAINER_ID=b"])
def test_a_value_that_no_environment_can_hold_is_left_out(odd: str) -> None:
    """The agent is ready all the same, and the rest arrives."""
    ours, theirs = line()
    with ours, theirs.control:
        theirs.ready({"SELFINSPECT_CONTAINER_NAME": odd, "SELFINSPECT_CONTAINER_IMAGE": "app"})
        assert heard(ours) == ("ready", {"SELFINSPECT_CONTAINER_IMAGE": "app"})


def test_more_than_pid_1_takes_is_left_out() -> None:
    """The word itself still comes, so that the command is not held back."""
    ports = {f"SELFINSPECT_HOST_PORT_{port}_TCP": str(port) for port in range(65_536)}
    ours, theirs = line()
    with ours, theirs.control:
        theirs.ready(dict(list(ports.items())[:3000]))
        assert len(heard(ours)[1]) == 3000
        theirs.ready(ports)
        assert heard(ours) == ("ready", {})


def test_why_variables_are_left_out_comes_before_ready() -> None:
    """So that PID 1 has it when it starts the command."""
    ours, theirs = line()
    with ours, theirs.control:
        theirs.ready({"SELFINSPECT_IP": "10.0.0.2"}, {"SELFINSPECT_CONTAINER_NAME": "masked"})
        assert heard(ours) == ("left-out", {"SELFINSPECT_CONTAINER_NAME": "masked"})
        assert heard(ours) == ("ready", {"SELFINSPECT_IP": "10.0.0.2"})


@pytest.mark.parametrize("value", ["", "api", "api=x,control=1", "shell=1,control=2", "api=9999"])
def test_a_variable_of_another_make_is_refused(value: str) -> None:
    """What does not name open sockets by their roles is refused."""
    with pytest.raises((ValueError, OSError)):
        Handover.from_environment({VARIABLE: value})
