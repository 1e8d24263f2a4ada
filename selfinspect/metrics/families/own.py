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
    yield family(
        "selfinspect_container_info", "gauge", "Which container this is.", [Point(1, info)]
    )
    if own.state is not None:
        health = own.health.status if own.health else "none"
        yield family(
            "selfinspect_container_state",
            "gauge",
            "1 for the state it is in.",
            [Point(float(state == own.state), {"state": state}) for state in _STATES],
        )
        yield family(
            "selfinspect_container_health",
            "gauge",
            "1 for the health it is in.",
            [Point(float(status == health), {"status": status}) for status in _HEALTH],
        )
    yield family(
        "selfinspect_container_restarts",
        "counter",
        "Restarts by the engine's restart policy.",
        point(own.restart_count),
    )
    yield from _previous(own.previous_run)


def _previous(run: Run | None) -> Iterator[Family]:
    if run is None:
        return
    yield family(
        "selfinspect_previous_exit_code",
        "gauge",
        "The exit code of the run before this one.",
        point(run.exit_code),
    )
    yield family(
        "selfinspect_previous_oom_killed",
        "gauge",
        "1 where want of memory ended the main process of the run before this one.",
        point(run.oom_killed),
    )
