"""An answer for a verb: of this container's agent where there is one, else found out here."""

from __future__ import annotations

import json
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from selfinspect.agent.observe import inquiry, observe
from selfinspect.cli.options import settings
from selfinspect.cli.streams import progress
from selfinspect.client import ask, find, follow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from selfinspect.agent.observe import Observation
    from selfinspect.cli.streams import Streams
    from selfinspect.client import AgentAddress
    from selfinspect.engine.api.inquiry import Inquiry
    from selfinspect.model import Json, Snapshot
    from selfinspect.settings import Settings

_TIMEOUT = 5.0
_SILENCE = 60.0  # an agent's streams bring at least a comment every 15 s
_OK = 200


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
    agent = agent_of(streams, given)
    if agent is not None and (document := told(agent, path)) is not None:
        return document
    with closing(look(streams, settings(given, streams.environ))) as observation:
        return here(observation)


def told(agent: AgentAddress, path: str, timeout: float = _TIMEOUT) -> Json:
    """The JSON document that an agent answers with at a path, None where it gives none."""
    reply = ask(agent, path, timeout=timeout, accept="application/json")
    if reply is None or (reply.status, reply.media_type) != (_OK, "application/json"):
        return None
    return _parsed(reply.body)


def streamed(agent: AgentAddress, path: str) -> Iterator[Json] | None:
    """The JSON documents of an agent's stream as they come, None where none begins."""
    lines = follow(agent, path, timeout=_TIMEOUT, silence=_SILENCE)
    if lines is None:
        return None
    documents = (_parsed(line[5:]) for line in lines if line.startswith(b"data:"))
    return (document for document in documents if document is not None)


def _parsed(body: bytes) -> Json:
    """A JSON document, None where it is none: who answers need not be an agent."""
    with suppress(ValueError, RecursionError):
        document: Json = json.loads(body)
        return document
    return None


def look(streams: Streams, chosen: Settings) -> Observation:
    """A look of our own; on a terminal it is told what takes long."""
    with progress(streams, "looking for an engine that knows this container"):
        return observe(chosen, streams.environ)


def agent_of(streams: Streams, given: Mapping[str, Any]) -> AgentAddress | None:
    """Where this container's agent is, None where one is not to be asked."""
    return None if _chosen(given) else find(streams.environ)


def _chosen(given: Mapping[str, Any]) -> bool:
    """Whether any of these options stands on the command line."""
    source = click.get_current_context().get_parameter_source
    return any(source(name) is ParameterSource.COMMANDLINE for name in given)


def pretty(document: Json) -> str:
    """JSON for a person to read."""
    return json.dumps(document, indent=2, ensure_ascii=False)
