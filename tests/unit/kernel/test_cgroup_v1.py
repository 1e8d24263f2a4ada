from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.kernel import cgroup_v1
from selfinspect.model import Cpu, Detail, Device, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable

    Lay = Callable[[dict[str, str]], str]


def _device(major: int, minor: int) -> str:
    return f"{major}:{minor}"


CPU_STAT = "nr_periods 913\nnr_throttled 885\nthrottled_time 36993330723\n"


def test_cpu_time_in_seconds(lay: Lay) -> None:
    """Nanoseconds and ticks of a hundredth both become seconds."""
    root = lay(
        {
            "cpuacct.usage": "45333876318\n",
            "cpuacct.stat": "user 1408\nsystem 3125\n",
            "cpuacct.usage_percpu": "23946791128 21387085190 \n",
        }
    )
    cpu, detail = cgroup_v1.cpu(root, None)
    assert cpu == Cpu(usage_seconds=45.333876318, user_seconds=14.08, system_seconds=31.25)
    assert detail.per_cpu_seconds == (23.946791128, 21.387085190)


def test_one_unreadable_cpu_leaves_none(lay: Lay) -> None:
    """CPUs are numbered by place: with a gap none can be told."""
    root = lay({"cpuacct.usage_percpu": "1 x 3\n"})
    assert cgroup_v1.cpu(root, None)[1].per_cpu_seconds == ()


def test_throttling_under_a_quota(lay: Lay) -> None:
    """With a quota the periods and the time held back are known."""
    root = lay({"cpu.stat": CPU_STAT, "cpu.cfs_quota_us": "50000\n"})
    assert cgroup_v1.cpu(None, root)[0] == Cpu(
        periods=913, throttled_periods=885, throttled_seconds=36.993330723
    )


@pytest.mark.parametrize("quota", ["-1\n", "0\n", "junk\n"])
def test_no_throttling_without_a_quota(lay: Lay, quota: str) -> None:
    """Without a quota nothing is said of periods, zeros least of all."""
    root = lay({"cpu.stat": CPU_STAT, "cpu.cfs_quota_us": quota})
    assert cgroup_v1.cpu(None, root) == (Cpu(), Detail())


def test_bursts_and_the_quota_in_cpus(lay: Lay) -> None:
    """Where the kernel counts bursts; the quota is a share of its period."""
    stat = f"{CPU_STAT}nr_bursts 4\nburst_time 2500000000\n"
    root = lay({"cpu.stat": stat, "cpu.cfs_quota_us": "150000\n", "cpu.cfs_period_us": "100000\n"})
    detail = cgroup_v1.cpu(None, root)[1]
    assert detail == Detail(quota_cpus=1.5, burst_periods=4, burst_seconds=2.5)


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
    memory, detail = cgroup_v1.memory(root)
    assert (memory.usage_bytes, memory.working_set_bytes, memory.limit_bytes) == (1000, 800, 4000)
    assert (memory.rss_bytes, memory.cache_bytes, memory.swap_bytes) == (600, 300, 50)
    assert (memory.peak_bytes, memory.percent, memory.oom_kills) == (3000, 20.0, 2)
    assert (detail.active_file_bytes, detail.inactive_file_bytes) == (100, 200)
    assert (detail.failcnt, detail.page_faults, detail.major_page_faults) == (7, 9, 4)
    assert detail.mapped_file_bytes == 30
    assert (detail.dirty_bytes, detail.writeback_bytes, detail.kernel_bytes) == (40, 41, 44)
    assert (detail.file_refaults, detail.anon_refaults) == (42, 43)
    assert (detail.pages_scanned, detail.high_events, detail.max_events) == (None, None, None)


def test_oom_kills_are_unknown_to_older_kernels(lay: Lay) -> None:
    """Before Linux 4.13 `memory.oom_control` counts no kills."""
    root = lay({"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\n"})
    assert cgroup_v1.memory(root)[0].oom_kills is None


BYTES = "7:0 Read 10\n7:0 Write 20\n7:0 Sync 30\n7:0 Total 30\n8:16 Read 5\nTotal 35\n"


def test_io_by_device_and_operation(lay: Lay) -> None:
    """Bytes and operations of a device come together; sums are left out."""
    root = lay(
        {
            "blkio.throttle.io_service_bytes_recursive": BYTES,
            "blkio.throttle.io_serviced_recursive": "7:0 Read 1\n7:0 Write 2\nTotal 3\n",
        }
    )
    devices, transfers = cgroup_v1.io(root, _device)
    assert devices == {"7:0": Device(10, 20, 1, 2), "8:16": Device(5, None, None, None)}
    assert transfers[0] == Transfer("7:0", 7, 0, "Read", 10)
    assert [each.operation for each in transfers] == ["Read", "Write", "Sync", "Total", "Read"]


def test_io_of_older_kernels(lay: Lay) -> None:
    """Where there are no `_recursive` files the plain ones are read."""
    root = lay({"blkio.throttle.io_service_bytes": BYTES})
    io, _ = cgroup_v1.io(root, _device)
    assert io is not None
    assert io["7:0"] == Device(10, 20, None, None)


def test_no_io_yet_is_not_unknown(lay: Lay) -> None:
    """A file without devices says that there was no traffic; no file says nothing."""
    assert cgroup_v1.io(lay({}), _device) == (None, ())
    root = lay({"blkio.throttle.io_serviced_recursive": "Total 0\n"})
    assert cgroup_v1.io(root, _device) == ({}, ())


BFQ = "blkio.bfq.io_service_bytes_recursive"
THROTTLE = "blkio.throttle.io_service_bytes_recursive"


@pytest.mark.parametrize(
    "throttle",
    [None, "Total 0\n", "7:0 Read 0\n7:0 Write 0\nTotal 0\n"],
    ids=["not there", "no device", "zeros"],
)
def test_what_bfq_counts_where_the_throttling_policy_counts_nothing(
    lay: Lay, throttle: str | None
) -> None:
    """A device with the scheduler BFQ is counted in its files."""
    files = {BFQ: "7:0 Read 10\n7:0 Write 20\nTotal 30\n"}
    if throttle is not None:
        files[THROTTLE] = throttle
    io, _ = cgroup_v1.io(lay(files), _device)
    assert io == {"7:0": Device(10, 20, None, None)}


def test_a_device_is_counted_by_one_policy_alone(lay: Lay) -> None:
    """What both count is the same traffic, and the throttling policy's figure is taken."""
    root = lay({THROTTLE: "7:0 Read 5\nTotal 5\n", BFQ: "7:0 Read 9\n8:0 Read 4\nTotal 13\n"})
    io, transfers = cgroup_v1.io(root, _device)
    assert io == {"7:0": Device(5, None, None, None), "8:0": Device(4, None, None, None)}
    assert [each.bytes for each in transfers] == [5, 4]
