"""Our own families: who this is, how it is, how often it was restarted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.metrics.families.family import Point, family, point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.metrics.families.family import Family
    from selfinspect.model import Identity, Run, Self

_STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
_HEALTH = ("none", "starting", "healthy", "unhealthy")


def own_state(own: Self, identity: Identity) -> Iterator[Family]:
    """Our own families: who this is, how it is, how often it was restarted."""
    info = {
        "id": own.id or "",
        "name": own.name or "",
        "image": own.image.reference or "",
        "image_id": own.image.id or "",
        "proof": identity.level or "",
        "compose_project": own.compose.project if own.compose else "",
        "compose_service": (own.compose.service or "") if own.compose else "",
        "swarm_service": (own.swarm.service or "") if own.swarm else "",
        "swarm_task": (own.swarm.task or "") if own.swarm else "",
    }
    yield family("selfinspect_container_info", [Point(1, info)])
    if own.state is not None:
        health = own.health.status if own.health else "none"
        yield family(
            "selfinspect_container_state",
            [Point(float(state == own.state), {"state": state}) for state in _STATES],
        )
        yield family(
            "selfinspect_container_health",
            [Point(float(status == health), {"status": status}) for status in _HEALTH],
        )
    yield family("selfinspect_container_restarts_total", point(own.restart_count))
    yield family("selfinspect_stopping", point(own.stopping is not None))
    yield from _previous(own.previous_run)


def _previous(run: Run | None) -> Iterator[Family]:
    if run is None:
        return
    yield family("selfinspect_previous_run_info", point(1, cause=run.cause))
    yield family("selfinspect_previous_exit_code", point(run.exit_code))
    yield family("selfinspect_previous_oom_killed", point(run.oom_killed))
