"""Memory figures from the parts in which cgroups, and engines after them, report them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from selfinspect.kernel.files import UNLIMITED
from selfinspect.model import Detail, Memory

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Names(NamedTuple):
    rss: str
    cache: str
    swap: str
    mapped_file: str
    active_file: str
    inactive_file: str
    page_faults: str
    major_page_faults: str
    own_page_faults: str
    own_major_page_faults: str
    dirty: str
    writeback: str
    file_refaults: str
    anon_refaults: str


# On v1 the plain names leave out what child cgroups were charged.
_V1 = _Names(
    "total_rss",
    "total_cache",
    "total_swap",
    "total_mapped_file",
    "total_active_file",
    "total_inactive_file",
    "total_pgfault",
    "total_pgmajfault",
    "pgfault",
    "pgmajfault",
    "total_dirty",
    "total_writeback",
    "total_workingset_refault_file",
    "total_workingset_refault_anon",
)
# v2 has its swap in a file of its own.
_V2 = _Names(
    "anon",
    "file",
    "",
    "file_mapped",
    "active_file",
    "inactive_file",
    "pgfault",
    "pgmajfault",
    "pgfault",
    "pgmajfault",
    "file_dirty",
    "file_writeback",
    "workingset_refault_file",
    "workingset_refault_anon",
)


def is_v1(stat: Mapping[str, int]) -> bool:
    """Whether a `memory.stat` is cgroup v1's."""
    return _V1.inactive_file in stat


def memory(
    stat: Mapping[str, int],
    *,
    usage: int | None,
    limit: int | None,
    peak: int | None = None,
    swap: int | None = None,
    kernel: int | None = None,
    failcnt: int | None = None,
    oom_kills: int | None = None,
) -> tuple[Memory, Detail]:
    """The memory part of a sample, and the memory figures of its detail.

    Args:
        stat: the figures of `memory.stat`, of either version.
        usage: bytes charged now.
        limit: bytes that may be charged; a limit that cannot be reached is none.
        peak: the most bytes ever charged.
        swap: bytes swapped out, where `stat` does not say so.
        kernel: bytes of the kernel's own memory, where `stat` does not say so.
        failcnt: how often the limit was hit.
        oom_kills: how many processes the kernel OOM-killed.
    """
    names = _V1 if is_v1(stat) else _V2
    rss, cache, swapped, mapped, active, inactive, *others = map(stat.get, names)
    faults, (dirty, writeback, file_refaults, anon_refaults) = others[:4], others[4:]
    limit = limit if limit is not None and 0 < limit < UNLIMITED else None
    working_set = None if usage is None or inactive is None else max(0, usage - inactive)
    return (
        Memory(
            usage_bytes=usage,
            working_set_bytes=working_set,
            rss_bytes=rss,
            cache_bytes=cache,
            swap_bytes=swapped if swap is None else swap,
            peak_bytes=peak,
            limit_bytes=limit,
            percent=None if working_set is None or limit is None else working_set / limit * 100,
            oom_kills=oom_kills,
        ),
        Detail(
            mapped_file_bytes=mapped,
            active_file_bytes=active,
            inactive_file_bytes=inactive,
            failcnt=failcnt,
            page_faults=faults[0],
            major_page_faults=faults[1],
            own_page_faults=faults[2],
            own_major_page_faults=faults[3],
            kernel_bytes=stat.get("kernel") if kernel is None else kernel,
            dirty_bytes=dirty,
            writeback_bytes=writeback,
            file_refaults=file_refaults,
            anon_refaults=anon_refaults,
            pages_scanned=stat.get("pgscan"),
            pages_stolen=stat.get("pgsteal"),
        ),
    )
