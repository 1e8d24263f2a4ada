"""`/v1/top`: the container's processes.

Of an engine alone: its PIDs, its `ps`. The kernel's own list has the processes of whoever shares
our PID namespace, so without an engine the answer is 503, not somebody else's processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from selfinspect.web.answers import json_answer
from selfinspect.web.parameters import single
from selfinspect.web.threads import in_thread

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from selfinspect.web.service import Service


def routes(service: Service) -> list[Route]:
    """The one route; `args` chooses the columns, as `ps` has them."""

    async def top(request: Request) -> Response:
        args = single(request.query_params, "args")
        inquiry = service.inquiry()
        return json_answer(await in_thread(lambda: inquiry.top(args)))

    return [Route("/v1/top", top)]
