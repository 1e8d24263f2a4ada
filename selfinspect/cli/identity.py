"""`id`: which container this is, and how that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from selfinspect.cli.answers import agent_of, from_agent_or_here, pretty
from selfinspect.cli.exit_codes import ExitCode, exits
from selfinspect.cli.options import observing
from selfinspect.cli.streams import Streams, streams_of
from selfinspect.cli.table import table
from selfinspect.cli.verb import Verb
from selfinspect.client import ask
from selfinspect.documents import identity_document, unused
from selfinspect.engine.access import sequence, text
from selfinspect.errors import AmbiguousIdentityError, IdentityError
from selfinspect.terminal import print_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selfinspect.model import Json

_SHORT = 12
_TIMEOUT = 5.0
_OK = 200
_LEVELS = {
    "proven": "the engine showed something that only this container can have",
    "confirmed": "the engine knows it and it runs, our own files name it; no proof could be had",
    "observed": "our own files name it, without contradiction; no engine confirms it",
    "assumed": "only files and names that containers can share name it; no engine confirms it",
}


@click.command(
    "id",
    cls=Verb,
    examples=("selfinspect id --short", "selfinspect id --explain"),
    exits=exits(ExitCode.NO_IDENTITY),
)
@click.option("--short", "form", flag_value="short", help="Its first 12 digits.")
@click.option(
    "--explain", "form", flag_value="explain", help="How sure that is, the evidence, who was asked."
)
@click.option("--json", "form", flag_value="json", help="What /v1/identity answers.")
@observing
@streams_of
def identify(streams: Streams, /, form: str | None, **given: Any) -> int:
    """Print which container this is.

    In doubt it prints none, and --json a null: --explain shows what speaks for which container,
    and why none could be proven. An ID that is only assumed is printed by --json and --explain
    alone, unless --assume says to use it.
    """
    document = from_agent_or_here(streams, given, "/v1/identity", identity_document)
    identifier = text(document, "id")
    stands = _stands(streams, given, document)
    if form == "json":
        print(pretty(document), file=streams.out)
    elif form == "explain":
        for line in _explained(document, stands=stands):
            print_line(streams.out, line)
    elif not stands:
        raise _refusal(document)
    else:
        print((identifier or "")[: _SHORT if form == "short" else None], file=streams.out)
    return ExitCode.OK if stands else ExitCode.NO_IDENTITY


def _stands(streams: Streams, given: Mapping[str, Any], document: Json) -> bool:
    """Whether there is an ID to be used: of an assumed one the agent, or our option, decides."""
    if text(document, "level") != "assumed" or given["assume"]:
        return text(document, "id") is not None
    agent = agent_of(streams, given)
    own = ask(agent, "/v1/self/id", timeout=_TIMEOUT) if agent else None
    return own is not None and own.status == _OK and bool(own.body.strip())


def _refusal(document: Json) -> IdentityError:
    if identifier := text(document, "id"):
        return unused(identifier, text(document, "reason"))
    kind = AmbiguousIdentityError if sequence(document, "candidates") else IdentityError
    return kind(
        text(document, "reason") or "no evidence of a container was found",
        hint="selfinspect id --explain shows the evidence; --container settles it",
    )


def _explained(document: Json, *, stands: bool) -> Iterator[str]:
    """The verdict, the evidence as a table, and where an engine was looked for."""
    identifier, level = text(document, "id"), text(document, "level") or ""
    if identifier:
        yield f"{identifier}  {level} by {text(document, 'method')}"
        yield f"{level}: {_LEVELS.get(level, level)}"
        if reason := text(document, "reason"):
            yield f"why: {reason}"
        if not stands:
            yield f"not used: {unused(identifier).hint}"
    else:
        yield f"no identity: {text(document, 'reason') or 'no evidence was found'}"
    rows = [_row(candidate) for candidate in sequence(document, "candidates")]
    if rows:
        yield ""
        yield from table([("ID", "SOURCE", "SCOPE", "VERDICT", "REASON", "EVIDENCE"), *rows])
    tried = sequence(document, "tried")
    if tried:
        yield ""
        places = [(text(each, "endpoint") or "", text(each, "outcome") or "") for each in tried]
        yield from table([("ENGINE", "OUTCOME"), *places])


def _row(candidate: Json) -> tuple[str, ...]:
    """A candidate; its evidence last, for it is long, with no more of the ID than is shown."""
    identifier = text(candidate, "id") or ""
    evidence = text(candidate, "evidence") or ""
    if len(identifier) > _SHORT:
        evidence = evidence.replace(identifier, f"{identifier[:_SHORT]}…")
    columns = (text(candidate, name) or "" for name in ("source", "scope", "verdict", "reason"))
    return (identifier[:_SHORT], *columns, evidence)
