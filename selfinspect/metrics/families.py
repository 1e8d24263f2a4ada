"""Families of metrics from a sample and from the document about ourselves.

Names, labels and units are cAdvisor's, so that its dashboards and alerts work unchanged. What
is unknown has no sample: a zero would look like a counter that was reset.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from selfinspect import times

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from selfinspect.masking import Masking
    from selfinspect.model import Identity, Interface, Sample, Self

Kind: TypeAlias = Literal["counter", "gauge", "unknown"]
Labels: TypeAlias = "Mapping[str, str]"

DEFAULT_LABELS = (
    "com.docker.compose.project",
    "com.docker.compose.service",
    "com.docker.compose.container-number",
    "com.docker.swarm.service.*",
    "com.docker.swarm.task.*",
    "com.docker.swarm.node.*",
    "org.opencontainers.image.title",
    "org.opencontainers.image.version",
    "org.opencontainers.image.revision",
)
_STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
_HEALTH = ("none", "starting", "healthy", "unhealthy")
_NEVER_REPORTED = re.compile(r"lo|(veth|docker).*")
_TRAFFIC = ("bytes", "packets", "errors", "dropped")


class Point(NamedTuple):
    """A value with the labels it has beyond the container's own.

    `timestamp` is in seconds since the Unix epoch, where the value carries one.
    """

    value: float
    labels: Labels
    timestamp: float | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its name without `_total`, and its points, all with the same label names."""

    name: str
    kind: Kind
    help: str
    points: tuple[Point, ...]


def container_labels(
    own: Self,
    *,
    cgroup_path: str | None,
    masking: Masking,
    admitted: Sequence[str] = DEFAULT_LABELS,
) -> Labels:
    """The labels on every `container_` series: `id`, `name`, `image` and admitted labels.

    Two labels that become the same name would make the whole page invalid: the first in sort
    order stays.

    Args:
        own: what is known of the container.
        cgroup_path: its cgroup as the host sees it, None where that is not known.
        masking: what is a secret here, where anyone may scrape.
        admitted: globs over the names of its labels.
    """
    assumed = own.identity.level == "assumed"
    labels = {
        "id": "" if assumed else cgroup_path or f"/docker/{own.id}",
        "name": own.name or "",
        "image": own.image.reference or "",
    }
    for key, value in sorted((own.labels or {}).items()):
        if any(fnmatchcase(key, glob) for glob in admitted):
            name = f"container_label_{re.sub(r'[^a-zA-Z0-9_]', '_', key)}"
            labels.setdefault(name, masking.value(key, value))
    return labels


def cpu(sample: Sample) -> Iterator[Family]:
    """CPU time, and how a quota held it back."""
    per_cpu = sample.detail.per_cpu_seconds
    yield _family(
        "container_cpu_usage_seconds",
        "counter",
        "CPU time used, in seconds.",
        [Point(seconds, {"cpu": f"cpu{number:02d}"}) for number, seconds in enumerate(per_cpu)]
        if per_cpu
        else _point(sample.cpu.usage_seconds, cpu="total"),
    )
    for name, value, text in (
        ("cpu_user_seconds", sample.cpu.user_seconds, "CPU time used in user mode, in seconds."),
        (
            "cpu_system_seconds",
            sample.cpu.system_seconds,
            "CPU time used in the kernel, in seconds.",
        ),
        ("cpu_cfs_periods", sample.cpu.periods, "Periods in which the quota was enforced."),
        ("cpu_cfs_throttled_periods", sample.cpu.throttled_periods, "Periods cut short."),
        ("cpu_cfs_throttled_seconds", sample.cpu.throttled_seconds, "Time held back, in seconds."),
    ):
        yield _family(f"container_{name}", "counter", text, _point(value))


def memory(sample: Sample) -> Iterator[Family]:
    """Memory charged to the container, in bytes."""
    figures, detail = sample.memory, sample.detail
    for name, value, text in (
        ("usage_bytes", figures.usage_bytes, "Memory in use, page cache included."),
        ("working_set_bytes", figures.working_set_bytes, "Memory that cannot be dropped."),
        ("rss", figures.rss_bytes, "Anonymous memory."),
        ("cache", figures.cache_bytes, "Page cache."),
        ("swap", figures.swap_bytes, "Swap in use."),
        ("mapped_file", detail.mapped_file_bytes, "Mapped files."),
        ("max_usage_bytes", figures.peak_bytes, "The most that was ever in use."),
        ("total_active_file_bytes", detail.active_file_bytes, "Active page cache."),
        ("total_inactive_file_bytes", detail.inactive_file_bytes, "Inactive page cache."),
    ):
        yield _family(f"container_memory_{name}", "gauge", text, _point(value))
    yield _family(
        "container_memory_failcnt",
        "unknown",
        "How often the limit was hit.",
        _point(detail.failcnt),
    )
    yield _family(
        "container_oom_events", "counter", "Processes killed for memory.", _point(figures.oom_kills)
    )


def network(sample: Sample) -> Iterator[Family]:
    """Traffic of each interface."""
    interfaces = {
        name: interface
        for name, interface in (sample.network or {}).items()
        if not _NEVER_REPORTED.fullmatch(name)
    }
    for direction, prefix in (("receive", "rx"), ("transmit", "tx")):
        for what in _TRAFFIC:
            name = "packets_dropped" if what == "dropped" else what
            yield _family(
                f"container_network_{direction}_{name}",
                "counter",
                f"{name.replace('_', ' ').capitalize()} of the interface, {direction}.",
                _traffic(interfaces, f"{prefix}_{what}"),
            )


def io(sample: Sample) -> Iterator[Family]:
    """What was read from and written to each device."""
    for name, field, text in (
        ("reads_bytes", "read_bytes", "Bytes read."),
        ("writes_bytes", "write_bytes", "Bytes written."),
        ("reads", "reads", "Reads."),
        ("writes", "writes", "Writes."),
    ):
        yield _family(
            f"container_fs_{name}",
            "counter",
            text,
            [
                Point(value, {"device": device})
                for device, figures in (sample.io or {}).items()
                if (value := getattr(figures, field)) is not None
            ],
        )


def tasks(sample: Sample) -> Iterator[Family]:
    """Tasks in the container, and how many it may have; 0 is unlimited."""
    yield _family("container_threads", "gauge", "Tasks running.", _point(sample.pids.current))
    if sample.pids.current is not None:
        limit = _point(sample.pids.limit or 0)
        yield _family("container_threads_max", "gauge", "Tasks allowed, 0 for any.", limit)


def specification(own: Self) -> Iterator[Family]:
    """What binds the container, when it began, and how it is."""
    limits = own.limits
    if limits is not None:
        for name, value in (
            ("limit", limits.memory_bytes),
            ("swap_limit", limits.memory_swap_bytes),
            ("reservation_limit", limits.memory_reservation_bytes),
        ):
            yield _family(
                f"container_spec_memory_{name}_bytes",
                "gauge",
                "As configured, 0 for unlimited.",
                _point(value or 0),
            )
        shares = _point(limits.cpu_shares or 1024)
        yield _family("container_spec_cpu_shares", "gauge", "Share of the CPU.", shares)
        if limits.cpus is not None:
            quota = _point(round(limits.cpus * 100_000))
            yield _family("container_spec_cpu_quota", "gauge", "CPU time a period, in us.", quota)
            yield _family("container_spec_cpu_period", "gauge", "A period, in us.", _point(100_000))
    for name, text, time in (
        ("start_time_seconds", "When the container started, Unix time.", own.started_at),
        ("creation_time_seconds", "When the container was created, Unix time.", own.created_at),
    ):
        yield _family(f"container_{name}", "gauge", text, _point(_unix(time)))
    if own.state is not None:
        health = {"healthy": 1, "none": -1}.get(own.health.status if own.health else "none", 0)
        yield _family(
            "container_health_state", "gauge", "1 healthy, -1 no check, else 0.", _point(health)
        )


def last_seen(now: float) -> Iterator[Family]:
    """When the container was last seen, with that time as the sample's own timestamp.

    So a series of it ends with the container, and its age can be alerted on.
    """
    yield _family(
        "container_last_seen",
        "gauge",
        "When the container was last seen, Unix time.",
        [Point(float(int(now)), {}, timestamp=now)],
    )


def own_state(own: Self, identity: Identity) -> Iterator[Family]:
    """Our own families: who this is, how it is, how often it was restarted."""
    info = {
        "id": "" if identity.level == "assumed" else own.id,
        "name": own.name or "",
        "image": own.image.reference or "",
        "image_id": own.image.id or "",
        "proof": identity.level or "",
        "compose_project": own.compose.project if own.compose else "",
        "compose_service": (own.compose.service or "") if own.compose else "",
        "swarm_service": (own.swarm.service or "") if own.swarm else "",
        "swarm_task": (own.swarm.task or "") if own.swarm else "",
    }
    yield _family(
        "selfinspect_container_info", "gauge", "Which container this is.", [Point(1, info)]
    )
    if own.state is not None:
        health = own.health.status if own.health else "none"
        yield _family(
            "selfinspect_container_state",
            "gauge",
            "1 for the state it is in.",
            [Point(float(state == own.state), {"state": state}) for state in _STATES],
        )
        yield _family(
            "selfinspect_container_health",
            "gauge",
            "1 for the health it is in.",
            [Point(float(status == health), {"status": status}) for status in _HEALTH],
        )
    yield _family(
        "selfinspect_container_restarts",
        "counter",
        "Restarts by the engine's restart policy.",
        _point(own.restart_count),
    )


def _family(name: str, kind: Kind, text: str, points: Iterable[Point]) -> Family:
    return Family(name, kind, text, tuple(points))


def _point(value: float | None, **labels: str) -> list[Point]:
    return [] if value is None else [Point(value, labels)]


def _traffic(interfaces: Mapping[str, Interface], field: str) -> list[Point]:
    return [
        Point(value, {"interface": name})
        for name, interface in interfaces.items()
        if (value := getattr(interface, field)) is not None
    ]


def _unix(time: str | None) -> float | None:
    """Seconds since the Unix epoch."""
    return None if time is None else times.nanoseconds(time) / 1e9
