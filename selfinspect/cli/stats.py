"""`stats` and `top`: what this container uses now, and its processes."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import click

from selfinspect.agent.observe import inquiry
from selfinspect.agent.readings import Readings
from selfinspect.agent.state import State
from selfinspect.cli.answers import answer, answers, fetched, streamed
from selfinspect.cli.options import observing, settings
from selfinspect.cli.streams import Streams, progress, streams_of, table
from selfinspect.cli.verb import ExitCode, Verb, exits
from selfinspect.documents import as_document, standing
from selfinspect.errors import BadRequestError
from selfinspect.jsonread import mapping, member, sequence, texts
from selfinspect.terminal import columns, steer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.agent.state import Observation
    from selfinspect.client import AgentAddress
    from selfinspect.model import Json, StatsSource
    from selfinspect.settings import Settings

_HEAD = ("CPU %", "MEM USAGE", "LIMIT", "MEM %", "NET I", "NET O", "BLOCK I", "BLOCK O", "PIDS")
_WIDTH = 9
_UP_AND_CLEAR = "\x1b[1A\x1b[2K"
_STEP = 1024


@click.command(
    cls=Verb,
    examples=("selfinspect stats --follow", "selfinspect stats --json"),
    exits=exits(
        ExitCode.NO_IDENTITY,
        ExitCode.ENGINE_UNREACHABLE,
        ExitCode.DENIED,
        no="No figures are available.",
    ),
)
@click.option("--follow", "-f", "following", is_flag=True, help="Keep printing, once a second.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one document a sample.")
@observing
@streams_of
def stats(streams: Streams, /, *, following: bool, as_json: bool, **given: Any) -> int:
    """Print what this container uses: CPU, memory, network, IO.

    The CPU's percentage is that of a second, for which it waits; 100 is one whole CPU. --json
    prints at once: its cpu.percent is of the cpu.percent_interval_seconds since somebody last
    asked.
    """
    samples = answers(
        streams,
        given,
        lambda agent: _of_agent(agent, following=following),
        lambda observation: _taken_here(observation, settings(given, streams.environ)),
    )
    if not following:
        samples = _one(streams, samples, for_people=not as_json)
    none, dumb = True, streams.environ.get("TERM") == "dumb"
    for sample in samples:
        room = columns(streams.out)  # a longer line would wrap, and a redraw clear half of it
        if as_json and following:
            print(json.dumps(sample), file=streams.out)
        elif as_json:
            streams.print_json(sample)
        elif none:
            print(_line(_HEAD)[:room], _line(row(sample))[:room], sep="\n", file=streams.out)
        else:
            steer(streams.out, "" if room is None or dumb else _UP_AND_CLEAR)
            print(_line(row(sample))[:room], file=streams.out)
        streams.out.flush()
        none = False
    if none:
        streams.complain("no figures are available")
    return ExitCode.NO if none else ExitCode.OK


def _one(streams: Streams, samples: Iterator[Json], *, for_people: bool) -> Iterator[Json]:
    """A single sample: for people the second, whose CPU is that of a second, not of hours."""
    first = next(samples, None)
    if for_people and first is not None:
        with progress(streams, "measuring the CPU for a second"):
            first = next(samples, first)
    if first is not None:
        yield first


def row(sample: Json) -> tuple[str, ...]:
    """A sample's cells; what is unknown is a dash."""
    network = [mapping(each) for each in mapping(sample, "network").values()]
    devices = [mapping(each) for each in mapping(sample, "io").values()]
    return (
        _percent(member(sample, "cpu", "percent")),
        _size(member(sample, "memory", "working_set_bytes")),
        _size(member(sample, "memory", "limit_bytes")),
        _percent(member(sample, "memory", "percent")),
        _sum(network, "rx_bytes"),
        _sum(network, "tx_bytes"),
        _sum(devices, "read_bytes"),
        _sum(devices, "write_bytes"),
        str(member(sample, "pids", "current") or "-"),
    )


def _of_agent(agent: AgentAddress, *, following: bool) -> Iterator[Json] | None:
    """An agent's samples, None where it has none to give."""
    if following:
        return streamed(agent, "/v1/stats/stream")
    first = fetched(agent, "/v1/stats")
    return None if first is None else _asked_for(agent, first)


def _asked_for(agent: AgentAddress, sample: Json) -> Iterator[Json]:
    while sample is not None:
        yield sample
        time.sleep(1)
        sample = fetched(agent, "/v1/stats")


def _taken_here(observation: Observation, chosen: Settings) -> Iterator[Json]:
    standing(observation.snapshot)
    readings = Readings(chosen, State(observation))
    while (sample := readings.sample()) is not None:
        document = as_document(sample)
        yield {name: each for name, each in mapping(document).items() if name != "detail"}
        time.sleep(1)


def _line(cells: tuple[str, ...]) -> str:
    """The cells, each at its place; all of them fit a terminal of 80 columns."""
    places = zip(cells, _HEAD, strict=True)
    return "".join(f"{cell:<{max(_WIDTH, 1 + len(head))}}" for cell, head in places).rstrip()


def _percent(value: Json) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) else "-"


def _size(value: Json) -> str:
    """Bytes in the largest binary unit that leaves a digit before the point."""
    if not isinstance(value, int):
        return "-"
    amount, units = float(value), iter(("KiB", "MiB", "GiB", "TiB"))
    unit = "B"
    while amount >= _STEP and (larger := next(units, None)):
        amount, unit = amount / _STEP, larger
    return f"{amount:.4g}{unit}"


def _sum(parts: list[dict[str, Json]], name: str) -> str:
    values = [value for part in parts if isinstance(value := part.get(name), int)]
    return _size(sum(values)) if values else "-"


@click.command(
    cls=Verb,
    examples=(
        "selfinspect top",
        "selfinspect top --args '-eo pid,uid,rss,args'",
        "selfinspect top --source kernel",
    ),
    exits=exits(
        ExitCode.NO_IDENTITY,
        ExitCode.ENGINE_UNREACHABLE,
        ExitCode.DENIED,
        no="The kernel does not show all processes to this one.",
    ),
)
@click.option("--args", help="The columns, as ps takes them: -ef, or -eo pid,comm.")
@click.option(
    "--source",
    type=click.Choice(["engine", "kernel"]),
    default="engine",
    show_default=True,
    help="Which of them lists the processes: the engine by ps, or the kernel in /proc.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what /v1/top returns.")
@observing
@streams_of
def top(
    streams: Streams, /, *, args: str | None, source: StatsSource, as_json: bool, **given: Any
) -> None:
    """Print the processes of this container.

    Process IDs and names of users are those of the engine's machine, where a user of this container
    may have another name; the column uid has the number. With user namespaces that number is the
    machine's, too. --source kernel needs no engine: IDs are this container's, RSS and SWAP are in
    KiB, TIME is seconds of CPU.
    """
    if source == "kernel" and args is not None:
        raise BadRequestError("--args are of ps, which --source kernel does not run")

    def here(observation: Observation) -> Json:
        if source == "engine":
            return inquiry(observation).top(args)
        standing(observation.snapshot)
        return Readings(settings(given, streams.environ), State(observation)).processes()

    asked = {"args": args, "source": "kernel" if source == "kernel" else None}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    document = answer(streams, given, f"/v1/top?{query}" if query else "/v1/top", here)
    if as_json:
        streams.print_json(document)
        return
    rows = [texts(document, "titles"), *map(texts, sequence(document, "processes"))]
    streams.print_lines(table(rows))
    if more := member(document, "truncated", "processes"):
        print(f"{more} more are not listed", file=streams.err)
