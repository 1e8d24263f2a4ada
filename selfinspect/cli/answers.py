"""Where a verb's answer comes from: this container's agent, else a look of our own."""

from __future__ import annotations

import json
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from selfinspect.agent.observe import observe
from selfinspect.cli.options import settings
from selfinspect.cli.streams import progress
from selfinspect.client import OK, ask, find, follow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from selfinspect.agent.state import Observation
    from selfinspect.cli.streams import Streams
    from selfinspect.client import AgentAddress
    from selfinspect.model import Json

_TIMEOUT = 5.0
_SILENCE = 60.0  # an agent's streams bring at least a comment every 15 s

Answer = TypeVar("Answer")


def answers(
    streams: Streams,
    given: Mapping[str, Any],
    of_agent: Callable[[AgentAddress], Iterable[Answer] | None],
    here: Callable[[Observation], Iterable[Answer]],
) -> Iterator[Answer]:
    """What the agent answers, else what is found out here.

    Args:
        streams: the verb's.
        given: its options that say where or how to look.
        of_agent: asks the agent; None where it gives no answer.
        here: makes the answers from our own look, which stays open until the last of them.

    Raises:
        SelfinspectError: whatever `here` raises.
    """
    agent = agent_of(streams, given)
    found = None if agent is None else of_agent(agent)
    if found is not None:
        yield from found
        return
    with progress(streams, "looking for an engine that knows this container"):
        looked = observe(settings(given, streams.environ), streams.environ)
    with closing(looked) as observation:
        yield from here(observation)


def answer(
    streams: Streams, given: Mapping[str, Any], path: str, here: Callable[[Observation], Json]
) -> Json:
    """The JSON document that the agent has at a path, else what is made of our own look.

    Raises:
        SelfinspectError: whatever `here` raises.
    """

    def of_agent(agent: AgentAddress) -> tuple[Json] | None:
        document = fetched(agent, path)
        return None if document is None else (document,)

    [document] = answers(streams, given, of_agent, lambda observation: (here(observation),))
    return document


def agent_of(streams: Streams, given: Mapping[str, Any]) -> AgentAddress | None:
    """Where this container's agent is; None where none is found, or none may be asked.

    An agent is asked only where none of these options stands on the command line: it may have been
    started with others. The environment is as much the agent's as ours.
    """
    source = click.get_current_context().get_parameter_source
    chosen = any(source(name) is ParameterSource.COMMANDLINE for name in given)
    return None if chosen else find(streams.environ, streams.uri_file)


def fetched(agent: AgentAddress, path: str, timeout: float = _TIMEOUT) -> Json:
    """The JSON document that an agent has at a path, None where it has none."""
    reply = ask(agent, path, timeout=timeout, accept="application/json")
    if reply is None or (reply.status, reply.media_type) != (OK, "application/json"):
        return None
    return _parsed(reply.body)


def streamed(agent: AgentAddress, path: str) -> Iterator[Json] | None:
    """The JSON documents of an agent's stream as they come, None where no stream begins."""
    lines = follow(agent, path, timeout=_TIMEOUT, silence=_SILENCE)
    if lines is None:
        return None
    documents = (_parsed(line[5:]) for line in lines if line.startswith(b"data:"))
    return (document for document in documents if document is not None)


def _parsed(body: bytes) -> Json:
    """A JSON document; None for anything else, since what answers need not be an agent."""
    with suppress(ValueError, RecursionError):
        document: Json = json.loads(body)
        return document
    return None
