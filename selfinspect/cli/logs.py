"""`logs`: what this container has printed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import click

from selfinspect.agent.observe import inquiry
from selfinspect.cli.answers import answers
from selfinspect.cli.options import Parsed, observing
from selfinspect.cli.streams import Streams, streams_of
from selfinspect.cli.verb import ExitCode, Verb, exits
from selfinspect.client import follow
from selfinspect.engine.inspect.log import LogQuery, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.agent.state import Observation
    from selfinspect.client import AgentAddress
    from selfinspect.engine.inspect.log import LogLine

_TIMEOUT = 5.0
_SILENCE = 30.0
_MOST_LINES = 10**9 - 1


def _count(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) <= _MOST_LINES:
        return int(text)
    raise ValueError(f"{text!r}: takes a number of lines, such as 20")


@click.command(
    cls=Verb,
    examples=("selfinspect logs --tail 20", "selfinspect logs --follow --json"),
    exits=exits(ExitCode.NO_IDENTITY, ExitCode.ENGINE_UNREACHABLE, ExitCode.DENIED),
)
@click.option("--follow", "-f", "following", is_flag=True, help="Keep printing new lines.")
@click.option("--tail", "-n", type=Parsed("lines", _count), help="Begin with this many last lines.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, one document a line, with its time."
)
@observing
@streams_of
def logs(
    streams: Streams, /, *, following: bool, tail: int | None, as_json: bool, **given: Any
) -> None:
    """Print what this container has printed, secrets masked.

    Both of its streams, in the order in which the engine has them.
    """
    query = LogQuery(tail=tail, follow=following, timed=as_json)
    lines = answers(
        streams,
        given,
        lambda agent: _of_agent(agent, query),
        lambda observation: _of_engine(observation, query),
    )
    for line in lines:
        print(line, file=streams.out)
        if following:
            streams.out.flush()


def _of_agent(agent: AgentAddress, query: LogQuery) -> Iterator[str] | None:
    """The lines that an agent answers with, None where it gives no answer."""
    tail = "all" if query.tail is None else query.tail
    asked = urlencode({"follow": str(query.follow).lower(), "tail": tail})
    accept = "application/x-ndjson" if query.timed else "text/plain"
    silence = None if query.follow else _SILENCE
    lines = follow(agent, f"/v1/logs?{asked}", timeout=_TIMEOUT, accept=accept, silence=silence)
    if lines is None:
        return None
    return (line.decode(errors="replace").removesuffix("\n") for line in lines)


def _of_engine(observation: Observation, query: LogQuery) -> Iterator[str]:
    write = _document if query.timed else written
    with inquiry(observation).log(query) as log:
        for batch in log.batches():
            yield from map(write, batch)


def _document(line: LogLine) -> str:
    return json.dumps(line._asdict(), ensure_ascii=False)
