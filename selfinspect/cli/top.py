"""`top`: the processes of this container."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import click

from selfinspect.cli.answers import from_agent_or_engine, pretty
from selfinspect.cli.exit_codes import ExitCode, exits
from selfinspect.cli.options import observing
from selfinspect.cli.streams import Streams, streams_of
from selfinspect.cli.table import table
from selfinspect.cli.verb import Verb
from selfinspect.engine.access import sequence, texts
from selfinspect.terminal import print_line


@click.command(
    cls=Verb,
    examples=("selfinspect top", "selfinspect top --args '-eo pid,rss,comm'"),
    exits=exits(ExitCode.NO_IDENTITY, ExitCode.ENGINE_UNREACHABLE, ExitCode.DENIED),
)
@click.option("--args", help="The columns, as ps takes them: -ef, or -eo pid,comm.")
@click.option("--json", "as_json", is_flag=True, help="What /v1/top answers.")
@observing
@streams_of
def top(streams: Streams, /, *, args: str | None, as_json: bool, **given: Any) -> None:
    """Print the processes of this container.

    Process IDs are those of the engine's machine.
    """
    path = "/v1/top" + (f"?{urlencode({'args': args})}" if args is not None else "")
    document = from_agent_or_engine(streams, given, path, lambda inquiry: inquiry.top(args))
    if as_json:
        print(pretty(document), file=streams.out)
    else:
        rows = [texts(document, "titles"), *map(texts, sequence(document, "processes"))]
        for line in table(rows):
            print_line(streams.out, line)
