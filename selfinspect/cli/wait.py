"""`wait`: until this container's agent is ready."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from selfinspect.cli.declared import timeout_option
from selfinspect.cli.exit_codes import ExitCode, exits
from selfinspect.cli.progress import progress
from selfinspect.cli.streams import Streams, streams_of
from selfinspect.cli.verb import Verb
from selfinspect.client import ask, find
from selfinspect.engine.access import member, sequence, text

if TYPE_CHECKING:
    from collections.abc import Mapping

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
