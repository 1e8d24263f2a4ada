"""`wait`: until this container's agent is ready."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from selfinspect.cli.exit_codes import ExitCode
from selfinspect.cli.options import Parsed
from selfinspect.cli.streams import Streams, streams_of
from selfinspect.client import ask, find
from selfinspect.duration import parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_READY = 200


@click.command()
@click.option(
    "--timeout",
    type=Parsed("duration", parse_duration),
    default="30s",
    show_default=True,
    envvar="SELFINSPECT_TIMEOUT",
    help="How long to wait; 0 looks once.",
)
@streams_of
def wait(streams: Streams, /, timeout: float) -> int:
    """Wait until this container's agent is ready: identity known, first sample taken.

    Exit 0 once it is, 1 after the timeout. An agent that does not run yet is waited for, too.
    """
    deadline, pause = time.monotonic() + timeout, _FIRST_PAUSE
    while (lack := _lack(streams.environ, max(deadline - time.monotonic(), 1.0))) is not None:
        left = deadline - time.monotonic()
        if left <= 0:
            print(f"selfinspect: error: {lack}", file=streams.err)
            return ExitCode.NO
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)
    return ExitCode.OK


def _lack(environ: Mapping[str, str], timeout: float) -> str | None:
    """What readiness lacks, None where nothing does."""
    uri = find(environ)
    if uri is None:
        return "no agent is known here: neither SELFINSPECT_URI nor /run/selfinspect/uri names one"
    reply = ask(uri, "/readyz", timeout=timeout)
    if reply is None:
        return f"no agent answers at {uri}"
    return None if reply.status == _READY else f"the agent at {uri} is not ready"
