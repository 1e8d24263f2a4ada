"""`/v1/runs`: this container's runs, the present one and those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from selfinspect.documents import as_document, standing
from selfinspect.errors import NotFoundError
from selfinspect.events.runs import previous_run
from selfinspect.web.answers import json_answer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from selfinspect.model import Run
    from selfinspect.web.service import Service

_PREVIOUS = "/v1/runs/previous"


def routes(service: Service) -> list[Route]:
    """All of them, newest first, and the last one that is over."""

    def known() -> tuple[Run, ...]:
        standing(service.snapshot())
        return service.runs()

    async def every(request: Request) -> Response:  # noqa: ARG001
        return json_answer({"runs": as_document(known())})

    async def previous(request: Request) -> Response:  # noqa: ARG001
        run = previous_run(known())
        if run is None:
            raise NotFoundError(
                "no run before this one is known",
                path=_PREVIOUS,
                hint="it is the container's first, or nothing told of those before",
            )
        return json_answer(as_document(run))

    return [Route("/v1/runs", every), Route(_PREVIOUS, previous)]
