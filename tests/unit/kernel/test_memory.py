from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.kernel.memory import memory, read_memory
from selfinspect.kernel.proc_self import UNIFIED

if TYPE_CHECKING:
    from collections.abc import Callable

    Lay = Callable[[dict[str, str]], str]


@pytest.mark.parametrize("limit", [2**63 - 4096, 2**63 - 65536, 2**64 - 1, 0, None])
def test_a_limit_out_of_reach_is_none(limit: int | None) -> None:
    """Cgroup v1's "no limit" is a number near 2^63, whatever the page size."""
    figures, _ = memory({"inactive_file": 1}, usage=10, limit=limit)
    assert (figures.limit_bytes, figures.percent) == (None, None)


def test_working_set_is_never_negative() -> None:
    """Inactive file memory counted a moment later than the usage may exceed it."""
    assert memory({"inactive_file": 11}, usage=10, limit=None)[0].working_set_bytes == 0


def test_working_set_is_unknown_without_statistics() -> None:
    """Usage alone does not show how much of it could be reclaimed."""
    assert memory({}, usage=10, limit=100)[0].working_set_bytes is None


def test_v1_is_not_read_by_v2_names() -> None:
    """Where `total_` figures stand, the plain ones are the parent's without its children."""
    stat = {"inactive_file": 1, "total_inactive_file": 4}
    assert memory(stat, usage=10, limit=None)[0].working_set_bytes == 6


def test_memory_counts_children(lay: Lay) -> None:
    """The `total_` figures are taken, which include child cgroups."""
    root = lay(
        {
            "memory.usage_in_bytes": "1000\n",
            "memory.limit_in_bytes": "4000\n",
            "memory.max_usage_in_bytes": "3000\n",
            "memory.failcnt": "7\n",
            "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
            "memory.stat": "rss 1\ntotal_rss 600\ntotal_cache 300\ntotal_swap 50\n"
            "inactive_file 1\ntotal_inactive_file 200\ntotal_active_file 100\n"
            "total_mapped_file 30\ntotal_pgfault 9\ntotal_pgmajfault 4\n"
            "total_dirty 40\ntotal_writeback 41\ntotal_workingset_refault_file 42\n"
            "total_workingset_refault_anon 43\n",
            "memory.kmem.usage_in_bytes": "44\n",
        }
    )
    figures, detail = read_memory({"memory": root})
    assert (figures.usage_bytes, figures.working_set_bytes, figures.limit_bytes) == (
        1000,
        800,
        4000,
    )
    assert (figures.rss_bytes, figures.cache_bytes, figures.swap_bytes) == (600, 300, 50)
    assert (figures.peak_bytes, figures.percent, figures.oom_kills) == (3000, 20.0, 2)
    assert (
        detail.memory["total_active_file_bytes"],
        detail.memory["total_inactive_file_bytes"],
    ) == (100, 200)
    assert (
        detail.memory["failcnt"],
        detail.page_faults["pgfault"]["hierarchy"],
        detail.page_faults["pgmajfault"]["hierarchy"],
    ) == (7, 9, 4)
    assert detail.memory["mapped_file"] == 30
    assert (
        detail.memory["file_dirty_bytes"],
        detail.memory["file_writeback_bytes"],
        detail.memory["kernel_usage"],
    ) == (40, 41, 44)
    assert (
        detail.memory["workingset_refault_file_total"],
        detail.memory["workingset_refault_anon_total"],
    ) == (42, 43)
    assert detail.memory["pgscan_total"] is None
    assert not detail.memory.keys() & {"events_high_total", "events_max_total"}


def test_oom_kills_are_unknown_to_older_kernels(lay: Lay) -> None:
    """Before Linux 4.13 `memory.oom_control` counts no kills."""
    root = lay({"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\n"})
    assert read_memory({"memory": root})[0].oom_kills is None


def test_v2_memory(lay: Lay) -> None:
    """Anonymous memory is `rss`, file memory `cache`; swap and peak have files of their own."""
    root = lay(
        {
            "memory.current": "1000\n",
            "memory.max": "4000\n",
            "memory.peak": "3000\n",
            "memory.swap.current": "50\n",
            "memory.events": "low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\n",
            "memory.stat": "anon 600\nfile 300\nfile_mapped 30\ninactive_file 200\n"
            "active_file 100\npgfault 9\npgmajfault 4\nkernel 44\nfile_dirty 40\n"
            "file_writeback 41\nworkingset_refault_file 42\nworkingset_refault_anon 43\n"
            "pgscan 45\npgsteal 46\n",
        }
    )
    figures, detail = read_memory({UNIFIED: root})
    assert (figures.usage_bytes, figures.working_set_bytes, figures.limit_bytes) == (
        1000,
        800,
        4000,
    )
    assert (figures.rss_bytes, figures.cache_bytes, figures.swap_bytes) == (600, 300, 50)
    assert (figures.peak_bytes, figures.percent, figures.oom_kills) == (3000, 20.0, 2)
    assert (
        detail.memory["total_active_file_bytes"],
        detail.memory["total_inactive_file_bytes"],
    ) == (100, 200)
    assert (
        detail.memory["file_dirty_bytes"],
        detail.memory["file_writeback_bytes"],
        detail.memory["kernel_usage"],
    ) == (40, 41, 44)
    assert (
        detail.memory["workingset_refault_file_total"],
        detail.memory["workingset_refault_anon_total"],
    ) == (42, 43)
    assert (detail.memory["pgscan_total"], detail.memory["pgsteal_total"]) == (45, 46)
    assert (detail.memory["events_high_total"], detail.memory["events_max_total"]) == (0, 7)
    assert (
        detail.memory["failcnt"],
        detail.page_faults["pgfault"]["hierarchy"],
        detail.page_faults["pgmajfault"]["hierarchy"],
    ) == (7, 9, 4)
    assert detail.memory["mapped_file"] == 30


def test_unlimited_memory(lay: Lay) -> None:
    """`max` means unlimited: there is no limit, and no share of one."""
    root = lay({"memory.current": "1000\n", "memory.max": "max\n"})
    figures, _ = read_memory({UNIFIED: root})
    assert (figures.usage_bytes, figures.limit_bytes, figures.percent) == (1000, None, None)
