"""Which families make up the page, each group to be collected apart from the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfinspect.metrics import families
from selfinspect.metrics.families import Family, Point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from selfinspect.model import Sample, Snapshot

    Collect = Callable[[], Iterable[Family]]


@dataclass(frozen=True, slots=True)
class Condition:
    """How the agent itself is at the moment of a scrape."""

    following: bool
    subscribers: int
    now: float


def collectors(
    snapshot: Snapshot, sample: Callable[[], Sample | None], condition: Condition
) -> Mapping[str, Collect]:
    """The groups by name.

    Args:
        snapshot: what is known of the container.
        sample: a reading of its resources, None where there is none; may raise each time.
        condition: how the agent is.
    """
    own = snapshot.self

    def of_sample(collect: Callable[[Sample], Iterable[Family]]) -> Collect:
        def collected() -> Iterable[Family]:
            reading = sample()
            return collect(reading) if reading is not None else ()

        return collected

    found: dict[str, Collect] = {
        "cpu": of_sample(families.cpu),
        "memory": of_sample(families.memory),
        "network": of_sample(families.network),
        "io": of_sample(families.io),
        "tasks": of_sample(families.tasks),
        "last_seen": of_sample(lambda _: families.last_seen(condition.now)),
        "source": of_sample(_source),
        "agent": lambda: _agent(snapshot, condition),
    }
    if own is not None:
        found["specification"] = lambda: families.specification(own)
        found["state"] = lambda: families.own_state(own, snapshot.identity)
    return found


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
    up = snapshot.engine is not None and snapshot.failure is None
    for name, text, value in (
        ("engine_up", "1 while the engine answers.", up),
        ("event_stream_connected", "1 while the event streams are open.", condition.following),
        ("subscribers", "Who listens to events.", condition.subscribers),
    ):
        yield Family(f"selfinspect_{name}", "gauge", text, (Point(float(value), {}),))
