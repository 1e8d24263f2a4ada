"""`healthcheck`: whether this container's agent is well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from selfinspect.cli.declared import timeout_option
from selfinspect.cli.exit_codes import ExitCode, exits
from selfinspect.cli.streams import Streams, streams_of
from selfinspect.cli.verb import Verb
from selfinspect.client import Agent, ask, find
from selfinspect.kernel.listening import listens_here
from selfinspect.listen import DEFAULT_API, parse_listen

if TYPE_CHECKING:
    from selfinspect.listen import ListenAddress


@click.command(
    cls=Verb,
    examples=('HEALTHCHECK CMD ["selfinspect", "healthcheck"]',),
    exits=exits(no="It does not answer in time, or not that it is well."),
)
@timeout_option("5s", "How long to wait for an answer.")
@streams_of
def healthcheck(streams: Streams, /, timeout: float) -> int:
    """Ask whether this container's agent is well.

    It asks the agent's /healthz, for an image in which the agent is all there is; an image with
    an app checks its app. Where the agent could not leave its address (a read-only root without
    a tmpfs on /run/selfinspect), SELFINSPECT_LISTEN or its default is asked, where a process of
    this container listens there: never a neighbour's agent.
    """
    agent = find(streams.environ)
    if agent is None:
        address = _configured(streams.environ.get("SELFINSPECT_LISTEN"))
        agent = Agent(address.uri())
        if not (address.path or listens_here(address.port)):
            streams.complain(f"no agent listens here at {agent.uri}")
            return ExitCode.NO
    reply = ask(agent, "/healthz", timeout=timeout)
    if reply is not None and reply.status == 200:  # noqa: PLR2004
        print("ok", file=streams.out)
        return ExitCode.OK
    what = f"answers {reply.status}" if reply else "does not answer"
    streams.complain(f"the agent at {agent.uri} {what}")
    return ExitCode.NO


def _configured(listen: str | None) -> ListenAddress:
    try:
        return parse_listen(listen.split(",")[0]) if listen else DEFAULT_API
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="SELFINSPECT_LISTEN") from error
