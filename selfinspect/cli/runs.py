"""`runs`: this container's runs, and how each ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from selfinspect.agent.past import container_runs, recall
from selfinspect.cli.answers import answer
from selfinspect.cli.options import journalling, observing, settings
from selfinspect.cli.streams import Streams, streams_of, table
from selfinspect.cli.verb import ExitCode, Verb, exits
from selfinspect.documents import as_document, standing
from selfinspect.jsonread import mapping, sequence

if TYPE_CHECKING:
    from selfinspect.agent.state import Observation
    from selfinspect.model import Json

_HEAD = ("RUN", "STARTED (UTC)", "FINISHED (UTC)", "EXIT", "SIGNAL", "CAUSE")
_SECONDS = len("2026-11-21T15:00:00")


@click.command(
    cls=Verb,
    examples=("selfinspect runs", "selfinspect runs --json"),
    exits=exits(ExitCode.NO_IDENTITY),
)
@click.option("--json", "as_json", is_flag=True, help="Print what /v1/runs returns.")
@journalling
@observing
@streams_of
def runs(streams: Streams, /, *, as_json: bool, **given: Any) -> None:
    """Print this container's runs, and how each ended.

    The run that goes on is (present). In --json its finished_at is null and its cause unknown, for
    it has not ended.
    """

    def put_together(observation: Observation) -> Json:
        standing(observation.snapshot)
        chosen = settings(given, streams.environ)
        journal = recall(chosen, observation)
        return {"runs": as_document(container_runs(chosen, journal, observation.snapshot))}

    document = answer(streams, given, "/v1/runs", put_together)
    if as_json:
        streams.print_json(document)
    else:
        rows = [row(run, newest=not place) for place, run in enumerate(sequence(document, "runs"))]
        streams.print_lines(table([_HEAD, *rows]))


def row(run: Json, *, newest: bool) -> tuple[str, ...]:
    """A run's cells; what is unknown is a dash."""
    facts = mapping(run)
    present = newest and facts.get("finished_at") is None
    return (
        _shown(facts.get("number")),
        _to_seconds(facts.get("started_at")),
        _to_seconds(facts.get("finished_at")),
        _shown(facts.get("exit_code")),
        _shown(facts.get("signal")),
        "(present)" if present else _shown(facts.get("cause")),
    )


def _to_seconds(when: Json) -> str:
    return when[:_SECONDS].replace("T", " ") if isinstance(when, str) else "-"


def _shown(fact: Json) -> str:
    return "-" if fact is None else str(fact)
