"""`/` and `/page/…`: the page for people. Its files contain no data and need no token."""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
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
_MODULES = [name for name in _FILES if name.endswith(".js") and "/" not in name]
_PRELOADED = ", ".join(f"<{PAGE}{name}>; rel=modulepreload" for name in _MODULES)
_STYLE = b'<link rel="stylesheet" href="/page/page.css">'
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src {style}; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": _POLICY.format(style="'self'"),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
}


def routes() -> list[Route]:
    """The page and its files."""
    return [Route("/", _page), Route(PAGE, _file, below=True, listed=False)]


async def _page(request: Request) -> Response:
    """The page, which a browser can paint at once, for its style stands in it.

    The header `Link` names the modules: a browser would learn of them only once it has the first.
    """
    style = read_file("page/page.css")
    body = read_file(f"page/{_INDEX}").replace(_STYLE, b"<style>%s</style>" % style)
    digest = b2a_base64(hashlib.sha256(style).digest(), newline=False).decode()
    policy = _POLICY.format(style=f"'sha256-{digest}'")
    headers = {
        **_HEADERS,
        "content-security-policy": policy,
        "etag": etag_of(body),
        "link": _PRELOADED,
    }
    return conditional(request, body, _TYPES["html"], headers)


async def _file(request: Request) -> Response:
    """A file, read when it is asked for: none is kept in memory."""
    name = request.scope["path"].removeprefix(PAGE)
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
