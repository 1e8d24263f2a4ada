"""The groups of families that make up a page of metrics, each collected apart. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from selfinspect.frozen import dataclass
from selfinspect.metrics import container, usage
from selfinspect.metrics.family import families, one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from selfinspect.metrics.family import Family
    from selfinspect.model import (
        Filesystem,
        Json,
        Machine,
        Processes,
        Sample,
        Snapshot,
        Specification,
    )

    Collect = Callable[[], Iterable[Family]]

_Read = TypeVar("_Read")

_ALIVE = ("running", "paused", None)
"""States in which a container has processes. None is unknown: we are one of its processes."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The agent's own state at the moment of a scrape.

    `settled` is whether it has found out which container it is in, or that it cannot.
    """

    following: bool
    subscribers: int
    now: float
    settled: bool = True


@dataclass(frozen=True, slots=True)
class Sources:
    """Where figures are read; each may raise, and returns None where there is nothing to read.

    Attributes:
        sample: a reading of the container's resources, the same each time.
        specification: the container's limits.
        processes: its processes.
        filesystem: the file system of its root.
        fs_usage: bytes in its writable layer.
        machine: the machine, None where it is not to be reported.
        info: what the engine reports about itself and the machine.
        started_at: when the container's PID 1 started, Unix seconds.
        masked: masks what `--reveal` opens: anyone on the network may read metrics.
    """

    sample: Callable[[], Sample | None]
    specification: Callable[[], Specification | None] = lambda: None
    processes: Callable[[], Processes | None] = lambda: None
    filesystem: Callable[[], Filesystem | None] = lambda: None
    fs_usage: Callable[[], int | None] = lambda: None
    machine: Callable[[], Machine] | None = None
    info: Callable[[], Json] = lambda: None
    started_at: Callable[[], float | None] = lambda: None
    masked: Callable[[str], str] = str


def collectors(snapshot: Snapshot, sources: Sources, condition: Condition) -> Mapping[str, Collect]:
    """The groups by name.

    Until the identity is settled there are no figures of the container: without its labels they
    would be series of their own, whose end looks like the end of a container.

    Args:
        snapshot: the current findings about the container.
        sources: where its figures are read.
        condition: the agent's own state.
    """
    self_, sample = snapshot.self, sources.sample
    found: dict[str, Collect] = {"agent": lambda: _agent(snapshot, condition)}
    if (read := sources.machine) is not None:
        found["machine"] = lambda: container.machine(read(), sources.info())
    if self_ is not None:
        found["state"] = lambda: container.own_state(self_, snapshot.identity, sources.masked)
    if not condition.settled or (self_ is not None and self_.state not in _ALIVE):
        return found
    found |= {
        "cpu": _of(sample, usage.cpu),
        "memory": _of(sample, usage.memory),
        "network": _of(sample, usage.network),
        "io": _of(sample, usage.io),
        "tasks": _of(sample, usage.tasks),
        "pressure": _of(sample, usage.pressure),
        "processes": _of(sources.processes, usage.processes),
        "filesystem": _of(
            sources.filesystem, lambda there: usage.filesystem(there, sources.fs_usage())
        ),
        "last_seen": _of(sample, lambda _: container.last_seen(condition.now)),
        "source": _of(sample, _source),
        "specification": _of(sources.specification, container.specification),
        "started": lambda: container.started(self_, sources.started_at()),
    }
    if self_ is not None:
        found["life"] = lambda: container.life(self_)
    return found


def _of(read: Callable[[], _Read | None], families: Callable[[_Read], Iterable[Family]]) -> Collect:
    """A group made from what is read, empty where there is nothing."""

    def collect() -> Iterable[Family]:
        reading = read()
        return families(reading) if reading is not None else ()

    return collect


def _source(sample: Sample) -> Iterator[Family]:
    yield one_of("selfinspect_stats_source", "source", ("engine", "kernel"), sample.source)


def _agent(snapshot: Snapshot, condition: Condition) -> Iterator[Family]:
    failure = snapshot.failure
    return families(
        "selfinspect_",
        engine_up=snapshot.engine is not None and (failure is None or failure.denied),
        event_stream_connected=condition.following,
        subscribers=condition.subscribers,
    )
