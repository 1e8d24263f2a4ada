"""`events`: what happened to this container, and what happens next."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import click
from starlette.datastructures import QueryParams

from selfinspect import times
from selfinspect.agent.following import Following
from selfinspect.agent.observe import inquiry, look_again
from selfinspect.agent.past import recall
from selfinspect.cli.answers import agent_of, look, streamed, told
from selfinspect.cli.options import journalling, observing, settings
from selfinspect.cli.streams import Streams, streams_of
from selfinspect.cli.verb import ExitCode, Verb, exits
from selfinspect.documents import as_document, refused
from selfinspect.errors import NotAvailable
from selfinspect.events.intake import Intake
from selfinspect.journal.rows import Query
from selfinspect.jsonread import mapping, sequence, text
from selfinspect.logs import logger
from selfinspect.terminal import in_colour, print_line
from selfinspect.web.parameters import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from selfinspect.agent.observe import Observation
    from selfinspect.client import AgentAddress
    from selfinspect.engine.api.client import Client
    from selfinspect.journal.journal import Journal
    from selfinspect.model import Event, Json

_PAGE = 1000
# A container's labels stand among its event's attributes: only what the engine itself tells.
_TOLD = ("command", "status", "exit_code", "signal", "old_name", "reason", "from", "to")


@click.command(
    cls=Verb,
    examples=("selfinspect events --since 12h", "selfinspect events --follow --json"),
    exits=exits(ExitCode.NO_IDENTITY, ExitCode.ENGINE_UNREACHABLE, ExitCode.DENIED),
)
@click.option("--follow", "-f", "following", is_flag=True, help="Go on with what happens next.")
@click.option("--since", help="From then on: RFC 3339, Unix seconds, or so long ago, as 12h.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, a document a line.")
@journalling
@observing
@streams_of
def events(
    streams: Streams, /, *, following: bool, since: str | None, as_json: bool, **given: Any
) -> None:
    """Print what happened to this container.

    Events are in the order in which they became known: their times may step back. Those that the
    agent did not hear as they happened are marked with how they were found out.
    """
    asked = QueryParams({} if since is None else {"since": since})
    query = Query(since=moment(asked, "since", time.time_ns()))

    def tell(event: Json) -> None:
        if as_json:
            print(json.dumps(event, ensure_ascii=False), file=streams.out)
        else:
            print_line(streams.out, line(event))
        if following:
            streams.out.flush()

    told = _of_agent(streams, given, query, following=following)
    if told is None:
        _here(streams, given, query, tell, following=following)
    else:
        for event in told:
            tell(event)


def line(event: Json) -> str:
    """An event for people: when, what, and how it was found out where it did not come live."""
    attributes = mapping(event, "attributes")
    facts = [f"{name}={_plain(attributes[name])}" for name in _TOLD if attributes.get(name)]
    kind, action = text(event, "type") or "", text(event, "action") or ""
    if kind not in ("container", "agent"):
        facts.insert(0, text(event, "actor", "name") or text(event, "actor", "id") or "")
    source = text(event, "source")
    told = f"({source})" if source not in (None, "live") else ""
    words = (text(event, "time") or "-", f"{kind:<9}", f"{action:<13}", *facts, told)
    return " ".join(filter(None, words)).rstrip()


def _of_agent(
    streams: Streams, given: Mapping[str, Any], query: Query, *, following: bool
) -> Iterator[Json] | None:
    """The events that this container's agent tells, None where there is none."""
    agent = agent_of(streams, given)
    if agent is None:
        return None
    first = _page(agent, query, None)
    if first is None:
        return None
    return _pages(agent, query, first, following=following)


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
    asked = {"limit": str(_PAGE)}
    if query.since is not None:
        asked["since"] = times.rfc3339(query.since)
    if cursor is not None:
        asked["after"] = cursor
    return told(agent, f"/v1/events?{urlencode(asked)}")


def _here(
    streams: Streams,
    given: Mapping[str, Any],
    query: Query,
    tell: Callable[[Json], None],
    *,
    following: bool,
) -> None:
    """Tell those of the agent's journal and of the engine."""
    chosen = settings(given, streams.environ)
    with closing(look(streams, chosen)) as observation:
        if observation.snapshot.self is None:
            raise refused(observation.snapshot)
        if following:
            inquiry(observation)  # without an engine there is nothing to go on with
        journal = recall(chosen, observation)
        for event in journal.after(None, query=query).events:
            tell(as_document(event))
        if following and observation.client is not None:
            _follow(observation, observation.client, journal, tell, streams)
        elif given["engine"] != "off":
            _say_what_is_missing(observation)


def _say_what_is_missing(observation: Observation) -> None:
    """The events of the journal are not all, where no engine tells of those since.

    Raises:
        EngineError: that is so.
    """
    client = inquiry(observation).client
    if client.connection.capabilities.states()["events"] == "denied":
        client.own_events().close()  # which says how to have it allowed


def _follow(
    observation: Observation,
    client: Client,
    journal: Journal,
    tell: Callable[[Json], None],
    streams: Streams,
) -> None:
    def tell_all(told: Sequence[Event]) -> None:
        for event in told:
            tell(as_document(event))

    Following(
        client,
        current=lambda: observation,
        refresh=lambda: look_again(observation),
        intake=Intake(journal, on_events=tell_all, on_check=lambda _: None),
        listening=lambda: True,
        log=logger(
            streams.err,
            level="error",
            form="auto",
            mask=observation.masking.text,
            colours=in_colour(streams.err, streams.environ),
        ),
    ).run()


def _plain(value: Json) -> str:
    words = value if isinstance(value, list) else [value]
    return " ".join(map(str, words))
