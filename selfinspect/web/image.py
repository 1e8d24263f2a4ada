"""`/v1/image`: the container's image, and how it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from selfinspect.web.answers import json_answer
from selfinspect.web.threads import in_thread

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from selfinspect.web.service import Service


def routes(service: Service) -> list[Route]:
    """The one route."""

    async def image(request: Request) -> Response:  # noqa: ARG001
        return json_answer(await in_thread(service.inquiry().image))

    return [Route("/v1/image", image)]
