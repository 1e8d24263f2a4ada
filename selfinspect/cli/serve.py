"""`serve`: the agent, alone or as the child of `run`."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import click

from selfinspect.agent.build import Agent
from selfinspect.cli.env import of_container
from selfinspect.cli.options import observing, serving, settings
from selfinspect.cli.streams import Streams, streams_of
from selfinspect.cli.verb import ExitCode, Verb, exits
from selfinspect.listen import uri_of
from selfinspect.model import Stopping
from selfinspect.supervise.announcement import Announcement
from selfinspect.supervise.handover import VARIABLE as HANDOVER
from selfinspect.supervise.handover import Handover
from selfinspect.supervise.listeners import bind, bound, usual_metrics
from selfinspect.supervise.signals import name_of
from selfinspect.supervise.stopping import SIGNAL
from selfinspect.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selfinspect.listen import ListenAddress
    from selfinspect.model import Self
    from selfinspect.settings import Settings

_LONGEST_WORD = 4096


@click.command(
    cls=Verb,
    examples=("selfinspect serve", "selfinspect serve --listen unix:///run/app/api.sock"),
    exits=exits(no="It could not go on: the log says why."),
)
@observing
@serving
@streams_of
def serve(streams: Streams, /, **given: Any) -> int:
    """Serve what this container knows about itself.

    It ends with 0 on SIGTERM and SIGINT. Each option is an environment variable as well:
    SELFINSPECT_METRICS_LISTEN is --metrics-listen; commas stand between the values of one that is
    repeatable.
    """
    chosen = settings(given, streams.environ)
    try:
        handed = Handover.from_environment(streams.environ)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{HANDOVER}: only `run` sets it") from error
    well = asyncio.run(_serve(chosen, streams, handed))
    return ExitCode.OK if well else ExitCode.NO


async def _serve(chosen: Settings, streams: Streams, handed: Handover | None) -> bool:
    try:
        agent = Agent(chosen, streams.environ, streams.err, handed.token if handed else None)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if handed is not None:
        _end_with(handed.control, agent)
        return await agent.run(
            handed.api,
            handed.metrics,
            on_ready=lambda known: handed.ready(*_offered(known.self, streams.environ)),
            on_memory=handed.memory,
        )
    api = _bind("--listen", chosen.listen)
    asked = chosen.metrics_listen or usual_metrics()
    metrics = _bind("--metrics-listen", [] if asked == "off" else [asked])
    announcement = Announcement()
    announcement.write(uri_of([bound(each) for each in api], tls=chosen.tls_cert is not None))
    try:
        return await agent.run(api, metrics, on_ready=lambda _: None)
    finally:
        announcement.withdraw()


def _offered(
    own: Self | None, environ: Mapping[str, str]
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """What PID 1 gets: the variables for its command and the stop signal; why others lack."""
    if own is None:
        return {}, {}
    stop = {SIGNAL: own.stop.signal} if own.stop and own.stop.signal else {}
    variables, left_out = of_container(own, environ)
    return {**variables, **stop}, left_out


def _end_with(control: socket.socket, agent: Agent) -> None:
    """Hear PID 1, which alone holds the other end, and stop the agent once it is gone."""
    control.setblocking(False)  # noqa: FBT003
    loop = asyncio.get_running_loop()

    def heard() -> None:
        try:
            word = control.recv(_LONGEST_WORD).decode(errors="replace")
        except ConnectionResetError:  # it ended without having read our word
            word = ""
        if word:
            agent.stopping(stopping_of(word))
        else:
            loop.remove_reader(control)
            agent.stop()

    loop.add_reader(control, heard)


def stopping_of(word: str) -> Stopping | None:
    """A stop as PID 1 says it, `stopping SIGNAL RECEIVED DEADLINE`; None for one that is over.

    Both moments are nanoseconds since the Unix epoch; a dash is no deadline.
    """
    _, *said = word.split(" ")
    if len(said) != 3:  # noqa: PLR2004
        return None
    number, received, deadline = said
    return Stopping(
        signal=name_of(int(number)),
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
            raise click.UsageError(
                f"{option} {address}: {reason}: takes a free address of this container"
            ) from error
    return listeners
