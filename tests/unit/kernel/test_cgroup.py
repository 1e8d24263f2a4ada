from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.kernel.cgroup import cpu, io, pressure
from selfinspect.kernel.proc_self import UNIFIED
from selfinspect.model import Cpu, Detail, Device, Pressure, Stall, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable

    Lay = Callable[[dict[str, str]], str]


def _device(major: int, minor: int) -> str:
    return f"{major}:{minor}"


BURSTS = {"cfs_burst_periods_total": 4, "cfs_burst_seconds_total": 2.5}
NO_BURSTS = dict.fromkeys(BURSTS)
V1_CPU_STAT = "nr_periods 913\nnr_throttled 885\nthrottled_time 36993330723\n"


def test_cpu_time_in_seconds(lay: Lay) -> None:
    """Nanoseconds and ticks of a hundredth both become seconds."""
    root = lay(
        {
            "cpuacct.usage": "45333876318\n",
            "cpuacct.stat": "user 1408\nsystem 3125\n",
            "cpuacct.usage_percpu": "23946791128 21387085190 \n",
        }
    )
    times, detail = cpu({"cpuacct": root})
    assert times == Cpu(usage_seconds=45.333876318, user_seconds=14.08, system_seconds=31.25)
    assert detail.per_cpu_seconds == (23.946791128, 21.387085190)


def test_one_unreadable_cpu_leaves_none(lay: Lay) -> None:
    """CPUs are numbered by place: with a gap none is certain."""
    root = lay({"cpuacct.usage_percpu": "1 x 3\n"})
    assert cpu({"cpuacct": root})[1].per_cpu_seconds == ()


def test_throttling_under_a_quota(lay: Lay) -> None:
    """With a quota the periods and the time held back are reported."""
    root = lay({"cpu.stat": V1_CPU_STAT, "cpu.cfs_quota_us": "50000\n"})
    assert cpu({"cpu": root})[0] == Cpu(
        periods=913, throttled_periods=885, throttled_seconds=36.993330723
    )


@pytest.mark.parametrize("quota", ["-1\n", "0\n", "junk\n"])
def test_no_throttling_without_a_quota(lay: Lay, quota: str) -> None:
    """Without a quota nothing is said of periods, zeros least of all."""
    root = lay({"cpu.stat": V1_CPU_STAT, "cpu.cfs_quota_us": quota})
    assert cpu({"cpu": root}) == (Cpu(), Detail(cpu=NO_BURSTS))


def test_bursts_and_the_quota_in_cpus(lay: Lay) -> None:
    """Where the kernel counts bursts; the quota is a share of its period."""
    stat = f"{V1_CPU_STAT}nr_bursts 4\nburst_time 2500000000\n"
    root = lay({"cpu.stat": stat, "cpu.cfs_quota_us": "150000\n", "cpu.cfs_period_us": "100000\n"})
    detail = cpu({"cpu": root})[1]
    assert detail == Detail(quota_cpus=1.5, cpu=BURSTS)


BYTES = "7:0 Read 10\n7:0 Write 20\n7:0 Sync 30\n7:0 Total 30\n8:16 Read 5\nTotal 35\n"


def test_io_by_device_and_operation(lay: Lay) -> None:
    """Bytes and operations of a device come together; sums are left out."""
    root = lay(
        {
            "blkio.throttle.io_service_bytes_recursive": BYTES,
            "blkio.throttle.io_serviced_recursive": "7:0 Read 1\n7:0 Write 2\nTotal 3\n",
        }
    )
    devices, transfers = io({"blkio": root}, _device)
    assert devices == {"7:0": Device(10, 20, 1, 2), "8:16": Device(5, None, None, None)}
    assert transfers[0] == Transfer("7:0", 7, 0, "Read", 10)
    assert [each.operation for each in transfers] == ["Read", "Write", "Sync", "Total", "Read"]


def test_io_of_older_kernels(lay: Lay) -> None:
    """Where there are no `_recursive` files the plain ones are read."""
    root = lay({"blkio.throttle.io_service_bytes": BYTES})
    devices, _ = io({"blkio": root}, _device)
    assert devices is not None
    assert devices["7:0"] == Device(10, 20, None, None)


def test_no_io_yet_is_not_unknown_on_v1(lay: Lay) -> None:
    """A file without devices says that there was no traffic; no file says nothing."""
    assert io({"blkio": lay({})}, _device) == (None, ())
    root = lay({"blkio.throttle.io_serviced_recursive": "Total 0\n"})
    assert io({"blkio": root}, _device) == ({}, ())


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
    devices, _ = io({"blkio": lay(files)}, _device)
    assert devices == {"7:0": Device(10, 20, None, None)}


def test_a_device_is_counted_by_one_policy_alone(lay: Lay) -> None:
    """What both count is the same traffic, and the throttling policy's figure is taken."""
    root = lay({THROTTLE: "7:0 Read 5\nTotal 5\n", BFQ: "7:0 Read 9\n8:0 Read 4\nTotal 13\n"})
    devices, transfers = io({"blkio": root}, _device)
    assert devices == {"7:0": Device(5, None, None, None), "8:0": Device(4, None, None, None)}
    assert [each.bytes for each in transfers] == [5, 4]


V2_CPU_STAT = (
    "usage_usec 2500000\nuser_usec 1500000\nsystem_usec 1000000\n"
    "nr_periods 9\nnr_throttled 3\nthrottled_usec 250000\n"
)


def test_cpu_under_a_quota(lay: Lay) -> None:
    """Microseconds become seconds, with what was held back."""
    root = lay({"cpu.stat": V2_CPU_STAT, "cpu.max": "50000 100000\n"})
    times, detail = cpu({UNIFIED: root})
    assert times == Cpu(
        usage_seconds=2.5,
        user_seconds=1.5,
        system_seconds=1.0,
        periods=9,
        throttled_periods=3,
        throttled_seconds=0.25,
    )
    assert detail == Detail(quota_cpus=0.5, cpu=NO_BURSTS)


def test_cpu_without_a_quota(lay: Lay) -> None:
    """A quota of `max` leaves periods and throttling unknown."""
    root = lay({"cpu.stat": V2_CPU_STAT, "cpu.max": "max 100000\n"})
    times, detail = cpu({UNIFIED: root})
    assert times == Cpu(usage_seconds=2.5, user_seconds=1.5, system_seconds=1.0)
    assert detail == Detail(cpu=NO_BURSTS)


def test_bursts_under_a_quota(lay: Lay) -> None:
    """Periods in which more than the quota was used, and how much more."""
    stat = f"{V2_CPU_STAT}nr_bursts 4\nburst_usec 2500000\n"
    detail = cpu({UNIFIED: lay({"cpu.stat": stat, "cpu.max": "50000 100000\n"})})[1]
    assert detail.cpu == BURSTS


def test_io(lay: Lay) -> None:
    """Each device has its bytes and operations; discards are reported by operation alone."""
    root = lay({"io.stat": "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n"})
    devices, transfers = io({UNIFIED: root}, _device)
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
    assert io({UNIFIED: root}, _device)[0] == {
        "259:1": Device(1, 2, 3, 4),
        "8:0": Device(5, 0, 1, 0),
    }


def test_io_of_devices_without_figures(lay: Lay) -> None:
    """A device named without figures is skipped, with or without a line break after it."""
    root = lay({"io.stat": "7:0 \n7:1 8:0 rbytes=1 wbytes=2 rios=3 wios=4\n8:1 cost.wait=3\n\n"})
    assert io({UNIFIED: root}, _device)[0] == {"8:0": Device(1, 2, 3, 4)}


def test_no_io_yet_is_not_unknown_on_v2(lay: Lay) -> None:
    """An empty `io.stat` says that there was no traffic; no file says nothing."""
    assert io({UNIFIED: lay({})}, _device) == (None, ())
    assert io({UNIFIED: lay({"io.stat": ""})}, _device) == ({}, ())


def test_pressure(lay: Lay) -> None:
    """`some` is waiting, `full` is stalled; a resource without a file, or a line, is unknown."""
    averages = "avg10=1.00 avg60=2.00 avg300=3.00"
    root = lay(
        {
            "cpu.pressure": f"some {averages} total=1500000\n",
            "io.pressure": f"some {averages} total=2500000\nfull {averages} total=500000\n",
        }
    )
    assert pressure({UNIFIED: root}) == Pressure(cpu=Stall(1.5, None), io=Stall(2.5, 0.5))
