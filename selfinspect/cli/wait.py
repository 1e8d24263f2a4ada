"""`wait`: until this container's agent is ready.

`healthcheck`: whether this container's agent is well.

Who listens on a port: in a network that several containers share it may be a neighbour.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from selfinspect.cli.options import timeout_option
from selfinspect.cli.streams import Streams, progress, streams_of
from selfinspect.cli.verb import ExitCode, Verb, exits
from selfinspect.client import AgentAddress, ask, find
from selfinspect.jsonread import member, sequence, text
from selfinspect.kernel.network import listens_here
from selfinspect.listen import DEFAULT_API, parse_listen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.listen import ListenAddress

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_READY = 200


@click.command(
    cls=Verb,
    examples=("selfinspect wait --timeout 5s && curl -s $SELFINSPECT_URI/v1/self/name",),
    exits=exits(no="It is not ready in time."),
)
@timeout_option("30s", "How long to wait; 0 looks once.")
@streams_of
def wait(streams: Streams, /, timeout: float) -> int:
    """Wait until this container's agent is ready.

    It is once the identity is known and a first sample taken. An agent that does not run yet is
    waited for, too.
    """
    deadline, pause = time.monotonic() + timeout, _FIRST_PAUSE
    with progress(streams, "waiting for the agent") as tell:
        while lack := _lack(streams.environ, max(deadline - time.monotonic(), 1.0)):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            tell(f"waiting: {lack}")
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)
    if lack:
        streams.complain(lack)
        return ExitCode.NO
    return ExitCode.OK


def _lack(environ: Mapping[str, str], timeout: float) -> str | None:
    """What readiness lacks, None where nothing does."""
    agent = find(environ)
    if agent is None:
        return "no agent is known here: neither SELFINSPECT_URI nor /run/selfinspect/uri names one"
    reply = ask(agent, "/readyz", timeout=timeout)
    if reply is None:
        return f"no agent answers at {agent.uri}"
    if reply.status == _READY:
        return None
    return ": ".join(filter(None, (f"the agent at {agent.uri} is not ready", _failing(reply.body))))


def _failing(body: bytes) -> str:
    """The checks that fail, and why; empty where the answer tells of none."""
    try:
        checks = sequence(json.loads(body), "checks")
    except (ValueError, RecursionError):
        return ""
    return "; ".join(
        f"{text(each, 'name')}: {text(each, 'detail')}" for each in checks if not member(each, "ok")
    )


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
        agent = AgentAddress(address.uri())
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
