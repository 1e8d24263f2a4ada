"""Any one file of the kernel's may be missing: its own metrics are, and no others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from selfinspect.kernel.reader import CgroupReader
from selfinspect.metrics.collectors import Condition, Sources, collectors
from selfinspect.metrics.registry import Registry
from selfinspect.model import Identity, IdentitySummary, Self, Snapshot

FIXTURES = Path(__file__).parents[2] / "fixtures"
OWN = Self(id="ab" * 32, short_id="ab" * 6, identity=IdentitySummary("observed", "kernel"))
SNAPSHOT = Snapshot(Identity("ab" * 32, "observed", "kernel"), self=OWN)
VARIABLE = ("process_", "python_", "selfinspect_collector_duration", "container_fs_")
CGROUP = (
    "container_cpu_",
    "container_memory_",
    "container_oom_",
    "container_threads",
    "container_blkio_",
    "container_spec_",
    "container_pressure_",
)
OWNED: dict[str, tuple[str, ...]] = {
    "proc/stat": (),
    "proc/self/net/dev": ("container_network_",),
    "proc/self/cgroup": CGROUP,
    "proc/self/mountinfo": CGROUP,
    "uevent": ("container_blkio_",),
    "io_service_bytes_recursive": ("container_blkio_",),
    "io_serviced_recursive": (),
    "cpu.cfs_quota_us": (
        "container_cpu_cfs_",
        "container_spec_cpu_quota",
        "container_spec_cpu_period",
    ),
    "cpu.cfs_period_us": ("container_spec_cpu_period",),
    "cpu.shares": ("container_spec_cpu_shares",),
    "cpu/cpu.stat": ("container_cpu_cfs_",),
    "cpuacct.stat": ("container_cpu_user_", "container_cpu_system_"),
    "cpuacct.usage": (),
    "cpuacct.usage_percpu": ("container_cpu_usage_",),
    "memory.kmem.usage_in_bytes": ("container_memory_kernel_usage",),
    "memory.failcnt": ("container_memory_failcnt",),
    "memory.limit_in_bytes": ("container_spec_memory_limit_",),
    "memory.max_usage_in_bytes": ("container_memory_max_usage_",),
    "memory.oom_control": ("container_oom_",),
    "memory.stat": ("container_memory_",),
    "memory.usage_in_bytes": ("container_memory_usage_", "container_memory_working_set_"),
    "pids.current": ("container_threads ",),
    "pids.max": ("container_threads_max ",),
    "cpu.max": ("container_cpu_cfs_", "container_spec_cpu_"),
    "cpu.stat": ("container_cpu_",),
    "cpu.pressure": ("container_pressure_cpu_",),
    "io.pressure": ("container_pressure_io_",),
    "memory.pressure": ("container_pressure_memory_",),
    "io.stat": ("container_blkio_",),
    "memory.current": ("container_memory_usage_", "container_memory_working_set_"),
    "memory.events": (
        "container_oom_",
        "container_memory_failcnt",
        "container_memory_events_",
    ),
    "memory.max": ("container_spec_memory_",),
    "memory.peak": ("container_memory_max_usage_",),
    "memory.low": ("container_spec_memory_reservation_",),
    "memory.swap.max": ("container_spec_memory_swap_",),
    "cpu.weight": ("container_spec_cpu_shares",),
    "memory.swap.current": ("container_memory_swap",),
}
FILES = [
    (version, str(path.relative_to(FIXTURES / version)))
    for version in ("cgroup-v1", "cgroup-v2")
    for part in ("proc", "sys")
    for path in sorted((FIXTURES / version / part).rglob("*"))
    if path.is_file() and not path.is_symlink()
]


def lines(root: Path) -> set[str]:
    """The samples of the page of a container whose files lie there."""
    reader = CgroupReader(root)
    sources = Sources(lambda: reader.read(1), specification=reader.specification)
    condition = Condition(following=False, subscribers=0, now=1.0)
    body, _ = Registry().render(
        collectors(SNAPSHOT, sources, condition), common={}, media_type="text/plain"
    )
    return {line for line in body.decode().splitlines() if not line.startswith(("#", *VARIABLE))}


def owned(name: str) -> tuple[str, ...]:
    """What only this file has: that of the longest ending that fits."""
    return OWNED[max((end for end in OWNED if name.endswith(end)), key=len)]


@pytest.mark.parametrize(("version", "name"), FILES)
def test_a_missing_file_loses_only_its_own_metrics(tmp_path: Path, version: str, name: str) -> None:
    """Every other sample stands as it was; every collector works."""
    whole = lines(FIXTURES / version)
    root = tmp_path / "root"
    shutil.copytree(FIXTURES / version, root, symlinks=True)
    (root / name).unlink()
    left = lines(root)
    own = owned(name)
    lost = {line for line in whole - left if not line.startswith(own)}
    new = {line for line in left - whole if not line.startswith(own)}
    assert (lost, new) == (set(), set())
    assert not any("collector_success" in line and line.endswith(" 0.0") for line in left)
