"""Which route answers, and in which form.

JSON, a member of a document with its ETag, a problem, or a stream, which has no end.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import aclosing
from json import dumps
from typing import TYPE_CHECKING, NamedTuple

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from selfinspect.errors import NotFoundError, SelfinspectError
from selfinspect.jsonread import as_text, drill

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        Awaitable,
        Callable,
        Collection,
        Iterable,
        Mapping,
        Sequence,
    )

    from starlette.types import Receive, Scope, Send

    from selfinspect.model import Json

FRAMES = "text/event-stream"
KEEP_ALIVE_SECONDS = 15.0
"""A stream of frames is silent for no longer than this, because proxies cut idle connections."""

NOTHING_NEW = b":\n\n"
_DIGEST_BYTES = 16
_ETAG = re.compile(r'(?:W/)?"[^"]*"')
_QUALITY = re.compile(r";\s*q=([01](?:\.\d{0,3})?)\s*(?:;|$)", re.ASCII | re.IGNORECASE)
_HEADERS = {
    401: {"www-authenticate": "Bearer"},
    405: {"allow": "GET, HEAD"},
    503: {"retry-after": "5"},
}
_STREAM_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
_HINTS = {
    "bad-request": "see /openapi.json for what each path takes",
    "not-found": "see /openapi.json for all paths; a path without its last part shows its members",
    "method-not-allowed": "use GET or HEAD",
    "engine-unreachable": "the agent retries by itself; run selfinspect doctor for the cause",
    "denied-by-engine": "see /v1/engine for what is allowed; a proxy before it may forbid the rest",
    "unsupported-by-engine": "see /v1/engine for the engine and what it does not support",
    "error": "try again; if it fails again, see the agent's log",
}
"""What a person can do about each kind of problem, where the error itself has no hint."""


def as_json(document: Json) -> bytes:
    """Compact JSON in UTF-8."""
    return dumps(document, ensure_ascii=False, separators=(",", ":")).encode(
        errors="backslashreplace"
    )


def json_answer(document: Json, *, status: int = 200) -> Response:
    """A JSON document, whole."""
    return Response(as_json(document), status, media_type="application/json")


def conditional(
    request: Request, body: bytes, media_type: str, headers: Mapping[str, str]
) -> Response:
    """A body, or 304 for a client that has it: If-None-Match, RFC 9110, section 13.1.2.

    Args:
        request: has that header, or has not.
        body: the whole.
        media_type: the body's.
        headers: of both answers; `etag` among them.
    """
    cached = ",".join(request.headers.getlist("if-none-match"))
    matches = (opaque(tag) == opaque(headers["etag"]) for tag in _ETAG.findall(cached))
    if cached.strip() == "*" or any(matches):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)


def etag_of(body: bytes) -> str:
    """A strong entity tag, RFC 9110, section 8.8.3."""
    return f'"{hashlib.blake2b(body, digest_size=_DIGEST_BYTES).hexdigest()}"'


def opaque(etag: str) -> str:
    """An ETag without its quotes and the mark of a weak one."""
    return etag.strip().removeprefix("W/").strip('"')


def problem(error: SelfinspectError) -> Response:
    """An error as problem details, RFC 9457."""
    document: Json = {
        "type": f"urn:selfinspect:problem:{error.slug}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "hint": error.hint or _HINTS.get(error.slug, _HINTS["error"]),
    }
    return Response(
        as_json(document),
        error.status,
        media_type="application/problem+json",
        headers=_HEADERS.get(error.status),
    )


async def streamed(
    request: Request,
    pieces: AsyncGenerator[bytes, None],
    media_type: str = FRAMES,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The pieces as they come, without a Content-Length; for HEAD only the headers.

    Args:
        request: asks for them.
        pieces: an error raised before the first one becomes an answer of its own.
        media_type: of the pieces joined.
        headers: further ones.
    """
    every = {**_STREAM_HEADERS, **(headers or {})}
    first = await anext(pieces)
    if request.method != "GET":
        await pieces.aclose()
        head = Response(media_type=media_type, headers=every)
        del head.headers["content-length"]
        return head
    return StreamingResponse(_from(first, pieces), media_type=media_type, headers=every)


async def _from(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(rest):
        yield first  # also one that is empty: it brings the headers
        async for piece in rest:
            yield piece


def frame(name: str, document: Json) -> bytes:
    """A frame of the event stream format; JSON has no line break of its own.

    Args:
        name: the event's, in which an engine's line breaks become spaces: one would begin a field.
        document: the data.
    """
    line = " ".join(name.splitlines())
    return b"event: %s\ndata: %s\n\n" % (line.encode(), as_json(document))


class Route(NamedTuple):
    """A path, and what answers it.

    Attributes:
        path: decoded.
        answer: a request's response; raises SelfinspectError for a problem.
        below: whether it answers every path that begins so.
        listed: whether the problem of an unknown path names it.
    """

    path: str
    answer: Callable[[Request], Awaitable[Response]]
    below: bool = False
    listed: bool = True


class Application:
    """Answers each request by the route for its path, or with a problem.

    Starlette's router would match its path with each pattern in turn, and takes 0.9 MiB.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = {route.path: route for route in routes}
        self._below = [route for route in self._routes.values() if route.below]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it; a mistake of ours is a problem, and raised as well."""
        try:
            response = await self._route(scope).answer(Request(scope, receive))
        except SelfinspectError as error:
            response = problem(error)
        except Exception:
            unexpected = SelfinspectError("internal error; the agent's log has the details")
            await problem(unexpected)(scope, receive, send)
            raise
        await response(scope, receive, send)

    def _route(self, scope: Scope) -> Route:
        path: str = scope["path"]
        if path in self._routes:
            return self._routes[path]
        for route in self._below:
            if path.startswith(route.path):
                return route
        served = ", ".join(each.path for each in self._routes.values() if each.listed)
        raw_path = scope["raw_path"].decode("latin-1")
        raise NotFoundError(f"no path {raw_path!r}: there are {served}")


def quality(wishes: str, *names: str) -> float:
    """How much one of these is wanted: a quality value of RFC 9110, section 12.4.2.

    Args:
        wishes: an Accept header or its like. A range such as `*/*` counts for none of the names.
        names: in lower case.

    Returns:
        From 0, not at all, to 1.
    """
    found = 0.0
    for wish in wishes.split(","):
        if wish.partition(";")[0].strip().lower() in names:
            stated = _QUALITY.search(wish)
            found = max(found, float(stated[1]) if stated else 1.0)
    return found


def prefers(accept: str, *media_types: str) -> bool:
    """Whether one of these is wanted, and plain text is not wanted more."""
    wanted = quality(accept, *media_types)
    return wanted > 0 and wanted >= quality(accept, "text/plain")


class Representation(NamedTuple):
    """One form of a member. The same body always has the same `etag`, which is quoted."""

    body: bytes
    media_type: str
    etag: str


class Document:
    """One state of a document, and the members drilled out of it, each rendered once.

    Args:
        content: the whole.
        passing: members that say when the whole was read. A change of these alone is not a change
            of the whole, only of the members themselves.
    """

    def __init__(self, content: Json, passing: Collection[str] = ()) -> None:
        self._content = content
        self._passing = passing
        self._rendered: dict[tuple[tuple[str, ...], bool], Representation] = {}
        self._state: str | None = None

    def at(self, path: Sequence[str], *, json: bool) -> Representation:
        """The member at a path: an object or array as JSON, a scalar as text.

        Args:
            path: names and indices, from the top down.
            json: whether a scalar is wanted as JSON, too.

        Raises:
            NotFoundError: the document has no such member; the detail lists those it has.
        """
        key = (tuple(path), json)
        if key not in self._rendered:
            self._rendered[key] = _represent(drill(self._content, path), json=json)
        return self._rendered[key]

    def state(self, path: Sequence[str], *, json: bool) -> str:
        """A text that differs once the member at a path has changed.

        Raises:
            NotFoundError: the document has no such member.
        """
        if path or not self._passing or not isinstance(self._content, dict):
            return self.at(path, json=json).etag
        if self._state is None:
            lasting = {
                name: member for name, member in self._content.items() if name not in self._passing
            }
            self._state = etag_of(as_json(lasting))
        return self._state


def _represent(member: Json, *, json: bool) -> Representation:
    if json or isinstance(member, dict | list):
        body, media_type = as_json(member), "application/json"
    else:
        body, media_type = as_text(member), "text/plain"
    return Representation(body, media_type, etag_of(body))
