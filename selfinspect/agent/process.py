"""The agent's process, from its settings and sockets to its exit code."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from selfinspect.agent.build import Agent
from selfinspect.kernel.files import text
from selfinspect.kernel.network import default_gateway, routes
from selfinspect.kernel.signals import signal_name
from selfinspect.listen import uri_of
from selfinspect.model import Stopping
from selfinspect.supervise.announcement import Announcement
from selfinspect.supervise.handover import VARIABLE as HANDOVER
from selfinspect.supervise.handover import Handover
from selfinspect.supervise.listeners import bind, bound, usual_metrics
from selfinspect.supervise.stopping import SIGNAL
from selfinspect.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TextIO

    from selfinspect.listen import ListenAddress
    from selfinspect.model import Self, Snapshot
    from selfinspect.settings import Settings

_TRACE = "SELFINSPECT_TRACE_START"
_STARTED = 22
"""The field of `/proc/PID/stat` with the process's start, in clock ticks since boot: proc(5)."""

_LONGEST_MESSAGE = 4096
_STOP_FACTS = 3
_WELL, _FAILED, _UNUSABLE = 0, 1, 2


class _UnusableError(Exception):
    """Something that was chosen cannot be used; the message names the option."""


def run(settings: Settings, environ: Mapping[str, str], err: TextIO) -> int:
    """An agent until it ends: its exit code, as the help of `serve` has them.

    Args:
        settings: everything that can be chosen.
        environ: the environment, for what PID 1 hands over as well.
        err: where the log goes.
    """
    gc.freeze()  # no collection looks at the code again
    gc.enable()
    reached = _timeline(environ, err)
    reached("loaded")
    try:
        return _WELL if asyncio.run(_run(settings, environ, err, reached)) else _FAILED
    except _UnusableError as error:
        print(f"selfinspect serve: error: {error}", file=err)
        return _UNUSABLE


async def _run(
    settings: Settings, environ: Mapping[str, str], err: TextIO, reached: Callable[[str], None]
) -> bool:
    def ready(snapshot: Snapshot) -> None:
        reached("ready")
        if handed is not None:
            handed.ready(*_offered(snapshot.self, environ))

    try:
        handed = Handover.from_environment(environ)
    except (OSError, OverflowError, ValueError) as error:
        raise _UnusableError(f"{HANDOVER}: only `run` sets it") from error
    try:
        agent = Agent(
            settings,
            environ,
            err,
            handed.token if handed else None,
            on_ready=ready,
            on_memory=handed.memory if handed else lambda _: None,
        )
    except ValueError as error:
        raise _UnusableError(str(error)) from error
    if handed is not None:
        _end_with(handed.control, agent)
        reached("listening")
        return await agent.run(handed.api, handed.metrics)
    api = _bind("--listen", settings.listen)
    asked = settings.metrics_listen or usual_metrics()
    metrics = _bind("--metrics-listen", [] if asked == "off" else [asked])
    announcement = Announcement()
    announcement.write(uri_of([bound(each) for each in api], tls=settings.tls_cert is not None))
    reached("listening")
    try:
        return await agent.run(api, metrics)
    finally:
        announcement.withdraw()


def _timeline(environ: Mapping[str, str], err: TextIO) -> Callable[[str], None]:
    """What prints how long after exec the agent reached a stage, where the variable asks for it."""
    if not environ.get(_TRACE):
        return lambda _: None
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started = int(fields[_STARTED - 3]) / os.sysconf("SC_CLK_TCK")

    def reached(stage: str) -> None:
        passed = time.clock_gettime(time.CLOCK_BOOTTIME) - started
        print(f"start: {stage} after {passed * 1e3:.0f} ms", file=err, flush=True)

    return reached


def _offered(
    own: Self | None, environ: Mapping[str, str]
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """What PID 1 gets: the variables for its command and the stop signal; why others lack."""
    if own is None:
        return {}, {}
    # Without PID 1 nobody asks for them.
    from selfinspect.exports.otel import of_container  # noqa: PLC0415

    stop = {SIGNAL: own.stop.signal} if own.stop and own.stop.signal else {}
    gateway = default_gateway(routes(text("/proc/net/route")))
    variables, left_out = of_container(own, gateway, environ)
    return {**variables, **stop}, left_out


def _end_with(control: socket.socket, agent: Agent) -> None:
    """Read what PID 1 sends, which alone holds the other end, and stop the agent once it ends."""
    control.setblocking(False)  # noqa: FBT003
    loop = asyncio.get_running_loop()

    def receive() -> None:
        try:
            message = control.recv(_LONGEST_MESSAGE).decode(errors="replace")
        except ConnectionResetError:  # it ended without having read what we sent
            message = ""
        if message:
            agent.stopping(stopping_of(message))
        else:
            loop.remove_reader(control)
            agent.stop()

    loop.add_reader(control, receive)


def stopping_of(message: str) -> Stopping | None:
    """The stop that PID 1 reports: `stopping SIGNAL RECEIVED DEADLINE`; None once it is over.

    Both times are nanoseconds since the Unix epoch; a dash stands for no deadline.
    """
    _, *facts = message.split(" ")
    if len(facts) != _STOP_FACTS:
        return None
    number, received, deadline = facts
    return Stopping(
        signal=signal_name(int(number)) or number,
        received_at=rfc3339(int(received)),
        deadline=None if deadline == "-" else rfc3339(int(deadline)),
    )


def _bind(option: str, addresses: Sequence[ListenAddress]) -> list[socket.socket]:
    listeners = []
    for address in addresses:
        try:
            listeners.append(socket.socket(fileno=bind(address).detach()))
        except OSError as error:
            reason = error.strerror or error
            raise _UnusableError(
                f"{option} {address}: {reason}: takes a free address of this container"
            ) from error
    return listeners
