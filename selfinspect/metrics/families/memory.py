"""Memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.metrics.families.family import Point, family, point

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.metrics.families.family import Family
    from selfinspect.model import Sample


def memory(sample: Sample) -> Iterator[Family]:
    """Memory charged to the container, and what became of its pages."""
    figures, detail = sample.memory, sample.detail
    for name, value in (
        ("usage_bytes", figures.usage_bytes),
        ("working_set_bytes", figures.working_set_bytes),
        ("rss", figures.rss_bytes),
        ("cache", figures.cache_bytes),
        ("swap", figures.swap_bytes),
        ("mapped_file", detail.mapped_file_bytes),
        ("kernel_usage", detail.kernel_bytes),
        ("max_usage_bytes", figures.peak_bytes),
        ("total_active_file_bytes", detail.active_file_bytes),
        ("total_inactive_file_bytes", detail.inactive_file_bytes),
        ("file_dirty_bytes", detail.dirty_bytes),
        ("file_writeback_bytes", detail.writeback_bytes),
        ("failcnt", detail.failcnt),
        ("workingset_refault_file_total", detail.file_refaults),
        ("workingset_refault_anon_total", detail.anon_refaults),
        ("pgscan_total", detail.pages_scanned),
        ("pgsteal_total", detail.pages_stolen),
        ("events_high_total", detail.high_events),
        ("events_max_total", detail.max_events),
    ):
        yield family(f"container_memory_{name}", point(value))
    yield family(
        "container_memory_failures_total",
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
    yield family("container_oom_events_total", point(figures.oom_kills))
