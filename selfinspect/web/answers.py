"""The forms an answer takes: JSON, a drilled member, a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response

from selfinspect.errors import (
    EngineDeniedError,
    EngineError,
    EngineUnreachableError,
    MethodNotAllowedError,
    NotFoundError,
    SelfinspectError,
)
from selfinspect.web import drill

if TYPE_CHECKING:
    from starlette.requests import Request

    from selfinspect.model import Json, Snapshot

_RETRY_AFTER = {"retry-after": "5"}


def json_answer(document: Json, *, status: int = 200) -> Response:
    """A JSON document, whole."""
    return Response(drill.as_json(document), status, media_type="application/json")


def member_answer(request: Request, document: Json, prefix: str) -> Response:
    """The member of a document that the request's path names.

    An object or an array is JSON; a scalar is text, unless JSON is asked for.
    """
    member = drill.drill(document, drill.segments(request.scope["raw_path"], prefix))
    wants_json = "application/json" in request.headers.get("accept", "").lower()
    if wants_json or isinstance(member, dict | list):
        response = json_answer(member)
    else:
        response = Response(drill.as_text(member), media_type="text/plain")
    response.headers["vary"] = "Accept"
    return response


def problem(error: SelfinspectError) -> Response:
    """An error as problem details, RFC 9457."""
    document: Json = {
        "type": f"urn:selfinspect:problem:{error.slug}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "hint": error.hint,
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
    served = [route.path for route in request.app.routes if "{" not in route.path]
    return NotFoundError(f"no path {path!r}: there are {', '.join(served)}", members=served)


def engine_missing(snapshot: Snapshot) -> EngineError:
    """Why an answer that only an engine can give cannot be given."""
    failure = snapshot.failure
    if failure is None:
        return EngineUnreachableError("the engine has not been asked yet")
    if failure.denied:
        return EngineDeniedError(failure.detail, code=403, capability="inspect", hint=failure.hint)
    return EngineUnreachableError(failure.detail, hint=failure.hint)
