from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfinspect.kernel.reader import CgroupReader, filesystem
from selfinspect.model import Device, Interface, Pids, Pressure, Stall

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Version: TypeAlias = Literal["v1", "v2"]

FIXTURES = Path(__file__).parents[2] / "fixtures"
NOW = 1_795_262_953_123_456_789
CGROUP = "sys/fs/cgroup"
THROTTLING = ("cpu.periods", "cpu.throttled", "detail.cpu.")
QUOTA = (*THROTTLING, "detail.quota")
MEMORY_STAT = (
    "memory.working_set",
    "memory.rss",
    "memory.cache",
    "memory.percent",
    "detail.memory.mapped_file",
    "detail.memory.total_",
    "detail.page_faults.",
    "detail.memory.file_",
    "detail.memory.workingset_",
)
MEMORY_STAT_V2 = (*MEMORY_STAT, "detail.memory.kernel", "detail.memory.pg")
MEMORY_EVENTS = ("memory.oom_kills", "detail.memory.failcnt", "detail.memory.events")
OF_THE_CGROUP = (
    "cpu.usage",
    "cpu.user",
    "cpu.system",
    *QUOTA,
    *MEMORY_STAT_V2,
    *MEMORY_EVENTS,
    "memory.",
    "detail.per_cpu",
    "io",
    "pids.",
    "pressure.",
    "detail.tasks_limit",
    "detail.transfers",
)
IO = ("io", "detail.transfers")
MACHINE = {
    "proc/stat": ("cpu.online", "detail.system_seconds"),
    "proc/self/net/dev": ("network",),
    "proc/self/cgroup": OF_THE_CGROUP,
    "proc/self/mountinfo": OF_THE_CGROUP,
}

OWNED: dict[Version, dict[str, tuple[str, ...]]] = {
    "v1": MACHINE
    | {
        "sys/dev/block/7:0/uevent": IO,
        f"{CGROUP}/blkio/blkio.throttle.io_service_bytes_recursive": IO,
        f"{CGROUP}/blkio/blkio.throttle.io_serviced_recursive": ("io",),
        f"{CGROUP}/cpu/cpu.cfs_quota_us": QUOTA,
        f"{CGROUP}/cpu/cpu.cfs_period_us": ("detail.quota",),
        f"{CGROUP}/cpu/cpu.stat": THROTTLING,
        f"{CGROUP}/cpuacct/cpuacct.stat": ("cpu.user", "cpu.system"),
        f"{CGROUP}/cpuacct/cpuacct.usage": ("cpu.usage",),
        f"{CGROUP}/cpuacct/cpuacct.usage_percpu": ("detail.per_cpu",),
        f"{CGROUP}/memory/memory.kmem.usage_in_bytes": ("detail.memory.kernel",),
        f"{CGROUP}/memory/memory.failcnt": ("detail.memory.failcnt",),
        f"{CGROUP}/memory/memory.limit_in_bytes": ("memory.limit", "memory.percent"),
        f"{CGROUP}/memory/memory.max_usage_in_bytes": ("memory.peak",),
        f"{CGROUP}/memory/memory.oom_control": ("memory.oom_kills",),
        f"{CGROUP}/memory/memory.stat": (*MEMORY_STAT, "memory.swap"),
        f"{CGROUP}/memory/memory.usage_in_bytes": (
            "memory.usage",
            "memory.working_set",
            "memory.percent",
        ),
        f"{CGROUP}/pids/pids.current": ("pids.current",),
        f"{CGROUP}/pids/pids.max": ("pids.limit", "detail.tasks_limit"),
    },
    "v2": MACHINE
    | {
        "sys/dev/block/259:0/uevent": IO,
        f"{CGROUP}/cpu.max": QUOTA,
        f"{CGROUP}/cpu.stat": ("cpu.usage", "cpu.user", "cpu.system", *THROTTLING),
        f"{CGROUP}/cpu.pressure": ("pressure.cpu",),
        f"{CGROUP}/io.pressure": ("pressure.io",),
        f"{CGROUP}/memory.pressure": ("pressure.memory",),
        f"{CGROUP}/io.stat": IO,
        f"{CGROUP}/memory.current": ("memory.usage", "memory.working_set", "memory.percent"),
        f"{CGROUP}/memory.events": MEMORY_EVENTS,
        f"{CGROUP}/memory.max": ("memory.limit", "memory.percent"),
        f"{CGROUP}/memory.peak": ("memory.peak",),
        f"{CGROUP}/memory.stat": MEMORY_STAT_V2,
        f"{CGROUP}/memory.swap.current": ("memory.swap",),
        f"{CGROUP}/pids.current": ("pids.current",),
        f"{CGROUP}/pids.max": ("pids.limit", "detail.tasks_limit"),
    },
}
CASES = [(version, name) for version, files in OWNED.items() for name in files]


def _figures(root: Path) -> dict[str, object]:
    return dict(_flat(asdict(CgroupReader(root).read(NOW))))


def _flat(members: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in members.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and path not in {"network", "io"}:
            yield from _flat(value, f"{path}.")
        else:
            yield path, value


def _others(figures: dict[str, object], owned: tuple[str, ...]) -> dict[str, object]:
    return {name: value for name, value in figures.items() if not name.startswith(owned)}


def test_v1_container() -> None:
    """A captured container on cgroup v1 has every figure that v1 knows."""
    sample = CgroupReader(FIXTURES / "cgroup-v1").read(NOW)
    assert (sample.read_at, sample.source) == ("2026-11-21T12:09:13.123456789Z", "kernel")
    assert (sample.cpu.usage_seconds, sample.cpu.user_seconds) == (45.333876318, 14.08)
    assert (sample.cpu.periods, sample.cpu.throttled_periods, sample.cpu.online) == (913, 885, 2)
    assert sample.memory.usage_bytes == 18604032
    assert sample.memory.working_set_bytes == 18604032 - 757760
    assert (sample.memory.limit_bytes, sample.memory.swap_bytes) == (128 << 20, 0)
    assert sample.network == {"eth0": Interface(1016, 12, 0, 0, 0, 0, 0, 0)}
    assert sample.io == {"/dev/loop0": Device(6694109184, 6694109184, 102144, 12744)}
    assert sample.pids == Pids(3, 64)
    assert sample.pressure == Pressure()
    assert sample.detail.per_cpu_seconds == (23.946791128, 21.387085190)
    assert sample.detail.system_seconds == 2770.47
    assert (sample.detail.quota_cpus, sample.detail.memory["kernel_usage"]) == (0.5, 1302528)


def test_v2_container() -> None:
    """A captured container on cgroup v2 with a private namespace has every figure that v2 knows."""
    sample = CgroupReader(FIXTURES / "cgroup-v2").read(NOW)
    assert (sample.cpu.usage_seconds, sample.cpu.user_seconds) == (31.756204, 19.971842)
    assert (sample.cpu.periods, sample.cpu.throttled_periods, sample.cpu.online) == (781, 400, 2)
    assert sample.cpu.throttled_seconds == 30.673462
    assert sample.memory.usage_bytes == 32808960
    assert sample.memory.working_set_bytes == 32808960 - 77824
    assert (sample.memory.limit_bytes, sample.memory.swap_bytes) == (128 << 20, 0)
    assert (sample.memory.peak_bytes, sample.memory.oom_kills) == (128 << 20, 1)
    assert sample.network == {"eth0": Interface(2322, 30, 0, 0, 802, 14, 0, 0)}
    assert sample.io == {"/dev/nvme0n1": Device(7479296, 7360512, 117, 117)}
    assert sample.pids == Pids(7, 64)
    assert sample.pressure == Pressure(
        Stall(36.210307, 35.073432), Stall(0.142016, 0.142016), Stall(0.069903, 0.069741)
    )
    assert (sample.detail.memory["failcnt"], sample.detail.per_cpu_seconds) == (39, ())
    assert (sample.detail.quota_cpus, sample.detail.memory["kernel_usage"]) == (0.5, 1007616)
    further = sample.detail.memory
    assert (further["pgscan_total"], further["events_max_total"]) == (37, 39)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_missing_tree_leaves_everything_unknown(tmp_path: Path, version: Version) -> None:
    """Without any file there is a sample without figures."""
    empty = _figures(tmp_path)
    present = {name: value for name, value in empty.items() if value not in (None, ())}
    assert set(present) == {"read_at", "source"}
    unnamed = set(_figures(FIXTURES / f"cgroup-{version}")) - set(empty)
    assert all(name.startswith(("detail.memory.", "detail.page_faults.")) for name in unnamed)


@pytest.mark.parametrize(("version", "name"), CASES)
def test_a_removed_file_loses_only_its_own_figures(
    tmp_path: Path, version: Version, name: str
) -> None:
    """Without one file its own figures are unknown and all others stand as they were."""
    owned = OWNED[version][name]
    whole = _figures(FIXTURES / f"cgroup-{version}")
    root = tmp_path / "root"
    shutil.copytree(FIXTURES / f"cgroup-{version}", root, symlinks=True)
    (root / name).unlink()
    left = _figures(root)
    assert _others(left, owned) == _others(whole, owned)
    assert left != whole
    if owned[0] != "io":  # of which another file may still know a part
        assert all(left[n] in (None, ()) for n in left if n.startswith(owned))


@settings(max_examples=200)
@given(case=st.sampled_from(CASES), junk=st.binary(max_size=300))
def test_a_garbled_file_loses_only_its_own_figures(case: tuple[Version, str], junk: bytes) -> None:
    """Whatever bytes one file holds, no other file's figures change and nothing is raised."""
    version, name = case
    owned = OWNED[version][name]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        shutil.copytree(FIXTURES / f"cgroup-{version}", root, symlinks=True)
        (root / name).write_bytes(junk)
        garbled = _figures(root)
    assert _others(garbled, owned) == _others(_figures(FIXTURES / f"cgroup-{version}"), owned)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_every_file_of_the_fixtures_has_an_owner(version: Version) -> None:
    """The rules above speak of each file that lies in the trees."""
    root = FIXTURES / f"cgroup-{version}"
    spec = {
        f"{CGROUP}/{name}"
        for name in (
            "cpu/cpu.shares",
            "cpu.weight",
            "memory.low",
            "memory.swap.max",
        )
    }
    files = {
        str(path.relative_to(root))
        for part in ("proc", "sys")
        for path in (root / part).rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    assert files - spec == set(OWNED[version])


def test_samples_follow_the_files(tmp_path: Path) -> None:
    """A reader made once reads the present figures each time."""
    shutil.copytree(FIXTURES / "cgroup-v2", tmp_path, symlinks=True, dirs_exist_ok=True)
    reader = CgroupReader(tmp_path)
    assert reader.read(NOW).pids.current == 7
    (tmp_path / CGROUP / "pids.current").write_text("8\n")
    assert reader.read(NOW).pids.current == 8


def test_pressure_is_known_on_a_hybrid_machine(tmp_path: Path) -> None:
    """Controllers of v1 and the pressure files of the unified hierarchy make one sample."""
    shutil.copytree(FIXTURES / "cgroup-v1", tmp_path, symlinks=True, dirs_exist_ok=True)
    mountinfo = tmp_path / "proc/self/mountinfo"
    mountinfo.write_text(
        mountinfo.read_text() + "150 113 0:41 / /sys/fs/cgroup/unified ro - cgroup2 cgroup2 rw\n"
    )
    own = (tmp_path / "proc/self/cgroup").read_text().rpartition("0::/")[2].strip()
    unified = tmp_path / CGROUP / "unified" / own
    unified.mkdir(parents=True)
    (unified / "io.pressure").write_text("some avg10=0.00 avg60=0.00 avg300=0.00 total=7000000\n")
    sample = CgroupReader(tmp_path).read(NOW)
    assert sample.pressure == Pressure(io=Stall(7.0, None))
    assert sample.memory.usage_bytes == 18604032


INIT = "1 (a) S 0 1 1 0 -1 " + "0 " * 13 + "250 0\n"


@pytest.mark.parametrize(
    ("init_cgroup", "started"),
    [("0::/\n", 1002.5), ("0::/../other\n", None), ("", None)],
    ids=["ours", "of another container", "unreadable"],
)
def test_the_container_started_when_its_own_pid_1_did(
    tmp_path: Path, init_cgroup: str, started: float | None
) -> None:
    """Boot time and the ticks since; in a shared PID namespace PID 1 is somebody else's."""
    root = tmp_path / "root"
    shutil.copytree(FIXTURES / "cgroup-v2", root, symlinks=True)
    (root / "proc/self/cgroup").write_text("0::/\n")
    (root / "proc/1").mkdir()
    (root / "proc/1/cgroup").write_text(init_cgroup)
    (root / "proc/1/stat").write_text(INIT)
    (root / "proc/stat").write_text("cpu 1\nbtime 1000\n")
    reader = CgroupReader(root)
    assert reader.started_at() == started
    (root / "proc/stat").write_text("cpu 1\nbtime 1001\n")
    assert reader.started_at() == started


def test_the_root_file_system(tmp_path: Path) -> None:
    """Its size, its inodes, and what is mounted there."""
    found = filesystem(str(tmp_path), "overlay")
    assert found is not None
    assert found.device == "overlay"
    assert found.size_bytes > 0
    assert found.inodes_free <= found.inodes


def test_without_its_mount_it_is_not_told(tmp_path: Path) -> None:
    """A series needs its device; so does a root that isn't there its figures."""
    assert filesystem(str(tmp_path), None) is None
    assert filesystem("/nowhere/at/all", "overlay") is None
