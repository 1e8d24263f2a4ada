"""`events` and `runs`: what happened to this container, what happens next, and how it ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import click

from selfinspect.agent.following import Following
from selfinspect.agent.observe import inquiry
from selfinspect.agent.past import container_runs, recall
from selfinspect.agent.state import State
from selfinspect.cli.answers import answer, answers, fetched, streamed
from selfinspect.cli.options import journalling, observing, of_period, period, settings
from selfinspect.cli.streams import Streams, streams_of, table
from selfinspect.cli.verb import ExitCode, Verb, exits
from selfinspect.documents import as_document, standing
from selfinspect.errors import NotAvailable
from selfinspect.events.intake import Intake
from selfinspect.events.stream import Audience
from selfinspect.journal.rows import Query
from selfinspect.jsonread import mapping, sequence, text
from selfinspect.terminal import in_colour, print_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from selfinspect.agent.state import Observation
    from selfinspect.client import AgentAddress
    from selfinspect.engine.api.client import Client
    from selfinspect.journal.journal import Journal
    from selfinspect.model import Event, Json

_PAGE = 1000
_EXEC = "exec_"
# The attributes that the engine itself sets: a container's labels stand among them, too.
_SHOWN = ("command", "status", "exit_code", "signal", "old_name", "reason", "from", "to")
_HEAD = ("RUN", "STARTED (UTC)", "FINISHED (UTC)", "EXIT", "SIGNAL", "CAUSE")
_SECONDS = len("2026-11-21T15:00:00")


@click.command(
    cls=Verb,
    examples=(
        "selfinspect events --since 1d --type container",
        "selfinspect events --action die --until 2026-11-21T09:00:00Z",
        "selfinspect events --follow --json",
    ),
    exits=exits(ExitCode.NO_IDENTITY, ExitCode.ENGINE_UNREACHABLE, ExitCode.DENIED),
)
@click.option(
    "--follow", "-f", "following", is_flag=True, help="Keep printing events as they happen."
)
@click.option(
    "--since", help="Only from then on: RFC 3339, Unix seconds, or a duration back such as 12h."
)
@click.option("--until", help="Only up to then, written alike; not with --follow.")
@click.option("--type", "kind", help="Only of this type: container, network, agent and so on.")
@click.option("--action", help="Only of this action: start, die, oom, health_status and so on.")
@click.option("--all", "every", is_flag=True, help="Execs as well, which text leaves out.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one document a line.")
@journalling
@observing
@streams_of
def events(
    streams: Streams,
    /,
    *,
    following: bool,
    since: str | None,
    until: str | None,
    kind: str | None,
    action: str | None,
    every: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Print what happened to this container.

    Events are in the order in which they were received: their times may step back. Those that the
    agent did not receive live are marked with how they were found. Each `docker exec` and each
    health check makes three, so text leaves these out; --action exec_start or --all shows them.
    """
    if following and until is not None:
        raise click.UsageError("--until does not go with --follow")
    begin, end = period(since, until)
    query = Query(since=begin, until=end, type=kind, action=action)
    printer = Printer(
        streams,
        query,
        as_json=as_json,
        with_execs=every or as_json or action is not None,
        at_once=following,
    )

    def here(observation: Observation) -> Iterator[Json]:
        standing(observation.snapshot)
        if following:
            inquiry(observation)  # without an engine there is nothing to follow
        journal = recall(settings(given, streams.environ), observation)
        yield from map(as_document, journal.after(None, query=query).events)
        if following and observation.client is not None:
            _follow(observation, observation.client, journal, printer.show, streams)
        elif given["engine"] != "off":
            _check_complete(observation)

    found = answers(
        streams, given, lambda agent: _of_agent(agent, query, following=following), here
    )
    for event in found:
        printer.show(event)
    if printer.left_out and streams.err.isatty():
        print(
            f"selfinspect: {printer.left_out} events of execs are left out: --all shows them",
            file=streams.err,
        )


class Printer:
    """Prints the events that are asked for.

    Args:
        streams: the verb's.
        query: what they have to match; a stream brings others as well.
        as_json: whether as JSON, else for people.
        with_execs: whether those of execs, too.
        at_once: whether each is there before the next comes.

    Attributes:
        left_out: how many events of execs were not printed.
    """

    def __init__(
        self, streams: Streams, query: Query, *, as_json: bool, with_execs: bool, at_once: bool
    ) -> None:
        self.left_out = 0
        self._out = streams.out
        self._query = query
        self._as_json = as_json
        self._with_execs = with_execs
        self._at_once = at_once

    def show(self, event: Json) -> None:
        """Print an event, or leave it out."""
        query, kind, action = self._query, text(event, "type"), text(event, "action") or ""
        if action != "gap" and not (query.type in (None, kind) and query.action in (None, action)):
            return
        if not self._with_execs and action.startswith(_EXEC):
            self.left_out += 1
            return
        if self._as_json:
            print(json.dumps(event, ensure_ascii=False), file=self._out)
        else:
            print_line(self._out, line(event))
        if self._at_once:
            self._out.flush()


def line(event: Json) -> str:
    """An event for people: when, what, and how it was found unless it came live."""
    attributes = mapping(event, "attributes")
    facts = [f"{name}={_plain(attributes[name])}" for name in _SHOWN if attributes.get(name)]
    kind, action = text(event, "type") or "", text(event, "action") or ""
    if kind not in ("container", "agent"):
        facts.insert(0, text(event, "actor", "name") or text(event, "actor", "id") or "")
    source = text(event, "source")
    found = f"({source})" if source not in (None, "live") else ""
    words = (text(event, "time") or "-", f"{kind:<9}", f"{action:<13}", *facts, found)
    return " ".join(filter(None, words)).rstrip()


def _of_agent(agent: AgentAddress, query: Query, *, following: bool) -> Iterator[Json] | None:
    """The events that an agent answers with, None where it gives no answer."""
    first = _page(agent, query, None)
    return None if first is None else _pages(agent, query, first, following=following)


def _pages(agent: AgentAddress, query: Query, page: Json, *, following: bool) -> Iterator[Json]:
    cursor = None
    while page is not None and sequence(page, "events"):
        yield from sequence(page, "events")
        cursor = text(page, "next")
        page = _page(agent, query, cursor)
    cursor = text(page, "next") or cursor
    if following:
        asked = urlencode({"after": cursor or ""})
        yield from streamed(agent, f"/v1/events/stream?{asked}") or ()
        raise NotAvailable(f"the agent at {agent.uri} no longer answers")


def _page(agent: AgentAddress, query: Query, cursor: str | None) -> Json:
    wanted = {"type": query.type, "action": query.action, "after": cursor}
    asked = {
        "limit": str(_PAGE),
        **of_period(query.since, query.until),
        **{name: value for name, value in wanted.items() if value is not None},
    }
    return fetched(agent, f"/v1/events?{urlencode(asked)}")


def _check_complete(observation: Observation) -> None:
    """Report where the engine withholds what happened since the journal's last event.

    Raises:
        EngineError: it does; the hint says how to allow it.
    """
    client = inquiry(observation).client
    if client.connection.capabilities.states()["events"] == "denied":
        client.own_events().close()


def _follow(
    observation: Observation,
    client: Client,
    journal: Journal,
    show: Callable[[Json], None],
    streams: Streams,
) -> None:
    """Show the events as they happen, until the verb is interrupted."""

    def show_all(arrived: Sequence[Event]) -> None:
        for event in arrived:
            show(as_document(event))

    # Only here: its library takes time to load, and only this has anything to log.
    from selfinspect.logs import logger  # noqa: PLC0415

    state, audience = State(observation), Audience()
    log = logger(
        streams.err,
        level="error",
        form="auto",
        mask=state.masked,
        colours=in_colour(streams.err, streams.environ),
    )
    intake = Intake(journal, on_events=show_all, on_check=lambda _: None)
    with audience.joined():
        Following(client, state=state, intake=intake, audience=audience, log=log).run()


def _plain(value: Json) -> str:
    words = value if isinstance(value, list) else [value]
    return " ".join(map(str, words))


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
    it has not ended. Where no engine has answered, only runs that have ended are listed.
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
        _cell(facts.get("number")),
        _to_seconds(facts.get("started_at")),
        _to_seconds(facts.get("finished_at")),
        _cell(facts.get("exit_code")),
        _cell(facts.get("signal")),
        "(present)" if present else _cell(facts.get("cause")),
    )


def _to_seconds(when: Json) -> str:
    return when[:_SECONDS].replace("T", " ") if isinstance(when, str) else "-"


def _cell(fact: Json) -> str:
    return "-" if fact is None else str(fact)
