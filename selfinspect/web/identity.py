"""`/v1/identity`: which container this is, how that is known, and what was looked at."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.routing import Route

from selfinspect.web.answers import json_answer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from selfinspect.model import Json, Snapshot
    from selfinspect.web.service import Service


def routes(service: Service) -> list[Route]:
    """The one route; it answers for a refused identity as well."""

    async def identity(request: Request) -> Response:  # noqa: ARG001
        return json_answer(identity_document(service.snapshot()))

    return [Route("/v1/identity", identity)]


def identity_document(snapshot: Snapshot) -> Json:
    """What `/v1/identity` answers, and `selfinspect id --json` prints."""
    identity = snapshot.identity
    return {
        "id": identity.id,
        "name": identity.name,
        "level": identity.level,
        "method": identity.method,
        "reason": identity.reason,
        "engine": asdict(snapshot.engine) if snapshot.engine else None,
        "candidates": [asdict(candidate) for candidate in identity.candidates],
        "tried": [asdict(attempt) for attempt in snapshot.tried],
    }
