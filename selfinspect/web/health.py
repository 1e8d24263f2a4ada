"""`/healthz` and `/readyz`: whether the agent is well; neither follows the app's health."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from selfinspect.web.answers import json_answer

if TYPE_CHECKING:
    from starlette.requests import Request

    from selfinspect.web.service import Service


def routes(service: Service, *, checks_shown: bool) -> list[Route]:
    """The two routes. Without `checks_shown` they answer by their status alone."""

    async def healthz(request: Request) -> Response:  # noqa: ARG001
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:  # noqa: ARG001
        checks = service.checks()
        ready = all(check.ok for check in checks)
        status = 200 if ready else 503
        if not checks_shown:
            return PlainTextResponse("ready\n" if ready else "not ready\n", status)
        return json_answer(
            {"ready": ready, "checks": [check._asdict() for check in checks]}, status=status
        )

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
