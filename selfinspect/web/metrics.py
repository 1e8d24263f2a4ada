"""`/metrics`, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from selfinspect.web.threads import in_thread

if TYPE_CHECKING:
    from starlette.requests import Request

    from selfinspect.web.service import Service


def routes(service: Service) -> list[Route]:
    """The one route; reading may take the engine a second, so a thread does it."""

    async def metrics(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        page = await in_thread(lambda: service.metrics(accept))
        return Response(page.body, headers={"content-type": page.content_type})

    return [Route("/metrics", metrics)]
