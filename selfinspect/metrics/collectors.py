"""Which families make up the page, each group to be collected apart from the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from selfinspect.metrics.families import (
    container,
    cpu,
    machine,
    memory,
    network,
    own,
    pressure,
    storage,
    tasks,
)
from selfinspect.metrics.families.family import Family, Point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from selfinspect.model import (
        Filesystem,
        Json,
        Processes,
        Sample,
        Snapshot,
        Specification,
    )

    Collect = Callable[[], Iterable[Family]]

_Read = TypeVar("_Read")

_ALIVE = ("running", "paused", None)
"""States in which a container has processes; None is unknown, and we are one of them."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How the agent itself is at the moment of a scrape."""

    following: bool
    subscribers: int
    now: float


@dataclass(frozen=True, slots=True)
class Sources:
    """Where figures are read; each may raise, and gives None where there is nothing to read.

    Attributes:
        sample: a reading of the container's resources, the same each time.
        specification: what binds the container.
        processes: its processes.
        filesystem: the file system of its root.
        fs_usage: bytes in its writable layer.
        machine: what the engine says of the machine, None where it is not to be told.
    """

    sample: Callable[[], Sample | None]
    specification: Callable[[], Specification | None] = lambda: None
    processes: Callable[[], Processes | None] = lambda: None
    filesystem: Callable[[], Filesystem | None] = lambda: None
    fs_usage: Callable[[], int | None] = lambda: None
    machine: Callable[[], Json] = lambda: None


def collectors(snapshot: Snapshot, sources: Sources, condition: Condition) -> Mapping[str, Collect]:
    """The groups by name.

    Args:
        snapshot: what is known of the container.
        sources: where its figures are read.
        condition: how the agent is.
    """
    self_, sample = snapshot.self, sources.sample
    found: dict[str, Collect] = {
        "agent": lambda: _agent(snapshot, condition),
        "machine": lambda: machine.machine(sources.machine()),
    }
    if self_ is not None:
        found["state"] = lambda: own.own_state(self_, snapshot.identity)
    if self_ is not None and self_.state not in _ALIVE:
        return found
    found |= {
        "cpu": _of(sample, cpu.cpu),
        "memory": _of(sample, memory.memory),
        "network": _of(sample, network.network),
        "io": _of(sample, storage.io),
        "tasks": _of(sample, tasks.tasks),
        "pressure": _of(sample, pressure.pressure),
        "processes": _of(sources.processes, tasks.processes),
        "filesystem": _of(
            sources.filesystem, lambda there: storage.filesystem(there, sources.fs_usage())
        ),
        "last_seen": _of(sample, lambda _: container.last_seen(condition.now)),
        "source": _of(sample, _source),
    }
    if self_ is not None:
        found["specification"] = _of(sources.specification, container.specification)
        found["life"] = lambda: container.life(self_)
    return found


def _of(read: Callable[[], _Read | None], families: Callable[[_Read], Iterable[Family]]) -> Collect:
    """A group made from what is read, empty where there is nothing."""

    def collect() -> Iterable[Family]:
        reading = read()
        return families(reading) if reading is not None else ()

    return collect


def _source(sample: Sample) -> Iterator[Family]:
    yield Family(
        "selfinspect_stats_source",
        "gauge",
        "1 for where the figures come from.",
        tuple(
            Point(float(source == sample.source), {"source": source})
            for source in ("engine", "kernel")
        ),
    )


def _agent(snapshot: Snapshot, condition: Condition) -> Iterator[Family]:
    failure = snapshot.failure
    up = snapshot.engine is not None and (failure is None or failure.denied)
    for name, text, value in (
        ("engine_up", "1 while the engine answers.", up),
        ("event_stream_connected", "1 while the event streams are open.", condition.following),
        ("subscribers", "Streams open to who listens.", condition.subscribers),
    ):
        yield Family(f"selfinspect_{name}", "gauge", text, (Point(float(value), {}),))
