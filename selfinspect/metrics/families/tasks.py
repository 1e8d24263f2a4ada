"""Threads, processes, and what they hold open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.metrics.families.family import Point, family, point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.metrics.families.family import Family
    from selfinspect.model import Processes, Sample


def tasks(sample: Sample) -> Iterator[Family]:
    """Tasks in the container, and how many it may have; 0 is unlimited."""
    yield family("container_threads", point(sample.pids.current))
    yield family("container_threads_max", point(sample.detail.tasks_limit))


def processes(found: Processes) -> Iterator[Family]:
    """Processes in the container, what they hold open, and how many tasks are in each state."""
    for name, value in (
        ("processes", found.count),
        ("file_descriptors", found.file_descriptors),
        ("sockets", found.sockets),
    ):
        yield family(f"container_{name}", point(value))
    yield family(
        "container_tasks_state",
        [Point(number, {"state": state}) for state, number in found.tasks.items()],
    )
