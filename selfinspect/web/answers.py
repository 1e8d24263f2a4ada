"""The forms an answer takes: JSON, a drilled member, a problem.

What a request would like its answer to be: Accept and Accept-Encoding. Pure.

What stands at each path of a document: its body, its media type and its ETag.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response

from selfinspect.documents import as_json, as_text, drill
from selfinspect.errors import (
    MethodNotAllowedError,
    NotFoundError,
    SelfinspectError,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from starlette.requests import Request

    from selfinspect.model import Json


_RETRY_AFTER = {"retry-after": "5"}
_HINTS = {
    "bad-request": "/openapi.json tells what each path takes",
    "not-found": "/openapi.json lists the paths; one without its last part shows what is there",
    "method-not-allowed": "ask with GET or HEAD",
    "engine-unreachable": "the agent looks again by itself; selfinspect doctor says what is amiss",
    "denied-by-engine": "/v1/engine tells what is allowed; a proxy before it may forbid the rest",
    "unsupported-by-engine": "/v1/engine tells which engine that is, and what it does not support",
    "error": "ask again; where that does not help, the agent's log tells more",
}
"""What a person can do about each kind of problem, where the error itself does not say."""


def json_answer(document: Json, *, status: int = 200) -> Response:
    """A JSON document, whole."""
    return Response(as_json(document), status, media_type="application/json")


def problem(error: SelfinspectError) -> Response:
    """An error as problem details, RFC 9457."""
    document: Json = {
        "type": f"urn:selfinspect:problem:{error.slug}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "hint": error.hint or _HINTS.get(error.slug, _HINTS["error"]),
    }
    unavailable = error.status == 503  # noqa: PLR2004
    return Response(
        as_json(document),
        error.status,
        media_type="application/problem+json",
        headers=_RETRY_AFTER if unavailable else None,
    )


async def problem_handler(request: Request, error: Exception) -> Response:
    """Any error that a route raised, and any that Starlette raises for it."""
    if isinstance(error, SelfinspectError):
        return problem(error)
    if isinstance(error, HTTPException) and error.status_code == 405:  # noqa: PLR2004
        return problem(MethodNotAllowedError(f"{request.method} is not served"))
    if isinstance(error, HTTPException) and error.status_code == 404:  # noqa: PLR2004
        return problem(_no_such_path(request))
    return problem(SelfinspectError("the agent failed at this; its log says more"))


def _no_such_path(request: Request) -> NotFoundError:
    path = request.scope["raw_path"].decode("latin-1")
    served = [
        route.path
        for route in request.app.routes
        if "{" not in route.path and route.include_in_schema
    ]
    return NotFoundError(f"no path {path!r}: there are {', '.join(served)}")


_WEIGHT = re.compile(r";\s*q=([01](?:\.\d{0,3})?)\s*(?:;|$)", re.ASCII | re.IGNORECASE)


def weight(wishes: str, *names: str) -> float:
    """How much one of these is wanted: RFC 9110, section 12.4.2.

    Args:
        wishes: the header. What stands for several, such as `*/*`, names none of them.
        names: in lower case.

    Returns:
        From 0, not at all, to 1.
    """
    found = 0.0
    for wish in wishes.split(","):
        if wish.partition(";")[0].strip().lower() in names:
            stated = _WEIGHT.search(wish)
            found = max(found, float(stated[1]) if stated else 1.0)
    return found


def prefers(accept: str, *media_types: str) -> bool:
    """Whether one of these is wanted, and plain text is not wanted more."""
    wanted = weight(accept, *media_types)
    return wanted > 0 and wanted >= weight(accept, "text/plain")


_DIGEST_BYTES = 16


class Representation(NamedTuple):
    """One form of a member; `etag` is quoted, and the same for the same body at any time."""

    body: bytes
    media_type: str
    etag: str


class Document:
    """One state of a document, and what was drilled out of it, each made once.

    Args:
        content: the whole.
        passing: members of the whole that say when it was read. Their change alone does not
            count as one of the whole; at their own paths it does.
    """

    def __init__(self, content: Json, passing: Collection[str] = ()) -> None:
        self._content = content
        self._passing = passing
        self._made: dict[tuple[tuple[str, ...], bool], Representation] = {}
        self._state: str | None = None

    def at(self, path: Sequence[str], *, json: bool) -> Representation:
        """The member at a path: an object or array as JSON, a scalar as text.

        Args:
            path: names and indices, from the top down.
            json: whether JSON is wanted for a scalar, too.

        Raises:
            NotFoundError: there is no such member; its detail lists those there.
        """
        key = (tuple(path), json)
        made = self._made.get(key)
        if made is None:
            member = drill(self._content, path)
            made = self._made[key] = _represent(member, json=json)
        return made

    def state(self, path: Sequence[str], *, json: bool) -> str:
        """What differs once the member at a path has changed.

        Raises:
            NotFoundError: there is no such member.
        """
        if path or not self._passing or not isinstance(self._content, dict):
            return self.at(path, json=json).etag
        if self._state is None:
            lasting = {
                name: member for name, member in self._content.items() if name not in self._passing
            }
            self._state = _etag(as_json(lasting))
        return self._state


def _represent(member: Json, *, json: bool) -> Representation:
    if json or isinstance(member, dict | list):
        body, media_type = as_json(member), "application/json"
    else:
        body, media_type = as_text(member), "text/plain"
    return Representation(body, media_type, _etag(body))


def _etag(body: bytes) -> str:
    """A strong entity tag, RFC 9110, section 8.8.3."""
    return f'"{hashlib.blake2b(body, digest_size=_DIGEST_BYTES).hexdigest()}"'
