"""`env`: what `run --export-env` tells a command, for a script to read."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import click

from selfinspect.cli.answers import from_agent_or_here
from selfinspect.cli.exit_codes import ExitCode
from selfinspect.cli.options import observing
from selfinspect.cli.streams import Streams, streams_of
from selfinspect.documents import as_document, refused
from selfinspect.exports import exported
from selfinspect.records import read_self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.model import Json, Snapshot

_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/:@+")


@click.command()
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
def env(streams: Streams, /, form: str, **given: Any) -> int:
    """Print this container's ID, name, image and host ports as environment variables.

    For a shell: eval "$(selfinspect env)". SELFINSPECT_HOST_PORT_8080_TCP is the port of the host
    that leads to 8080/tcp. What is not known or not published has no variable; where no engine
    tells of the container, that is all but its ID, and the exit code is 4.
    """
    own = read_self(from_agent_or_here(streams, given, "/v1/self", _own))
    print(_FORMS[form](exported(own)), end="", file=streams.out)
    if own.engine is None and given["engine"] != "off":
        print("selfinspect: error: no engine tells name, image and ports", file=streams.err)
        return ExitCode.ENGINE_UNREACHABLE
    return ExitCode.OK


def _own(snapshot: Snapshot) -> Json:
    if snapshot.self is None:
        raise refused(snapshot)
    return as_document(snapshot.self)


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
