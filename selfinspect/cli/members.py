"""Completes a PATH by the members that are there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import quote

from selfinspect.cli.answers import told
from selfinspect.client import find
from selfinspect.errors import SelfinspectError
from selfinspect.web.drill import drill, segments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import click

    from selfinspect.model import Json

_TIMEOUT = 1.0
_PLAIN = "@:+,~"


def members(document: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """What completes a path into a document of the agent: nothing, where no agent runs."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001
        agent = find(os.environ)
        return paths(told(agent, document, _TIMEOUT), incomplete) if agent else []

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
