"""A request in one form, whichever of those that HTTP allows it came in. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Scope


def in_origin_form(scope: Scope) -> Scope:
    """A request, were its target a whole URI, as one for its path at its host.

    RFC 9112, section 3.2.2: a server takes the absolute form, whose host stands for the header's.
    """
    _, mark, rest = scope["raw_path"].partition(b"://")
    if scope["raw_path"].startswith(b"/") or not mark:
        return scope
    host, slash, path = rest.partition(b"/")
    raw_path = slash + path or b"/"
    others = [header for header in scope["headers"] if header[0] != b"host"]
    return {
        **scope,
        "raw_path": raw_path,
        "path": unquote(raw_path.decode("ascii")),
        "headers": [(b"host", host), *others],
    }


def combined(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name, the values of a repeated one joined: RFC 9110, section 5.2."""
    combined: dict[bytes, bytes] = {}
    for name, value in headers:
        combined[name] = combined[name] + b", " + value if name in combined else value
    return combined
