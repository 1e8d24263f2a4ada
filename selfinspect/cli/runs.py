"""`runs`: this container's runs, and how each ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from selfinspect.agent.past import Past, recall
from selfinspect.cli.answers import from_agent_or_look, pretty
from selfinspect.cli.options import journalling, observing, settings
from selfinspect.cli.streams import Streams, streams_of, table
from selfinspect.cli.verb import ExitCode, Verb, exits
from selfinspect.documents import as_document, standing
from selfinspect.jsonread import mapping, sequence
from selfinspect.terminal import print_line

if TYPE_CHECKING:
    from selfinspect.agent.observe import Observation
    from selfinspect.model import Json

_HEAD = ("RUN", "STARTED (UTC)", "FINISHED (UTC)", "EXIT", "SIGNAL", "CAUSE")
_SECONDS = len("2026-11-21T15:00:00")


@click.command(
    cls=Verb,
    examples=("selfinspect runs", "selfinspect runs --json"),
    exits=exits(ExitCode.NO_IDENTITY),
)
@click.option("--json", "as_json", is_flag=True, help="What /v1/runs answers.")
@journalling
@observing
@streams_of
def runs(streams: Streams, /, *, as_json: bool, **given: Any) -> None:
    """Print this container's runs, and how each ended."""

    def put_together(observation: Observation) -> Json:
        standing(observation.snapshot)
        chosen = settings(given, streams.environ)
        past = Past(chosen, recall(chosen, observation))
        past.update(observation.snapshot)
        return {"runs": as_document(past.runs)}

    document = from_agent_or_look(streams, given, "/v1/runs", put_together)
    if as_json:
        print(pretty(document), file=streams.out)
    else:
        rows = [row(run, newest=not place) for place, run in enumerate(sequence(document, "runs"))]
        for line in table([_HEAD, *rows]):
            print_line(streams.out, line)


def row(run: Json, *, newest: bool) -> tuple[str, ...]:
    """A run's cells; a dash is not known."""
    facts = mapping(run)
    present = newest and facts.get("finished_at") is None
    return (
        _known(facts.get("number")),
        _to_seconds(facts.get("started_at")),
        _to_seconds(facts.get("finished_at")),
        _known(facts.get("exit_code")),
        _known(facts.get("signal")),
        "(present)" if present else _known(facts.get("cause")),
    )


def _to_seconds(when: Json) -> str:
    return when[:_SECONDS].replace("T", " ") if isinstance(when, str) else "-"


def _known(fact: Json) -> str:
    return "-" if fact is None else str(fact)
