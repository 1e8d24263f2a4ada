"""`show` and `inspect`: what is known of this container, whole or one member.

Completes a PATH by the members that are there.

`id`: which container this is, and how that is known.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from selfinspect.cli.answers import agent_of, from_agent_or_here, pretty, told
from selfinspect.cli.options import observing
from selfinspect.cli.streams import Streams, streams_of, table
from selfinspect.cli.verb import ExitCode, Verb, exits
from selfinspect.client import ask, find
from selfinspect.documents import (
    as_document,
    as_text,
    drill,
    engine_missing,
    identity_document,
    segments,
    standing,
    unused,
)
from selfinspect.errors import AmbiguousIdentityError, IdentityError, SelfinspectError
from selfinspect.jsonread import sequence, text
from selfinspect.terminal import print_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from selfinspect.model import Json, Snapshot


_NO_MEMBER = "There is no such member."

_COMPLETION_TIMEOUT = 1.0
_PLAIN = "@:+,~"


def members(document: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """What completes a path into a document of the agent: nothing, where no agent runs."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
        agent = find(os.environ)
        return paths(told(agent, document, _COMPLETION_TIMEOUT), incomplete) if agent else []

    return complete


def paths(document: Json, incomplete: str) -> list[str]:
    """The paths that begin so, down to the next slash.

    Of a member that alone is left, its own members as well: else a shell would end the word there.
    """
    above, slash, _ = incomplete.rpartition("/")
    try:
        parent = drill(document, segments(f"/{above}".encode(), "") if above else ())
    except SelfinspectError:
        return []
    found = {
        path: member
        for name, member in _children(parent)
        if (path := f"{above}{slash}{name}").startswith(incomplete)
    }
    if len(found) == 1:
        [(path, member)] = found.items()
        return [path, *(f"{path}/{name}" for name, _ in _children(member))]
    return list(found)


def _children(document: Json) -> Iterator[tuple[str, Json]]:
    """The members, named as a path names them."""
    if isinstance(document, dict):
        yield from ((quote(name, safe=_PLAIN), member) for name, member in document.items())
    elif isinstance(document, list):
        yield from ((str(index), member) for index, member in enumerate(document))


_SHORT = 12


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
    return as_document(standing(snapshot))


def _inspected(snapshot: Snapshot) -> Json:
    standing(snapshot)
    if snapshot.inspect is None:
        raise engine_missing(snapshot)
    return snapshot.inspect


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
