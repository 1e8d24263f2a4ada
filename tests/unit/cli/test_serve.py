"""What the agent makes of its line to PID 1."""

from __future__ import annotations

import asyncio
import io
import socket
from typing import TYPE_CHECKING

from selfinspect.agent.build import Agent
from selfinspect.cli.serve import _end_with
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
