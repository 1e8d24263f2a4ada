"""`/v1/changes`: what differs in the container's file system from its image's."""

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

    async def changes(request: Request) -> Response:  # noqa: ARG001
        return json_answer(await in_thread(service.inquiry().changes))

    return [Route("/v1/changes", changes)]
