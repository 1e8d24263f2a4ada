"""The HTTP applications: the API with every path, and the metrics listener with three.

A path that only answers is a row of one of the tables below. Paths that drill, wait or stream have
a module each beside this one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response

from selfinspect.background import in_thread
from selfinspect.documents import as_document, engine_document, identity_document, standing
from selfinspect.errors import BadRequestError, NotFoundError
from selfinspect.runs.runs import previous_run
from selfinspect.web import assets
from selfinspect.web.answers import Application, Route, json_answer
from selfinspect.web.guard import Guard
from selfinspect.web.parameters import single, source_of
from selfinspect.web.routes import document, events, logs, metrics, stats

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from selfinspect.engine.api.client import Inquiry
    from selfinspect.model import Json, Run
    from selfinspect.web.service import Service


def _previous_run(service: Service) -> Json:
    run = previous_run(_runs(service))
    if run is None:
        raise NotFoundError(
            "there is no previous run",
            hint="this is the container's first run, or nothing recorded the earlier ones",
        )
    return as_document(run)


def _runs(service: Service) -> tuple[Run, ...]:
    standing(service.snapshot())
    return service.runs()


_LOCAL: dict[str, Callable[[Service], Json]] = {
    "/v1/identity": lambda service: identity_document(service.snapshot()),
    "/v1/engine": lambda service: engine_document(service.snapshot(), service.reach()),
    "/v1/runs": lambda service: {"runs": as_document(_runs(service))},
    "/v1/runs/previous": _previous_run,
}
"""Paths answered from what the agent has: no engine is asked."""

_ENGINE_ONLY: dict[str, Callable[[Inquiry], Json]] = {
    "/v1/changes": lambda inquiry: inquiry.changes(),
    "/v1/image": lambda inquiry: inquiry.image(),
}
"""Paths that only an engine can answer: how it is asked, in a thread."""


def api(service: Service) -> Guard:
    """Every path, for clients inside the container."""
    routes = [
        *document.routes(service),
        *(Route(path, partial(_local, service, answer)) for path, answer in _LOCAL.items()),
        *(Route(path, partial(_engine_only, service, ask)) for path, ask in _ENGINE_ONLY.items()),
        Route("/v1/top", partial(_top, service)),
        *logs.routes(service),
        *stats.routes(service),
        *events.routes(service),
        *metrics.routes(service),
        *_health(service, checks_shown=True),
        Route("/openapi.json", _openapi),
        *assets.routes(),
    ]
    return Guard(
        Application(routes),
        snapshot=service.snapshot,
        hostname=service.hostname,
        allowed=service.allowed_hosts,
        disabled=service.disabled,
        tokens=service.tokens,
        metrics_tokens=service.metrics_tokens,
    )


def metrics_only(service: Service) -> Guard:
    """The paths for anyone on the network: metrics, and whether the agent is well."""
    return Guard(
        Application([*metrics.routes(service), *_health(service, checks_shown=False)]),
        disabled=service.disabled,
        metrics_tokens=service.metrics_tokens,
    )


async def _local(service: Service, answer: Callable[[Service], Json], _: Request) -> Response:
    return json_answer(answer(service))


async def _engine_only(service: Service, ask: Callable[[Inquiry], Json], _: Request) -> Response:
    return json_answer(await in_thread(partial(ask, service.inquiry())))


async def _top(service: Service, request: Request) -> Response:
    """The processes: as the `ps` of the engine's machine has them, unless the kernel is asked."""
    args, source = single(request.query_params, "args"), source_of(request.query_params)
    if source != "kernel":
        return json_answer(await in_thread(partial(service.inquiry().top, args)))
    if args is not None:
        raise BadRequestError("args are of ps, which the kernel is not", hint="leave args out")
    standing(service.snapshot())
    return json_answer(await in_thread(service.processes, or_here=True))


async def _openapi(_: Request) -> Response:
    """The document as `selfinspect.web.openapi` generated it; it is never parsed."""
    return Response(assets.read_file("openapi.json"), media_type="application/json")


def _health(service: Service, *, checks_shown: bool) -> list[Route]:
    """`/healthz` and `/readyz`, which do not follow the app's health.

    Args:
        service: has the checks.
        checks_shown: whether the answer lists them.
    """

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        checks = service.checks()
        ready = all(check.ok for check in checks)
        status = 200 if ready else 503
        if not checks_shown:
            return PlainTextResponse("ready\n" if ready else "not ready\n", status)
        return json_answer({"ready": ready, "checks": as_document(checks)}, status=status)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
