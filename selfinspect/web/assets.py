"""`/` and `/page/…`: the page for a person. Its files hold no data and need no token."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from selfinspect.errors import NotFoundError

if TYPE_CHECKING:
    from starlette.requests import Request

FOLDER = "/page/"
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
    "panels.js",
    "samples.js",
    "timeline.js",
    "words.js",
    "uplot/uPlot.iife.min.js",
    "uplot/uPlot.min.css",
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
    """The page and its files. None is kept in memory: they are read when they are asked for."""

    async def index(request: Request) -> Response:
        return _answer(request, _INDEX)

    async def file(request: Request) -> Response:
        return _answer(request, request.path_params["name"])

    return [Route("/", index), Route(f"{FOLDER}{{name:path}}", file)]


def is_asset(path: str) -> bool:
    """Whether a path is the page or one of its files, which are the same for everyone."""
    return path == "/" or path.startswith(FOLDER)


def _answer(request: Request, name: str) -> Response:
    if name not in _FILES:
        raise NotFoundError(f"the page has no file {name!r}")
    body = read_file("selfinspect.web", name)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**_HEADERS, "etag": tag}
    known = (each.strip() for each in request.headers.get("if-none-match", "").split(","))
    if any(each.removeprefix("W/") in (tag, "*") for each in known):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=_TYPES[name.rpartition(".")[2]])


def read_file(package: str, name: str) -> bytes:
    """A file of the page in a package, be that a folder or in an archive.

    Raises:
        OSError: there is none.
    """
    from pkgutil import get_data  # noqa: PLC0415 - who never opens the page need not load it

    body = get_data(package, f"page/{name}")
    assert body is not None  # noqa: S101 - only a loader that cannot read files says None
    return body
