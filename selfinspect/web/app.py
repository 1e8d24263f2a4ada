"""The two applications: the API with everything, and the metrics listener's few paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from selfinspect.errors import SelfinspectError
from selfinspect.web import document, engine, events, health, identity, metrics, stats
from selfinspect.web.answers import problem_handler
from selfinspect.web.guard import Guard, names_of

if TYPE_CHECKING:
    from starlette.routing import Route

    from selfinspect.web.service import Service


def api(service: Service) -> Guard:
    """Everything, for who is inside the container."""
    routes = [
        *document.routes(service),
        *identity.routes(service),
        *engine.routes(service),
        *stats.routes(service),
        *events.routes(service),
        *metrics.routes(service),
        *health.routes(service, checks_shown=True),
    ]
    return Guard(_app(routes), lambda: names_of(service.snapshot()), service.allowed_hosts)


def metrics_only(service: Service) -> Guard:
    """What anyone on the network may ask: metrics, and whether the agent is well."""
    routes = [*metrics.routes(service), *health.routes(service, checks_shown=False)]
    return Guard(_app(routes), None)


def _app(routes: list[Route]) -> Starlette:
    app = Starlette(
        routes=routes,
        exception_handlers=dict.fromkeys(
            (SelfinspectError, HTTPException, Exception), problem_handler
        ),
    )
    app.router.redirect_slashes = False
    return app
