"""Memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.metrics.families.family import Point, family, point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.metrics.families.family import Family
    from selfinspect.model import Sample


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
        yield family(f"container_memory_{name}", "gauge", text, point(value))
    yield family(
        "container_memory_failcnt",
        "unknown",
        "How often the limit was hit.",
        point(detail.failcnt),
    )
    yield family(
        "container_memory_failures",
        "counter",
        "Page faults, of the container alone and with the cgroups below it.",
        [
            Point(value, {"failure_type": kind, "scope": scope})
            for kind, scope, value in (
                ("pgfault", "container", detail.own_page_faults),
                ("pgfault", "hierarchy", detail.page_faults),
                ("pgmajfault", "container", detail.own_major_page_faults),
                ("pgmajfault", "hierarchy", detail.major_page_faults),
            )
            if value is not None
        ],
    )
    yield family(
        "container_oom_events", "counter", "Processes killed for memory.", point(figures.oom_kills)
    )
