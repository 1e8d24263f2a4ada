"""What ends an agent: its line to PID 1, and a signal."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
from typing import TYPE_CHECKING

from selfinspect.agent.build import Agent
from selfinspect.agent.process import _end_with
from selfinspect.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def test_pid_1_that_ended_with_our_word_unread_ends_the_agent(tmp_path: Path) -> None:
    """The kernel says then that the line was reset; that is its end as well."""
    failures: list[object] = []

    async def run() -> bool:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: failures.append(context))
            agent = Agent(
                Settings(engine="off", root=tmp_path, journal=tmp_path), {}, io.StringIO()
            )
            _end_with(ours, agent)
            ours.send(b"ready")
            theirs.close()
            return await asyncio.wait_for(agent.run([], []), timeout=60)

    assert asyncio.run(run())
    assert failures == []


def test_a_signal_ends_an_agent_that_does_not_serve_yet(tmp_path: Path) -> None:
    """It has left its address by then, which only an orderly end takes away."""

    async def run() -> bool:
        agent = Agent(Settings(engine="off", root=tmp_path, journal=tmp_path), {}, io.StringIO())
        os.kill(os.getpid(), signal.SIGTERM)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return await asyncio.wait_for(agent.run([listener], []), timeout=60)

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        assert asyncio.run(run())
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
