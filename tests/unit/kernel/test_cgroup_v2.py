from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.kernel import cgroup_v2
from selfinspect.model import Cpu, Detail, Device, Pressure, Stall

if TYPE_CHECKING:
    from collections.abc import Callable

    Lay = Callable[[dict[str, str]], str]


def _device(major: int, minor: int) -> str:
    return f"{major}:{minor}"


CPU_STAT = (
    "usage_usec 2500000\nuser_usec 1500000\nsystem_usec 1000000\n"
    "nr_periods 9\nnr_throttled 3\nthrottled_usec 250000\n"
)


def test_cpu_under_a_quota(lay: Lay) -> None:
    """Microseconds become seconds, with what was held back."""
    root = lay({"cpu.stat": CPU_STAT, "cpu.max": "50000 100000\n"})
    cpu, detail = cgroup_v2.cpu(root)
    assert cpu == Cpu(
        usage_seconds=2.5,
        user_seconds=1.5,
        system_seconds=1.0,
        periods=9,
        throttled_periods=3,
        throttled_seconds=0.25,
    )
    assert detail == Detail(quota_cpus=0.5)


def test_cpu_without_a_quota(lay: Lay) -> None:
    """A quota of `max` leaves periods and throttling unknown."""
    root = lay({"cpu.stat": CPU_STAT, "cpu.max": "max 100000\n"})
    cpu, detail = cgroup_v2.cpu(root)
    assert cpu == Cpu(usage_seconds=2.5, user_seconds=1.5, system_seconds=1.0)
    assert detail == Detail()


def test_bursts_under_a_quota(lay: Lay) -> None:
    """Periods in which more than the quota was used, and how much more."""
    stat = f"{CPU_STAT}nr_bursts 4\nburst_usec 2500000\n"
    detail = cgroup_v2.cpu(lay({"cpu.stat": stat, "cpu.max": "50000 100000\n"}))[1]
    assert (detail.burst_periods, detail.burst_seconds) == (4, 2.5)


def test_memory(lay: Lay) -> None:
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
    memory, detail = cgroup_v2.memory(root)
    assert (memory.usage_bytes, memory.working_set_bytes, memory.limit_bytes) == (1000, 800, 4000)
    assert (memory.rss_bytes, memory.cache_bytes, memory.swap_bytes) == (600, 300, 50)
    assert (memory.peak_bytes, memory.percent, memory.oom_kills) == (3000, 20.0, 2)
    assert (detail.active_file_bytes, detail.inactive_file_bytes) == (100, 200)
    assert (detail.dirty_bytes, detail.writeback_bytes, detail.kernel_bytes) == (40, 41, 44)
    assert (detail.file_refaults, detail.anon_refaults) == (42, 43)
    assert (detail.pages_scanned, detail.pages_stolen) == (45, 46)
    assert (detail.high_events, detail.max_events) == (0, 7)
    assert (detail.failcnt, detail.page_faults, detail.major_page_faults) == (7, 9, 4)
    assert detail.mapped_file_bytes == 30


def test_unlimited_memory(lay: Lay) -> None:
    """A limit of `max` is none, and there is no share of it."""
    root = lay({"memory.current": "1000\n", "memory.max": "max\n"})
    memory, _ = cgroup_v2.memory(root)
    assert (memory.usage_bytes, memory.limit_bytes, memory.percent) == (1000, None, None)


def test_io(lay: Lay) -> None:
    """Each device has its bytes and operations; discards are told by operation alone."""
    root = lay({"io.stat": "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n"})
    devices, transfers = cgroup_v2.io(root, _device)
    assert devices == {"8:0": Device(1, 2, 3, 4)}
    assert [(each.operation, each.bytes) for each in transfers] == [
        ("Read", 1),
        ("Write", 2),
        ("Discard", 5),
    ]


def test_io_of_several_devices(lay: Lay) -> None:
    """Each device has figures of its own."""
    root = lay(
        {"io.stat": "259:1 rbytes=1 wbytes=2 rios=3 wios=4\n8:0 rbytes=5 wbytes=0 rios=1 wios=0\n"}
    )
    assert cgroup_v2.io(root, _device)[0] == {
        "259:1": Device(1, 2, 3, 4),
        "8:0": Device(5, 0, 1, 0),
    }


def test_io_of_devices_without_figures(lay: Lay) -> None:
    """A device named without figures is skipped, with or without a line break after it."""
    root = lay({"io.stat": "7:0 \n7:1 8:0 rbytes=1 wbytes=2 rios=3 wios=4\n8:1 cost.wait=3\n\n"})
    assert cgroup_v2.io(root, _device)[0] == {"8:0": Device(1, 2, 3, 4)}


def test_no_io_yet_is_not_unknown(lay: Lay) -> None:
    """An empty `io.stat` says that there was no traffic; no file says nothing."""
    assert cgroup_v2.io(lay({}), _device) == (None, ())
    assert cgroup_v2.io(lay({"io.stat": ""}), _device) == ({}, ())


def test_pressure(lay: Lay) -> None:
    """`some` is waiting, `full` is stalled; a resource without a file, or a line, is unknown."""
    averages = "avg10=1.00 avg60=2.00 avg300=3.00"
    root = lay(
        {
            "cpu.pressure": f"some {averages} total=1500000\n",
            "io.pressure": f"some {averages} total=2500000\nfull {averages} total=500000\n",
        }
    )
    assert cgroup_v2.pressure(root) == Pressure(cpu=Stall(1.5, None), io=Stall(2.5, 0.5))
