"""The two applications: the API with everything, and the metrics listener's few paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from selfinspect.errors import SelfinspectError
from selfinspect.web import (
    assets,
    changes,
    document,
    engine,
    events,
    health,
    identity,
    image,
    logs,
    metrics,
    openapi,
    runs,
    stats,
    top,
)
from selfinspect.web.answers import problem_handler
from selfinspect.web.guard import Guard, names_of

if TYPE_CHECKING:
    from starlette.routing import Route

    from selfinspect.web.service import Service
    from selfinspect.web.tokens import Tokens


def api(service: Service) -> Guard:
    """Everything, for who is inside the container."""
    routes = [
        *document.routes(service),
        *identity.routes(service),
        *engine.routes(service),
        *top.routes(service),
        *logs.routes(service),
        *changes.routes(service),
        *image.routes(service),
        *stats.routes(service),
        *events.routes(service),
        *runs.routes(service),
        *metrics.routes(service),
        *health.routes(service, checks_shown=True),
        *openapi.routes(),
        *assets.routes(),
    ]

    def tokens(path: str) -> list[Tokens]:
        if assets.is_asset(path):
            return []
        # Who may ask everything may ask for metrics, too.
        files = [service.tokens, service.metrics_tokens if path in metrics.PATHS else None]
        return [each for each in files if each is not None]

    return Guard(
        _app(routes),
        lambda: names_of(service.snapshot(), service.hostname),
        service.allowed_hosts,
        disabled=service.disabled,
        tokens=tokens,
    )


def metrics_only(service: Service) -> Guard:
    """What anyone on the network may ask: metrics, and whether the agent is well."""
    routes = [*metrics.routes(service), *health.routes(service, checks_shown=False)]
    tokens = [service.metrics_tokens] if service.metrics_tokens else []
    return Guard(
        _app(routes),
        disabled=service.disabled,
        tokens=lambda path: tokens if path in metrics.PATHS else [],
    )


def _app(routes: list[Route]) -> Starlette:
    app = Starlette(
        routes=routes,
        exception_handlers=dict.fromkeys(
            (SelfinspectError, HTTPException, Exception), problem_handler
        ),
    )
    app.router.redirect_slashes = False
    return app
