"""The two applications: the API with everything, and the metrics listener's few paths.

What the routes need of the agent, and nothing more of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from selfinspect.errors import SelfinspectError
from selfinspect.web import assets
from selfinspect.web.answers import problem_handler
from selfinspect.web.guard import Guard, names_of
from selfinspect.web.routes import document, events, logs, metrics, resources, stats

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.routing import Route

    from selfinspect.engine.api.client import Inquiry
    from selfinspect.events.subscribers import Subscribers
    from selfinspect.journal.journal import Journal
    from selfinspect.model import Json, Reach, Run, Sample, Snapshot, StatsSource
    from selfinspect.web.credentials import Tokens
    from selfinspect.web.waiting import Waiting


def api(service: Service) -> Guard:
    """Everything, for who is inside the container."""
    routes = [
        *document.routes(service),
        *resources.resources(service),
        *logs.routes(service),
        *stats.routes(service),
        *events.routes(service),
        *metrics.routes(service),
        *resources.health(service, checks_shown=True),
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
    routes = [*metrics.routes(service), *resources.health(service, checks_shown=False)]
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


class Check(NamedTuple):
    """One thing that readiness depends on."""

    name: str
    ok: bool
    detail: str


class Exposition(NamedTuple):
    """A whole page of metrics and the format it is in."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Service:
    """The agent as the routes see it.

    `sample` and `metrics` may wait for the engine, and are called in a thread.

    Attributes:
        snapshot: all that is known now.
        sample: a reading of the resources, from the source named or as the settings have it;
            None where there is nothing to read; raises EngineError where only an engine could
            say.
        inquiry: whom to ask for what stands in no snapshot; raises IdentityError or EngineError
            where nobody is to be asked.
        raw_stats: the engine's stats as they are; raises EngineError where it gives none.
        metrics: a page of metrics of a media type, `text/plain` or OpenMetrics', made in so many
            seconds; None is as long as it takes.
        reach: how far our access to the engine goes, None where none ever answered.
        checks: what readiness depends on, as it stands now.
        journal: the events held.
        runs: the container's runs, newest first.
        subscribers: who listens to events.
        waiting: who waits for a change of what is known.
        hostname: the kernel's name for us, empty where it has none.
        allowed_hosts: globs over further names we may be called by.
        disabled: globs over paths that are not served.
        tokens: what opens the API, None where it is open.
        metrics_tokens: what opens `/metrics`, None where it is open.
    """

    snapshot: Callable[[], Snapshot]
    sample: Callable[[StatsSource | None], Sample | None]
    inquiry: Callable[[], Inquiry]
    raw_stats: Callable[[], Json]
    metrics: Callable[[str, float | None], Exposition]
    reach: Callable[[], Reach | None]
    checks: Callable[[], tuple[Check, ...]]
    journal: Journal
    runs: Callable[[], tuple[Run, ...]]
    subscribers: Subscribers
    waiting: Waiting
    hostname: str = ""
    allowed_hosts: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    tokens: Tokens | None = None
    metrics_tokens: Tokens | None = None
