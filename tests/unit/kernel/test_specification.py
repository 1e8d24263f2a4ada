"""The limits that the container's cgroup has, as an engine would report them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.kernel.proc_self import UNIFIED
from selfinspect.kernel.reader import limits, specification
from selfinspect.model import Limits, Specification

if TYPE_CHECKING:
    from collections.abc import Callable

    Lay = Callable[[dict[str, str]], str]

MOST = "9223372036854771712\n"


def test_v1(lay: Lay) -> None:
    """Memory, memory with swap, the soft limit; quota, period and shares as they are."""
    root = lay(
        {
            "memory.limit_in_bytes": "64\n",
            "memory.memsw.limit_in_bytes": "128\n",
            "memory.soft_limit_in_bytes": MOST,
            "cpu.cfs_quota_us": "50000\n",
            "cpu.cfs_period_us": "100000\n",
            "cpu.shares": "512\n",
        }
    )
    found = specification({"cpu": root, "memory": root})
    assert found == Specification(64, 128, 0, 512, 50_000, 100_000)


def test_v2(lay: Lay) -> None:
    """Swap is limited apart there, and reported together with memory; the usual weight is 1024."""
    root = lay(
        {
            "memory.max": "64\n",
            "memory.swap.max": "64\n",
            "memory.low": "0\n",
            "cpu.max": "50000 100000\n",
            "cpu.weight": "100\n",
        }
    )
    assert specification({UNIFIED: root}) == Specification(64, 128, 0, 1024, 50_000, 100_000)


@pytest.mark.parametrize(
    ("limit", "swap", "both"),
    [("max", "max", 0), ("max", "5", 0), ("64", "max", 0), ("64", "", None), ("64", "0", 64)],
)
def test_memory_and_swap_on_v2(lay: Lay, limit: str, swap: str, both: int | None) -> None:
    """Unlimited where either is."""
    root = lay({"memory.max": f"{limit}\n", "memory.swap.max": swap})
    assert specification({UNIFIED: root}).memory_swap_bytes == both


def test_no_quota_and_another_weight(lay: Lay) -> None:
    """No quota is none; shares do not follow from a weight that runtimes compute differently."""
    root = lay({"cpu.max": "max 100000\n", "cpu.weight": "39\n"})
    assert specification({UNIFIED: root}) == Specification()
    root = lay({"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"})
    assert specification({"cpu": root}) == Specification()


def test_nothing_is_known_of_no_cgroup() -> None:
    """Neither limited nor unlimited."""
    assert specification({}) == Specification()


def test_limits_are_what_an_engine_would_say() -> None:
    """CPUs from quota and period; what is unlimited, and the usual shares, are null."""
    bound = Specification(64, 128, 0, 512, 50_000, 100_000)
    assert limits(bound, 100) == Limits(
        cpus=0.5, cpu_shares=512, memory_bytes=64, memory_swap_bytes=128, pids=100
    )
    assert limits(Specification(0, 0, 0, 1024), None) == Limits()


def test_unknown_limits_are_not_unlimited() -> None:
    """Where not even the memory's can be read nothing is claimed."""
    assert limits(Specification(cpu_shares=512), 100) is None
