"""An answer for a verb: of this container's agent where there is one, else found out here."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from selfinspect.cli.options import settings
from selfinspect.cli.progress import progress
from selfinspect.client import ask, find
from selfinspect.observe import inquiry, observe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from selfinspect.cli.streams import Streams
    from selfinspect.engine.inquiry import Inquiry
    from selfinspect.model import Json, Snapshot
    from selfinspect.observe import Observation
    from selfinspect.settings import Settings

_TIMEOUT = 5.0


def from_agent_or_here(
    streams: Streams, given: Mapping[str, Any], path: str, here: Callable[[Snapshot], Json]
) -> Json:
    """A JSON document, of the agent at a path, or made here from a look of our own.

    An agent is asked only where no option is given on the command line: it may have been
    started with others. The environment is as much the agent's as ours.

    Raises:
        SelfinspectError: whatever `here` raises.
    """
    return from_agent_or_look(streams, given, path, lambda observation: here(observation.snapshot))


def from_agent_or_engine(
    streams: Streams, given: Mapping[str, Any], path: str, question: Callable[[Inquiry], Json]
) -> Json:
    """The same, where a look does not suffice and an engine is to be asked more.

    Raises:
        SelfinspectError: there is none to be asked; and whatever `question` raises.
    """
    return from_agent_or_look(
        streams, given, path, lambda observation: question(inquiry(observation))
    )


def from_agent_or_look(
    streams: Streams, given: Mapping[str, Any], path: str, here: Callable[[Observation], Json]
) -> Json:
    """The same, where more is needed than what the look found, such as whom to ask further.

    Raises:
        SelfinspectError: whatever `here` raises.
    """
    uri = agent_of(streams, given)
    if uri is not None:
        reply = ask(uri, path, timeout=_TIMEOUT, accept="application/json")
        if reply is not None and (reply.status, reply.media_type) == (200, "application/json"):
            document: Json = json.loads(reply.body)
            return document
    with closing(look(streams, settings(given, streams.environ))) as observation:
        return here(observation)


def look(streams: Streams, chosen: Settings) -> Observation:
    """A look of our own; on a terminal it is told what takes long."""
    with progress(streams, "looking for an engine that knows this container"):
        return observe(chosen, streams.environ)


def agent_of(streams: Streams, given: Mapping[str, Any]) -> str | None:
    """Where this container's agent is, None where one is not to be asked."""
    return None if _chosen(given) else find(streams.environ)


def _chosen(given: Mapping[str, Any]) -> bool:
    """Whether any of these options stands on the command line."""
    source = click.get_current_context().get_parameter_source
    return any(source(name) is ParameterSource.COMMANDLINE for name in given)


def pretty(document: Json) -> str:
    """JSON for a person to read."""
    return json.dumps(document, indent=2, ensure_ascii=False)
