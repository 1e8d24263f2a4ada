"""`logs`: what this container has printed."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import click

from selfinspect.agent.observe import inquiry
from selfinspect.cli.answers import answers
from selfinspect.cli.options import Parsed, observing, of_period, period
from selfinspect.cli.streams import Streams, streams_of
from selfinspect.cli.verb import ExitCode, Verb, exits
from selfinspect.client import follow
from selfinspect.engine.inspect.log import LogQuery, written
from selfinspect.jsonread import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.agent.state import Observation
    from selfinspect.client import AgentAddress
    from selfinspect.engine.inspect.log import LogLine
    from selfinspect.model import Json

_TIMEOUT = 5.0
_SILENCE = 30.0
_MOST_LINES = 10**9 - 1


def _count(value: str) -> int:
    if value.isascii() and value.isdecimal() and int(value) <= _MOST_LINES:
        return int(value)
    raise ValueError(f"{value!r}: takes a number of lines, such as 20")


@click.command(
    cls=Verb,
    examples=(
        "selfinspect logs --tail 20 --follow",
        "selfinspect logs --since 10m --timestamps",
        "selfinspect logs --since 2h --until 1h --json",
    ),
    exits=exits(ExitCode.NO_IDENTITY, ExitCode.ENGINE_UNREACHABLE, ExitCode.DENIED),
)
@click.option("--follow", "-f", "following", is_flag=True, help="Keep printing new lines.")
@click.option("--tail", "-n", type=Parsed("lines", _count), help="Begin with this many last lines.")
@click.option(
    "--since", help="Only from then on: RFC 3339, Unix seconds, or a duration back such as 1h."
)
@click.option("--until", help="Only before then, written alike.")
@click.option("--timestamps", "-t", "stamped", is_flag=True, help="Begin each line with its time.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, one document a line, with its time."
)
@observing
@streams_of
def logs(
    streams: Streams,
    /,
    *,
    following: bool,
    tail: int | None,
    since: str | None,
    until: str | None,
    stamped: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Print what this container has printed, secrets masked.

    Both of its streams, in the order in which the engine has them.
    """
    begin, end = period(since, until)
    timed = as_json or stamped
    query = LogQuery(tail=tail, since=begin, until=end, follow=following, timed=timed)
    lines = answers(
        streams,
        given,
        lambda agent: _of_agent(agent, query),
        lambda observation: _of_engine(observation, query),
    )
    for line in lines:
        print(_with_time(line) if stamped and not as_json else line, file=streams.out)
        if following:
            streams.out.flush()


def _of_agent(agent: AgentAddress, query: LogQuery) -> Iterator[str] | None:
    """The lines that an agent answers with, None where it gives no answer."""
    tail = "all" if query.tail is None else str(query.tail)
    asked = {
        "follow": str(query.follow).lower(),
        "tail": tail,
        **of_period(query.since, query.until),
    }
    accept = "application/x-ndjson" if query.timed else "text/plain"
    silence = None if query.follow else _SILENCE
    path = f"/v1/logs?{urlencode(asked)}"
    lines = follow(agent, path, timeout=_TIMEOUT, accept=accept, silence=silence)
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


def _with_time(document: str) -> str:
    """A line's document for people, its time first."""
    line: Json = None
    with suppress(ValueError, RecursionError):
        line = json.loads(document)
    said = text(line, "line") or ""
    shown = f"[engine: {said}]" if text(line, "stream") == "engine" else said
    return f"{text(line, 'time') or '-'} {shown}"
