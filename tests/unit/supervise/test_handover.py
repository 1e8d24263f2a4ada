"""What PID 1 hands to the agent."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing

import pytest

from selfinspect.listen import ListenAddress
from selfinspect.supervise.listeners import (
    VARIABLE,
    Handover,
    bind,
    bound,
    control_pair,
    named,
    told,
)


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
        taken = Handover.from_environment({VARIABLE: named(api, [], theirs)})
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
                told(ours)
            theirs.ready({})
            assert told(ours) == {}
        theirs.ready({})


def test_an_agent_that_ended_has_told_nothing() -> None:
    """The end of the line is no word, and no error."""
    ours, theirs = line()
    with ours:
        theirs.control.close()
        assert told(ours) == {}


def test_variables_arrive_as_they_are() -> None:
    """Any text an environment can hold; which of them count is the command's affair."""
    variables = {"SELFINSPECT_CONTAINER_NAME": "ü=\n\udcff", "SELFINSPECT_HOST_PORT_1_TCP": "2"}
    ours, theirs = line()
    with ours, theirs.control:
        theirs.ready(variables)
        assert told(ours) == variables


@pytest.mark.parametrize("odd", ["\ud800", "a\udbffb", "a\0SELFINSPECT_CONTAINER_ID=b"])
def test_a_value_that_no_environment_can_hold_is_left_out(odd: str) -> None:
    """The agent is ready all the same, and the rest arrives."""
    ours, theirs = line()
    with ours, theirs.control:
        theirs.ready({"SELFINSPECT_CONTAINER_NAME": odd, "SELFINSPECT_CONTAINER_IMAGE": "app"})
        assert told(ours) == {"SELFINSPECT_CONTAINER_IMAGE": "app"}


def test_more_than_pid_1_takes_is_left_out() -> None:
    """The word itself still comes, so that the command is not held back."""
    ports = {f"SELFINSPECT_HOST_PORT_{port}_TCP": str(port) for port in range(65_536)}
    ours, theirs = line()
    with ours, theirs.control:
        theirs.ready(dict(list(ports.items())[:3000]))
        assert len(told(ours)) == 3000
        theirs.ready(ports)
        assert told(ours) == {}


@pytest.mark.parametrize("value", ["", "api", "api=x,control=1", "shell=1,control=2", "api=9999"])
def test_a_variable_of_another_make_is_refused(value: str) -> None:
    """What does not name open sockets by their roles is refused."""
    with pytest.raises((ValueError, OSError)):
        Handover.from_environment({VARIABLE: value})
