"""`show` and `inspect`: what is known of this container, whole or one member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from selfinspect.cli.answers import from_agent_or_here, pretty
from selfinspect.cli.exit_codes import ExitCode, exits
from selfinspect.cli.members import members
from selfinspect.cli.options import observing
from selfinspect.cli.streams import Streams, streams_of
from selfinspect.cli.verb import Verb
from selfinspect.documents import as_document, engine_missing, refused
from selfinspect.web.drill import as_text, drill, segments

if TYPE_CHECKING:
    from selfinspect.model import Json, Snapshot

_NO_MEMBER = "There is no such member."


@click.command(
    cls=Verb,
    examples=(
        "selfinspect show name",
        "selfinspect show ports/8080/tcp",
        "selfinspect show limits",
    ),
    exits=exits(ExitCode.NO_IDENTITY, no=_NO_MEMBER),
)
@click.argument("path", default="", shell_complete=members("/v1/self"))
@observing
@streams_of
def show(streams: Streams, /, path: str, **given: Any) -> None:
    """Print what is known of this container, or one member of it.

    An object or an array is printed as JSON, a single value as it is, and what is not known as
    an empty line. A member of an array is named by its number, the first by 0; a slash in a
    name is written %2F.
    """
    _print_member(streams, from_agent_or_here(streams, given, "/v1/self", _own), path)


@click.command(
    cls=Verb,
    examples=("selfinspect inspect State/Status", "selfinspect inspect Config/Cmd/0"),
    exits=exits(ExitCode.NO_IDENTITY, ExitCode.ENGINE_UNREACHABLE, ExitCode.DENIED, no=_NO_MEMBER),
)
@click.argument("path", default="", shell_complete=members("/v1/inspect"))
@observing
@streams_of
def inspect(streams: Streams, /, path: str, **given: Any) -> None:
    """Print the engine's own inspect JSON, or one member of it.

    Secrets are masked. It is printed as `show` prints, and PATH is written alike.
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
