"""`wait` and `healthcheck`: whether this container's agent is ready, and whether it is healthy."""

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
    from selfinspect.listen import ListenAddress

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_OK = 200


@click.command(
    cls=Verb,
    examples=("selfinspect wait --timeout 5s && curl -s $SELFINSPECT_URI/v1/self/name",),
    exits=exits(no="It was not ready in time."),
)
@timeout_option("30s", "How long to wait; 0 looks once.")
@streams_of
def wait(streams: Streams, /, timeout: float) -> int:
    """Wait until this container's agent is ready.

    It is ready once the identity is resolved and a first sample is taken. An agent that does not
    run yet is waited for, too.
    """
    deadline, pause = time.monotonic() + timeout, _FIRST_PAUSE
    with progress(streams, "waiting for the agent") as show:
        while lack := _lack(streams, max(deadline - time.monotonic(), 1.0)):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            show(f"waiting: {lack}")
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)
    if lack:
        streams.complain(lack)
        return ExitCode.NO
    return ExitCode.OK


def _lack(streams: Streams, timeout: float) -> str | None:
    """Why the agent is not ready, None where it is."""
    agent = find(streams.environ, streams.uri_file)
    if agent is None:
        return f"no agent found: neither SELFINSPECT_URI nor {streams.uri_file} names one"
    reply = ask(agent, "/readyz", timeout=timeout)
    if reply is None:
        return f"no agent answers at {agent.uri}"
    if reply.status == _OK:
        return None
    return ": ".join(filter(None, (f"the agent at {agent.uri} is not ready", _failing(reply.body))))


def _failing(body: bytes) -> str:
    """The checks that fail, and why; empty where the answer names none."""
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
    exits=exits(no="It does not answer in time, or is not healthy."),
)
@timeout_option("5s", "How long to wait for an answer.")
@streams_of
def healthcheck(streams: Streams, /, timeout: float) -> int:
    """Ask whether this container's agent is healthy.

    It asks the agent's /healthz, for an image that holds the agent alone; an image with an app
    checks its app. Where the agent could not leave its address (a read-only root without a tmpfs
    on /run/selfinspect), SELFINSPECT_LISTEN or its default is asked, provided that a process of
    this container listens there: in a shared network it may be a neighbour's agent.
    """
    agent = find(streams.environ, streams.uri_file)
    if agent is None:
        address = _configured(streams.environ.get("SELFINSPECT_LISTEN"))
        agent = AgentAddress(address.uri())
        if not (address.path or listens_here(address.port)):
            streams.complain(f"no agent listens here at {agent.uri}")
            return ExitCode.NO
    reply = ask(agent, "/healthz", timeout=timeout)
    if reply is not None and reply.status == _OK:
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
