"""Threads, processes, and what they hold open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.metrics.families.family import family, point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.metrics.families.family import Family
    from selfinspect.model import Processes, Sample


def tasks(sample: Sample) -> Iterator[Family]:
    """Tasks in the container, and how many it may have; 0 is unlimited."""
    limit = sample.detail.tasks_limit
    yield family("container_threads", "gauge", "Tasks running.", point(sample.pids.current))
    yield family("container_threads_max", "gauge", "Tasks allowed, 0 for any.", point(limit))


def processes(found: Processes) -> Iterator[Family]:
    """Processes in the container."""
    for name, text, value in (
        ("processes", "Processes running.", found.count),
        ("file_descriptors", "File descriptors open.", found.file_descriptors),
        ("sockets", "Sockets open.", found.sockets),
    ):
        yield family(f"container_{name}", "gauge", text, point(value))
