"""The container itself and its machine: limits, life, identity, state, the previous run. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect import __version__, times
from selfinspect.jsonread import integer, text
from selfinspect.metrics.family import Point, families, family, one_of, point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selfinspect.metrics.family import Family
    from selfinspect.model import Identity, Json, Machine, Self, Specification

_STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
_HEALTH = ("none", "starting", "healthy", "unhealthy")


def specification(found: Specification) -> Iterator[Family]:
    """The container's limits: memory 0 is unlimited, and no quota has no sample."""
    yield from families(
        "container_spec_",
        memory_limit_bytes=found.memory_bytes,
        memory_swap_limit_bytes=found.memory_swap_bytes,
        memory_reservation_limit_bytes=found.memory_reservation_bytes,
        cpu_shares=found.cpu_shares,
        cpu_quota=found.cpu_quota,
        cpu_period=found.cpu_period,
    )


def started(own: Self | None, pid_1: float | None) -> Iterator[Family]:
    """When the container started.

    Args:
        own: the document about it, None while it is not identified.
        pid_1: when its PID 1 started, Unix seconds, for where no engine reports its start.
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


def own_state(
    own: Self, identity: Identity, masked: Callable[[str], str] = str
) -> Iterator[Family]:
    """Our own families: the container's identity, state, restarts, and previous run."""
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
        "selfinspect_container_info",
        [Point(1, {label: masked(value) for label, value in info.items()})],
    )
    if own.state is not None:
        health = own.health.status if own.health else "none"
        yield one_of("selfinspect_container_state", "state", _STATES, own.state)
        yield one_of("selfinspect_container_health", "status", _HEALTH, health)
    yield from families(
        "selfinspect_",
        container_restarts_total=own.restart_count,
        stopping=own.stopping is not None,
    )
    if (run := own.previous_run) is not None:
        yield family("selfinspect_previous_run_info", point(1, cause=run.cause))
        yield from families(
            "selfinspect_previous_", exit_code=run.exit_code, oom_killed=run.oom_killed
        )


def machine(found: Machine, info: Json) -> Iterator[Family]:
    """CPUs, memory and versions.

    Args:
        found: what the kernel reports.
        info: what the engine reports of itself and its machine, which comes first; None where it
            reports nothing.
    """
    cpus, memory = integer(info, "NCPU"), integer(info, "MemTotal")
    yield from families(
        "machine_",
        cpu_cores=found.cpus if cpus is None else cpus,
        cpu_physical_cores=found.physical_cores,
        cpu_sockets=found.sockets,
        memory_bytes=found.memory_bytes if memory is None else memory,
        swap_bytes=found.swap_bytes,
    )
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
