"""An answer for a verb: of this container's agent where there is one, else found out here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from selfinspect.cli.options import settings
from selfinspect.client import ask, find
from selfinspect.observe import observe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from selfinspect.cli.streams import Streams
    from selfinspect.model import Json, Snapshot

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
    uri = agent_of(streams, given)
    if uri is not None:
        reply = ask(uri, path, timeout=_TIMEOUT, accept="application/json")
        if reply is not None and (reply.status, reply.media_type) == (200, "application/json"):
            document: Json = json.loads(reply.body)
            return document
    observation = observe(settings(given, streams.environ), streams.environ)
    observation.close()
    return here(observation.snapshot)


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
