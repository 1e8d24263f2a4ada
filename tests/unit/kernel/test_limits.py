"""What the app may use, from the kernel's files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.kernel.limits import read_room, taken_by_us

if TYPE_CHECKING:
    from pathlib import Path

V2 = "30 29 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
V1 = "".join(
    f"3{number} 29 0:2{number} /docker/{'a' * 64} /sys/fs/cgroup/{name} ro - cgroup c rw,{name}\n"
    for number, name in enumerate(("cpu", "memory", "cpuset"))
)
CGROUPS_V1 = "".join(
    f"{number}:{name}:/docker/{'a' * 64}\n"
    for number, name in enumerate(("cpu", "memory", "cpuset"), 1)
)


def tree(root: Path, cgroup: str, mountinfo: str, **files: str) -> str:
    """A container's files below a folder; `__` in a name is a slash, `_dot_` a dot."""
    texts = {
        "proc/self/cgroup": cgroup,
        "proc/self/mountinfo": mountinfo,
        "proc/stat": "cpu  1 1\n" + "".join(f"cpu{number} 1\n" for number in range(8)),
        **{f"sys/fs/cgroup/{name}": text for name, text in files.items()},
    }
    for name, text in texts.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (root / "proc/self/ns").mkdir()
    (root / "proc/self/ns/cgroup").symlink_to("cgroup:[4026532000]")
    return str(root)


@pytest.mark.parametrize(
    ("files", "cpus", "memory"),
    [
        ({"cpu.max": "150000 100000\n", "memory.max": f"{256 << 20}\n"}, 2, 200 << 20),
        ({"cpu.max": "max 100000\n", "memory.max": "max\n"}, None, None),
        ({"cpu.max": "max 100000\n", "cpuset.cpus.effective": "0-1,4\n"}, 3, None),
        ({"cpu.max": "odd\n", "memory.max": "odd\n", "cpuset.cpus.effective": "0-7\n"}, None, None),
        ({}, None, None),
    ],
    ids=["limited", "unlimited", "cpuset", "odd", "nothing"],
)
def test_cgroup_v2(
    tmp_path: Path, files: dict[str, str], cpus: int | None, memory: int | None
) -> None:
    """The quota, the CPUs of the cpuset and the memory's limit."""
    found = read_room(tree(tmp_path, "0::/\n", V2, **files))
    assert (found.cpus, found.memory) == (cpus, memory)


@pytest.mark.parametrize(
    ("quota", "limit", "cpus", "memory"),
    [("150000", 256 << 20, 2, 200 << 20), ("-1", 0x7FFFFFFFFFFFF000, None, None)],
    ids=["limited", "unlimited"],
)
def test_cgroup_v1(
    tmp_path: Path, quota: str, limit: int, cpus: int | None, memory: int | None
) -> None:
    """The same, where each controller has a hierarchy of its own."""
    files = {
        "cpu/cpu.cfs_quota_us": quota,
        "cpu/cpu.cfs_period_us": "100000",
        "memory/memory.limit_in_bytes": str(limit),
        "cpuset/cpuset.cpus": "0-7",
    }
    found = read_room(tree(tmp_path, CGROUPS_V1, V1, **files))
    assert (found.cpus, found.memory) == (cpus, memory)


def test_what_the_agent_takes_is_measured(tmp_path: Path) -> None:
    """PID 1 and the agent, by their command lines; nobody else's processes."""
    for process, words, resident in (
        (1, "selfinspect run -- app", 11),
        (7, "python3 -I -m selfinspect serve", 39),
        (8, "app --db selfinspect", 500),
    ):
        folder = tmp_path / str(process)
        folder.mkdir()
        (folder / "cmdline").write_bytes(words.replace(" ", "\0").encode() + b"\0")
        (folder / "status").write_text(f"Name:\tx\nVmRSS:\t  {resident} kB\nThreads:\t1\n")
    assert taken_by_us(str(tmp_path)) == 50 * 1024


def test_where_neither_runs_nothing_is_taken(tmp_path: Path) -> None:
    """Then the documented constant counts."""
    assert taken_by_us(str(tmp_path)) is None
