"""The forms an answer takes: JSON, a drilled member, a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response

from selfinspect.errors import (
    MethodNotAllowedError,
    NotFoundError,
    SelfinspectError,
)
from selfinspect.web import drill

if TYPE_CHECKING:
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
    return Response(drill.as_json(document), status, media_type="application/json")


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
        drill.as_json(document),
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
    return NotFoundError(f"no path {path!r}: there are {', '.join(served)}", members=served)
