"""`/v1/identity`: which container this is, how that is known, and what was looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from selfinspect.documents import identity_document
from selfinspect.web.answers import json_answer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from selfinspect.web.service import Service


def routes(service: Service) -> list[Route]:
    """The one route; it answers for a refused identity as well."""

    async def identity(request: Request) -> Response:  # noqa: ARG001
        return json_answer(identity_document(service.snapshot()))

    return [Route("/v1/identity", identity)]
