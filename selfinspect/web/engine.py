"""`/v1/engine`: which engine answers, and the limits of our access to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from selfinspect.documents import engine_document
from selfinspect.web.answers import json_answer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from selfinspect.web.service import Service


def routes(service: Service) -> list[Route]:
    """The one route. It asks the engine nothing: what is not known yet is unknown."""

    async def engine(request: Request) -> Response:  # noqa: ARG001
        return json_answer(engine_document(service.snapshot(), service.reach()))

    return [Route("/v1/engine", engine)]
