"""`/v1/changes`: what differs in the container's file system from its image's.

`/v1/engine`: which engine answers, and the limits of our access to it.

`/v1/identity`: which container this is, how that is known, and what was looked at.

`/v1/image`: the container's image, and how it was made.

`/openapi.json`: what every path takes and answers. `python -m tests.openapi` writes it.

`/v1/top`: the container's processes.

Of an engine alone: its PIDs, its `ps`. The kernel's own list has the processes of whoever shares
our PID namespace, so without an engine the answer is 503, not somebody else's processes.

`/v1/runs`: this container's runs, the present one and those before it.

`/healthz` and `/readyz`: whether the agent is well; neither follows the app's health.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from selfinspect.documents import as_document, engine_document, identity_document, standing
from selfinspect.errors import NotFoundError
from selfinspect.runs.runs import previous_run
from selfinspect.web.answers import json_answer
from selfinspect.web.parameters import single
from selfinspect.web.streaming import in_thread

if TYPE_CHECKING:
    from starlette.requests import Request

    from selfinspect.model import Run
    from selfinspect.web.app import Service


def _changes(service: Service) -> list[Route]:
    """The one route."""

    async def changes(request: Request) -> Response:  # noqa: ARG001
        return json_answer(await in_thread(service.inquiry().changes))

    return [Route("/v1/changes", changes)]


def _engine(service: Service) -> list[Route]:
    """The one route. It asks the engine nothing: what is not known yet is unknown."""

    async def engine(request: Request) -> Response:  # noqa: ARG001
        return json_answer(engine_document(service.snapshot(), service.reach()))

    return [Route("/v1/engine", engine)]


def _identity(service: Service) -> list[Route]:
    """The one route; it answers for a refused identity as well."""

    async def identity(request: Request) -> Response:  # noqa: ARG001
        return json_answer(identity_document(service.snapshot()))

    return [Route("/v1/identity", identity)]


def _image(service: Service) -> list[Route]:
    """The one route."""

    async def image(request: Request) -> Response:  # noqa: ARG001
        return json_answer(await in_thread(service.inquiry().image))

    return [Route("/v1/image", image)]


def _openapi() -> list[Route]:
    """The one route. The document is read when it is asked for, and never parsed."""

    async def openapi(request: Request) -> Response:  # noqa: ARG001
        from pkgutil import get_data  # noqa: PLC0415 - loaded for those who ask

        return Response(get_data("selfinspect.web", "openapi.json"), media_type="application/json")

    return [Route("/openapi.json", openapi)]


def _top(service: Service) -> list[Route]:
    """The one route; `args` chooses the columns, as `ps` has them."""

    async def top(request: Request) -> Response:
        args = single(request.query_params, "args")
        inquiry = service.inquiry()
        return json_answer(await in_thread(lambda: inquiry.top(args)))

    return [Route("/v1/top", top)]


_PREVIOUS = "/v1/runs/previous"


def _runs(service: Service) -> list[Route]:
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
                hint="it is the container's first, or nothing told of those before",
            )
        return json_answer(as_document(run))

    return [Route("/v1/runs", every), Route(_PREVIOUS, previous)]


def health(service: Service, *, checks_shown: bool) -> list[Route]:
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


def resources(service: Service) -> list[Route]:
    """The paths that only answer: with what is known, or with what the engine says at once."""
    each = (_identity, _engine, _changes, _image, _top, _runs)
    return [route for routes in each for route in routes(service)] + _openapi()
