"""`healthcheck`: whether this container's agent is well."""

from __future__ import annotations

import click

from selfinspect.cli.declared import Parsed
from selfinspect.cli.exit_codes import ExitCode, exits
from selfinspect.cli.streams import Streams, streams_of
from selfinspect.cli.verb import Verb
from selfinspect.client import ask, find
from selfinspect.duration import parse_duration
from selfinspect.listen import DEFAULT_API, parse_listen


@click.command(
    cls=Verb,
    examples=('HEALTHCHECK CMD ["selfinspect", "healthcheck"]',),
    exits=exits(no="It does not answer in time, or not that it is well."),
)
@click.option(
    "--timeout",
    type=Parsed("duration", parse_duration),
    default="5s",
    show_default=True,
    envvar="SELFINSPECT_TIMEOUT",
    help="How long to wait for an answer.",
)
@streams_of
def healthcheck(streams: Streams, /, timeout: float) -> int:
    """Ask whether this container's agent is well.

    It asks the agent's /healthz, for an image in which the agent is all there is; an image with
    an app checks its app. Where the agent could not leave its address (a read-only root without
    a tmpfs on /run/selfinspect), SELFINSPECT_LISTEN or its default is asked.
    """
    uri = find(streams.environ) or _configured(streams.environ.get("SELFINSPECT_LISTEN"))
    reply = ask(uri, "/healthz", timeout=timeout)
    if reply is not None and reply.status == 200:  # noqa: PLR2004
        print("ok", file=streams.out)
        return ExitCode.OK
    what = f"answers {reply.status}" if reply else "does not answer"
    print(f"selfinspect: error: the agent at {uri} {what}", file=streams.err)
    return ExitCode.NO


def _configured(listen: str | None) -> str:
    try:
        return parse_listen(listen.split(",")[0]).uri() if listen else DEFAULT_API.uri()
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="SELFINSPECT_LISTEN") from error
