"""`/` and `/page/…`: the page for people. Its files contain no data and need no token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.errors import NotFoundError
from selfinspect.web.answers import Route, conditional, etag_of
from selfinspect.web.guard import PAGE

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_INDEX = "index.html"
_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_FILES = (
    _INDEX,
    "page.css",
    "icon.svg",
    "main.js",
    "agent.js",
    "attention.js",
    "charts.js",
    "dom.js",
    "history.js",
    "listings.js",
    "logs.js",
    "panels.js",
    "timeline.js",
    "words.js",
    "uplot/uPlot.iife.min.js",
)
_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
        " require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
}


def routes() -> list[Route]:
    """The page and its files."""
    return [Route("/", _file), Route(PAGE, _file, below=True, listed=False)]


async def _file(request: Request) -> Response:
    """A file, read when it is asked for: none is kept in memory."""
    path: str = request.scope["path"]
    name = _INDEX if path == "/" else path.removeprefix(PAGE)
    if name not in _FILES:
        raise NotFoundError(f"no file {name!r} in the page")
    body = read_file(f"page/{name}")
    headers = {**_HEADERS, "etag": etag_of(body)}
    return conditional(request, body, _TYPES[name.rpartition(".")[2]], headers)


def read_file(name: str, package: str = "selfinspect.web") -> bytes:
    """A file beside a package's modules, be that in a folder or in an archive.

    Raises:
        OSError: there is none.
    """
    from pkgutil import get_data  # noqa: PLC0415 - who never opens the page need not load it

    body = get_data(package, name)
    assert body is not None  # noqa: S101 - only a loader that cannot read files returns None
    return body
