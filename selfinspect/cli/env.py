"""`env`: the variables that `run --export-env` gives a command, for a script to read."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import click

from selfinspect.cli.answers import agent_of, answer
from selfinspect.cli.options import Parsed, observing
from selfinspect.cli.streams import Streams, streams_of, table
from selfinspect.cli.verb import ExitCode, Verb, exits
from selfinspect.documents import as_document, engine_missing, standing
from selfinspect.errors import EngineUnreachableError, IdentityError
from selfinspect.exports import own as own_rows
from selfinspect.exports import size as size_rows
from selfinspect.exports.otel import of_container
from selfinspect.exports.own import RESOURCE, Wanted, parse_wanted
from selfinspect.exports.size import OWN_BYTES, sizes
from selfinspect.kernel.files import text as kernel_text
from selfinspect.kernel.limits import read_room, taken_by_us
from selfinspect.kernel.network import default_gateway, routes
from selfinspect.masking import Masking
from selfinspect.records import read_self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from selfinspect.agent.state import Observation
    from selfinspect.errors import SelfinspectError
    from selfinspect.model import Json, Self

Syntax: TypeAlias = Literal["sh", "dotenv", "json"]

_HERE = "this environment: the container's own, or by run --export-env"
_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/:@+")


@click.command(
    cls=Verb,
    examples=(
        'eval "$(selfinspect env)"',
        "selfinspect env --what self,otel,size --explain",
        "selfinspect env --format dotenv >.env",
    ),
    exits=exits(ExitCode.NO_IDENTITY, ExitCode.ENGINE_UNREACHABLE, ExitCode.DENIED),
)
@click.option(
    "--what",
    type=Parsed("sets", parse_wanted),
    default="self",
    show_default=True,
    help="Which variables: self, otel, size, or size:RUNTIME; commas between several.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(("sh", "dotenv", "json")),
    default="sh",
    show_default=True,
    help="For a shell, for a .env file, or as JSON.",
)
@click.option("--explain", is_flag=True, help="Print where each variable comes from instead.")
@observing
@streams_of
def env(streams: Streams, /, *, what: Wanted, form: Syntax, explain: bool, **given: Any) -> None:
    """Print what this container is as environment variables.

    They are those that `run --export-env` gives its command, and SELFINSPECT_URI. A value
    that is unknown gets no variable; without an engine the set self has the ID, the limits and how
    the run before ended.
    """
    lack: SelfinspectError | None = None
    agent = agent_of(streams, given)
    variables = {} if agent is None else {"SELFINSPECT_URI": agent.uri}
    left_out: Mapping[str, str] = {}
    if what.needs_agent:
        own, lack = _own(streams, given)
        gateway = default_gateway(routes(kernel_text("/proc/net/route")))
        found, left_out = of_container(own, gateway, streams.environ)
        variables |= what.admitted(found, streams.environ)
    if what.runtimes:
        space = read_room(taken=taken_by_us() or OWN_BYTES)
        variables |= sizes(space, what.runtimes, streams.environ)
    variables, missing = what.fitting(variables, left_out)
    for name, reason in missing.items():
        print(f"selfinspect: warning: {name} is left out: {reason}", file=streams.err)
    text = (
        _explained(variables, _kept(what, streams.environ))
        if explain
        else _WRITERS[form](variables)
    )
    print(text, end="", file=streams.out)
    if lack is not None:
        raise lack


def _own(streams: Streams, given: Mapping[str, Any]) -> tuple[Self, SelfinspectError | None]:
    """The container's document, and the error for what it lacks."""
    lack: SelfinspectError = EngineUnreachableError("name, image and ports need an engine")

    def here(observation: Observation) -> Json:
        nonlocal lack
        own = standing(observation.snapshot)
        lack = engine_missing(observation.snapshot)
        return as_document(own)

    own = read_self(answer(streams, given, "/v1/self", here))
    if own.id is None:
        return own, IdentityError(
            "the container's ID is only assumed, so no variable carries it",
            hint="selfinspect id --explain shows the evidence; where no container shares another's"
            " network, --assume (SELFINSPECT_ASSUME=1) uses it",
        )
    away = own.engine is None and given["engine"] != "off"
    return own, lack if away else None


def _kept(what: Wanted, environ: Mapping[str, str]) -> Mapping[str, str]:
    """The variables of the sets that the environment has."""
    names = [row.name for row in size_rows.rows_of(what.runtimes)] + [RESOURCE] * what.otel
    return {name: environ[name] for name in names if environ.get(name)}


def _explained(variables: Mapping[str, str], kept: Mapping[str, str]) -> str:
    """A line a variable: its name, its value with secrets masked, where that comes from.

    Args:
        variables: those that would be set.
        kept: those that the environment has, and that stay where they are not among the former.
    """
    sources = {row.name: row.source for row in own_rows.rows()}
    sources |= {row.name: row.source for row in size_rows.ROWS}
    sources[RESOURCE] = "OpenTelemetry's resource attributes, after those that were there"
    sources["SELFINSPECT_URI"] = "where this container's agent answers"
    there = {name: value for name, value in kept.items() if name not in variables}
    sources |= dict.fromkeys(there, _HERE)
    rows = [
        (
            name,
            Masking().value(name, value),
            sources.get(name, "the port of the host that leads to it"),
        )
        for name, value in {**variables, **there}.items()
    ]
    return "".join(f"{line}\n" for line in table([("VARIABLE", "VALUE", "SOURCE"), *rows]))


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
    for character, escaped in (
        ("\\", "\\\\"),
        ('"', '\\"'),
        ("$", "\\$"),
        ("\n", "\\n"),
        ("\r", "\\r"),
    ):
        value = value.replace(character, escaped)
    return f'"{value}"'


_WRITERS: Mapping[Syntax, Callable[[Mapping[str, str]], str]] = {
    "sh": sh,
    "dotenv": dotenv,
    "json": lambda variables: json.dumps(variables, indent=2, ensure_ascii=False) + "\n",
}
