"""`env`: what `run --export-env` tells a command, for a script to read."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import click

from selfinspect.cli.answers import from_agent_or_here
from selfinspect.cli.exit_codes import ExitCode, exits
from selfinspect.cli.options import observing
from selfinspect.cli.streams import Streams, streams_of
from selfinspect.cli.verb import Verb
from selfinspect.documents import as_document, engine_missing, refused
from selfinspect.errors import EngineUnreachableError, IdentityError
from selfinspect.exports import exported
from selfinspect.records import read_self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.errors import SelfinspectError
    from selfinspect.model import Json, Snapshot

_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/:@+")


@click.command(
    cls=Verb,
    examples=('eval "$(selfinspect env)"', "selfinspect env --format dotenv >.env"),
    exits=exits(ExitCode.NO_IDENTITY, ExitCode.ENGINE_UNREACHABLE, ExitCode.DENIED),
)
@click.option(
    "--format",
    "form",
    type=click.Choice(("sh", "dotenv", "json")),
    default="sh",
    show_default=True,
    help="What is to read it: a shell, a .env file's reader, or anything else.",
)
@observing
@streams_of
def env(streams: Streams, /, form: str, **given: Any) -> None:
    """Print ID, name, image and host ports as variables.

    They are those that `run --export-env` gives its command: SELFINSPECT_CONTAINER_ID, _NAME,
    _IMAGE, and SELFINSPECT_HOST_PORT_8080_TCP for the port of the host that leads to 8080/tcp.
    What is not known or not published has none; without an engine, that is all but the ID.
    """
    lack: SelfinspectError = EngineUnreachableError("no engine tells name, image and ports")

    def look(snapshot: Snapshot) -> Json:
        nonlocal lack
        if snapshot.self is None:
            raise refused(snapshot)
        lack = engine_missing(snapshot)
        return as_document(snapshot.self)

    own = read_self(from_agent_or_here(streams, given, "/v1/self", look))
    print(_FORMS[form](exported(own)), end="", file=streams.out)
    if own.id is None:
        raise IdentityError(
            "the container's ID is only assumed, so no variable carries it",
            hint="selfinspect id --explain shows the evidence; where no container shares another's"
            " network, --assume (SELFINSPECT_ASSUME=1) uses it",
        )
    if own.engine is None and given["engine"] != "off":
        raise lack


def sh(variables: Mapping[str, str]) -> str:
    """Lines that a POSIX shell evaluates."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def dotenv(variables: Mapping[str, str]) -> str:
    """Lines of a .env file.

    Values are in quotes only where they must be: `docker run --env-file` takes quotes for a part
    of the value, Compose and the libraries do not.
    """
    return "".join(f"{name}={_quoted(value)}\n" for name, value in variables.items())


def _quoted(value: str) -> str:
    if set(value) <= _BARE:
        return value
    for character, escaped in (("\\", "\\\\"), ('"', '\\"'), ("$", "\\$"), ("\n", "\\n")):
        value = value.replace(character, escaped)
    return f'"{value}"'


def _json(variables: Mapping[str, str]) -> str:
    return json.dumps(variables, indent=2, ensure_ascii=False) + "\n"


_FORMS = {"sh": sh, "dotenv": dotenv, "json": _json}
