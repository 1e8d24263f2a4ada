"""What binds the container, when it began, how it is, and that it was seen.

Our own families: who this is, how it is, how often it was restarted.

The machine, where every agent on it is to report it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect import __version__, times
from selfinspect.jsonread import integer, text
from selfinspect.metrics.family import Point, family, point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.metrics.family import Family
    from selfinspect.model import Identity, Json, Machine, Run, Self, Specification


def specification(found: Specification) -> Iterator[Family]:
    """What binds the container: memory 0 is unlimited, and no quota has no sample."""
    for name, value in (
        ("limit", found.memory_bytes),
        ("swap_limit", found.memory_swap_bytes),
        ("reservation_limit", found.memory_reservation_bytes),
    ):
        yield family(f"container_spec_memory_{name}_bytes", point(value))
    for name, value in (
        ("shares", found.cpu_shares),
        ("quota", found.cpu_quota),
        ("period", found.cpu_period),
    ):
        yield family(f"container_spec_cpu_{name}", point(value))


def started(own: Self | None, pid_1: float | None) -> Iterator[Family]:
    """When the container started.

    Args:
        own: what is known of it, None where it is not known which one it is.
        pid_1: when its PID 1 started, Unix seconds, for where no engine says more.
    """
    time = _unix(own.started_at) if own is not None else None
    yield family("container_start_time_seconds", point(pid_1 if time is None else time))


def life(own: Self) -> Iterator[Family]:
    """When the container was created, and its health."""
    yield family("container_creation_time_seconds", point(_unix(own.created_at)))
    if own.state is not None:
        health = {"healthy": 1, "none": -1}.get(own.health.status if own.health else "none", 0)
        yield family("container_health_state", point(health))


def last_seen(now: float) -> Iterator[Family]:
    """When the container was last seen, with that time as the sample's own timestamp.

    So a series of it ends with the container, and its age can be alerted on.
    """
    yield family("container_last_seen", [Point(float(int(now)), {}, timestamp=now)])


def _unix(time: str | None) -> float | None:
    """Seconds since the Unix epoch."""
    return None if time is None else times.nanoseconds(time) / 1e9


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


def machine(found: Machine, info: Json) -> Iterator[Family]:
    """CPUs, memory and versions.

    Args:
        found: what the kernel reports.
        info: what the engine reports of itself and its machine, which comes first; None where it
            reports nothing.
    """
    cpus, memory = integer(info, "NCPU"), integer(info, "MemTotal")
    for name, value in (
        ("cpu_cores", found.cpus if cpus is None else cpus),
        ("cpu_physical_cores", found.physical_cores),
        ("cpu_sockets", found.sockets),
        ("memory_bytes", found.memory_bytes if memory is None else memory),
        ("swap_bytes", found.swap_bytes),
    ):
        yield family(f"machine_{name}", point(value))
    yield family(
        "cadvisor_version_info",
        point(
            1,
            kernelVersion=text(info, "KernelVersion") or found.kernel or "",
            osVersion=text(info, "OperatingSystem") or "",
            dockerVersion=text(info, "ServerVersion") or "",
            cadvisorVersion=__version__,
            cadvisorRevision="selfinspect",
        ),
    )
