"""`/openapi.json`: what every path takes and answers. `python -m tests.openapi` writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request


def routes() -> list[Route]:
    """The one route. The document is read when it is asked for, and never parsed."""

    async def openapi(request: Request) -> Response:  # noqa: ARG001
        from pkgutil import get_data  # noqa: PLC0415 - loaded for those who ask

        return Response(get_data(__package__, "openapi.json"), media_type="application/json")

    return [Route("/openapi.json", openapi)]
