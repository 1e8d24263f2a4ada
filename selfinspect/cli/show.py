"""`id`, `show` and `inspect`: which container this is, and what is found of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import quote

import click

from selfinspect.cli.answers import agent_of, answer, fetched
from selfinspect.cli.options import observing
from selfinspect.cli.streams import Streams, folded, streams_of, table
from selfinspect.cli.verb import ExitCode, Verb, exits
from selfinspect.client import find
from selfinspect.documents import (
    as_document,
    engine_missing,
    identity_document,
    standing,
    unresolved,
    unused,
)
from selfinspect.errors import (
    EngineError,
    EngineUnreachableError,
    IdentityError,
    NotFoundError,
    SelfinspectError,
)
from selfinspect.jsonread import as_text, drill, mapping, segments, sequence, text
from selfinspect.model import SHORT_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from selfinspect.agent.state import Observation
    from selfinspect.model import Json

Form: TypeAlias = Literal["short", "explain", "json"]

_NO_MEMBER = "There is no such member."
_PLAIN = "@:+,~"
_COMPLETION_TIMEOUT = 1.0
_KERNELS = frozenset(
    {"id", "short_id", "hostname", "limits", "kubernetes", "stopping", "memory_events"}
    | {"previous_run", "identity"}
)
"""Members that are known without an engine, where there is anything to know."""
_LEVELS = {
    "proven": "the engine showed something that only this container can have",
    "confirmed": "the engine has it running and our own files name it; no proof was possible",
    "observed": "our own files name it, without contradiction; no engine confirms it",
    "assumed": "only files and names that containers can share name it; no engine confirms it",
}


@click.command(
    "id",
    cls=Verb,
    examples=("selfinspect id --short", "selfinspect id --explain"),
    exits=exits(ExitCode.NO_IDENTITY),
)
@click.option("--short", "form", flag_value="short", help="Print its first 12 digits.")
@click.option(
    "--explain",
    "form",
    flag_value="explain",
    help="How certain it is, why, and which engines were asked.",
)
@click.option("--json", "form", flag_value="json", help="Print what /v1/identity returns.")
@observing
@streams_of
def identify(streams: Streams, /, form: Form | None, **given: Any) -> int:
    """Print which container this is.

    In doubt it prints none, and --json a null: --explain shows the evidence for each container, and
    why none could be proven. An ID that is only assumed is printed by --json and --explain alone,
    unless --assume is given.
    """
    document = answer(
        streams, given, "/v1/identity", lambda observation: identity_document(observation.snapshot)
    )
    identifier = text(document, "id")
    stands = _stands(streams, given, document)
    if form == "json":
        streams.print_json(document)
    elif form == "explain":
        streams.print_lines(_explained(document, stands=stands))
    elif not stands:
        raise _refusal(document)
    else:
        print((identifier or "")[: SHORT_ID if form == "short" else None], file=streams.out)
    return ExitCode.OK if stands else ExitCode.NO_IDENTITY


def _stands(streams: Streams, given: Mapping[str, Any], document: Json) -> bool:
    """Whether there is an ID to use: whether an assumed one is, the agent or our option decides."""
    if text(document, "level") != "assumed" or given["assume"]:
        return text(document, "id") is not None
    agent = agent_of(streams, given)
    return agent is not None and text(fetched(agent, "/v1/self"), "id") is not None


def _refusal(document: Json) -> IdentityError:
    if identifier := text(document, "id"):
        return unused(identifier, text(document, "reason"))
    return unresolved(text(document, "reason"), named=bool(sequence(document, "candidates")))


def _explained(document: Json, *, stands: bool) -> Iterator[str]:
    """The verdict, the evidence, which is long, below each candidate, and the engines tried."""
    identifier, level = text(document, "id"), text(document, "level") or ""
    if identifier:
        yield identifier
        yield from folded(f"{level} by {text(document, 'method')}: {_LEVELS.get(level, level)}")
        if reason := text(document, "reason"):
            yield from folded(f"why: {reason}")
        if not stands:
            yield from folded(f"not used: {unused(identifier).hint}")
    else:
        yield from folded(f"no identity: {text(document, 'reason') or 'no evidence was found'}")
    candidates = sequence(document, "candidates")
    if candidates:
        yield ""
        heading, *rows = table([("ID", "SOURCE", "SCOPE", "VERDICT"), *map(_row, candidates)])
        yield heading
        for candidate, row in zip(candidates, rows, strict=True):
            yield row
            yield from folded(text(candidate, "reason") or "", indent="  ")
            yield f"  {_evidence(candidate)}"
    tried = sequence(document, "tried")
    if tried:
        yield ""
        places = [(text(each, "endpoint") or "", text(each, "outcome") or "") for each in tried]
        yield from table([("ENGINE", "OUTCOME"), *places])


def _row(candidate: Json) -> tuple[str, ...]:
    columns = (text(candidate, name) or "" for name in ("source", "scope", "verdict"))
    return ((text(candidate, "id") or "")[:SHORT_ID], *columns)


def _evidence(candidate: Json) -> str:
    """The text that names a candidate, as it stands there, with no more of the ID than is shown."""
    identifier, evidence = text(candidate, "id") or "", text(candidate, "evidence") or ""
    if len(identifier) > SHORT_ID:
        evidence = evidence.replace(identifier, f"{identifier[:SHORT_ID]}…")
    return evidence


def members(document: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """What completes a path into a document of the agent; nothing where no agent runs."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
        agent = find(os.environ)
        return paths(fetched(agent, document, _COMPLETION_TIMEOUT), incomplete) if agent else []

    return complete


def paths(document: Json, incomplete: str) -> list[str]:
    """The paths that begin with a text, down to the next slash.

    Where one is left, its own members as well: else a shell would end the word there.
    """
    above, slash, _ = incomplete.rpartition("/")
    try:
        parent = drill(document, _segments(above))
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


@click.command(
    cls=Verb,
    examples=(
        "selfinspect show name",
        "selfinspect show ports/8080/tcp",
        "selfinspect show limits",
    ),
    exits=exits(ExitCode.NO_IDENTITY, ExitCode.ENGINE_UNREACHABLE, ExitCode.DENIED, no=_NO_MEMBER),
)
@click.argument("path", default="", shell_complete=members("/v1/self"))
@observing
@streams_of
def show(streams: Streams, /, path: str, **given: Any) -> None:
    """Print what was found of this container, or one member of it.

    An object or an array is printed as JSON, a single value as it is, and an unknown one as an
    empty line. A member of an array is named by its number, the first by 0; a slash in a
    name is written %2F. Where no engine is found, or the one that --engine names does not answer, a
    member that only an engine knows is an error; with --engine off it is unknown.
    """
    engine = given["engine"]
    lack: EngineError | None = None
    if engine not in (None, "auto", "off"):
        lack = EngineUnreachableError("no engine has answered the agent")

    def here(observation: Observation) -> Json:
        nonlocal lack
        lack = None if engine == "off" else engine_missing(observation.snapshot)
        return as_document(standing(observation.snapshot))

    document = answer(streams, given, "/v1/self", here)
    if lack and not mapping(document, "engine") and _is_engines(document, _parts(path)):
        raise lack
    _print_member(streams, document, path)


def _is_engines(document: Json, path: Sequence[str]) -> bool:
    """Whether a member is unknown without an engine; that one of the kernel's is null says more."""
    if not path or path[0] in _KERNELS or path[0] not in mapping(document):
        return False
    try:
        return drill(document, path) is None
    except NotFoundError:
        return True


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
    _print_member(streams, answer(streams, given, "/v1/inspect", _inspected), path)


def _print_member(streams: Streams, document: Json, path: str) -> None:
    member = drill(document, _parts(path))
    if isinstance(member, dict | list):
        streams.print_json(member)
    else:
        streams.out.write(as_text(member).decode())


def _parts(path: str) -> tuple[str, ...]:
    return _segments(path.strip("/"))


def _segments(path: str) -> tuple[str, ...]:
    """What a path without slashes around it leads through."""
    return segments(f"/{path}".encode(errors="surrogateescape"), "") if path else ()


def _inspected(observation: Observation) -> Json:
    snapshot = observation.snapshot
    standing(snapshot)
    if snapshot.inspect is None:
        raise engine_missing(snapshot)
    return snapshot.inspect
