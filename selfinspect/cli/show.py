"""`show` and `inspect`: what is known of this container, whole or one member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from selfinspect.cli.answers import from_agent_or_here, pretty
from selfinspect.cli.options import observing
from selfinspect.cli.streams import Streams, streams_of
from selfinspect.documents import as_document, engine_missing, refused
from selfinspect.web.drill import as_text, drill, segments

if TYPE_CHECKING:
    from selfinspect.model import Json, Snapshot


@click.command()
@click.argument("path", default="")
@observing
@streams_of
def show(streams: Streams, /, path: str, **given: Any) -> None:
    """Print the document of /v1/self, or the member at PATH: ports/8080/tcp for one.

    An object or an array is printed as JSON, a single value as it is. In PATH a slash that is
    part of a name is written %2F.
    """
    _print_member(streams, from_agent_or_here(streams, given, "/v1/self", _own), path)


@click.command()
@click.argument("path", default="")
@observing
@streams_of
def inspect(streams: Streams, /, path: str, **given: Any) -> None:
    """Print the engine's own inspect JSON, masked, or the member at PATH: State/Status for one.

    It is printed as `show` prints.
    """
    _print_member(streams, from_agent_or_here(streams, given, "/v1/inspect", _inspected), path)


def _print_member(streams: Streams, document: Json, path: str) -> None:
    inner = path.strip("/")
    member = drill(
        document, segments(f"/{inner}".encode(errors="surrogateescape"), "") if inner else ()
    )
    if isinstance(member, dict | list):
        print(pretty(member), file=streams.out)
    else:
        streams.out.write(as_text(member).decode())


def _own(snapshot: Snapshot) -> Json:
    if snapshot.self is None:
        raise refused(snapshot)
    return as_document(snapshot.self)


def _inspected(snapshot: Snapshot) -> Json:
    if snapshot.self is None:
        raise refused(snapshot)
    if snapshot.inspect is None:
        raise engine_missing(snapshot)
    return snapshot.inspect
