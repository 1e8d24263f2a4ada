"""Where the container's cgroup lies, and what the app may use of CPU and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.kernel.limits import (
    INITIAL_NAMESPACE,
    directories,
    is_of_user,
    is_rootless,
    path_naming,
    read_room,
    taken_by_us,
)
from selfinspect.kernel.proc_self import UNIFIED

if TYPE_CHECKING:
    from pathlib import Path


A = "a1b2c3d4" * 8
B = "b0b1b2b3" * 8
PRIVATE = "cgroup:[4026532301]"


def _v1(root: str, controller: str = "memory", point: str | None = None) -> str:
    point = point or f"/sys/fs/cgroup/{controller}"
    return f"30 23 0:32 {root} {point} ro,nosuid shared:9 - cgroup cgroup rw,{controller}"


def _v2(root: str, point: str = "/sys/fs/cgroup") -> str:
    return f"30 23 0:29 {root} {point} ro,nosuid - cgroup2 cgroup rw,nsdelegate"


@pytest.mark.parametrize(
    ("path", "mount_root", "namespace", "below"),
    [
        (f"/docker/{A}", f"/docker/{A}", INITIAL_NAMESPACE, ""),
        (f"/docker/{A}/init", f"/docker/{A}", INITIAL_NAMESPACE, ""),
        (f"/docker/{A}/init", "/", INITIAL_NAMESPACE, f"/docker/{A}"),
        (f"/docker/{A}", "/docker", INITIAL_NAMESPACE, f"/{A}"),
        (f"/docker/{B}/docker/{A}", f"/docker/{B}", INITIAL_NAMESPACE, f"/docker/{A}"),
        (f"/docker/{A}", "/", PRIVATE, f"/docker/{A}"),
        ("/", "/", PRIVATE, ""),
        ("/init", "/", PRIVATE, ""),
        ("/", "/", None, ""),
    ],
)
def test_v1_folder_is_the_containers_own(
    path: str, mount_root: str, namespace: str | None, below: str
) -> None:
    """The container's cgroup is found from inside a leaf, in any namespace, by any mount root."""
    found = directories(f"4:memory:{path}\n", _v1(mount_root), namespace, "")
    assert found == {"memory": f"/sys/fs/cgroup/memory{below}"}


@pytest.mark.parametrize(
    "path",
    [
        f"/system.slice/docker-{A}.scope",
        f"/system.slice/docker-{A}.scope/init",
        f"/machine.slice/libpod-{A}.scope/container",
        f"/kubepods.slice/kubepods-podx.slice/cri-containerd-{A}.scope",
        f"/ecs/{A[:32]}/{A[:32]}-1234567890",
    ],
)
def test_v2_folder_ends_at_the_segment_that_names_the_container(path: str) -> None:
    """What lies below the container's segment is a leaf, whatever runtime named it."""
    end = next(part for part in path.split("/") if A in part or "-1234567890" in part)
    below = path[: path.index(end) + len(end)]
    found = directories(f"0::{path}\n", _v2("/"), INITIAL_NAMESPACE, "")
    assert found == {UNIFIED: f"/sys/fs/cgroup{below}"}


@pytest.mark.parametrize(
    ("path", "mount_root", "namespace"),
    [
        ("/", "/", INITIAL_NAMESPACE),
        (f"/docker/{A}", f"/docker/{B}", INITIAL_NAMESPACE),
        ("/../other", "/", PRIVATE),
        ("/", "/../..", PRIVATE),
        (f"/docker/{A}", f"/docker/{A}/init", INITIAL_NAMESPACE),
        (f"/docker/{A}", "/dock", INITIAL_NAMESPACE),
    ],
)
def test_no_folder_that_would_be_anothers(path: str, mount_root: str, namespace: str) -> None:
    """The machine's root cgroup and other containers' are never taken for the container's."""
    assert directories(f"4:memory:{path}\n", _v1(mount_root), namespace, "") == {}


def test_service_outside_containers_has_its_own_cgroup() -> None:
    """A process that is in no container is measured by the cgroup it is in."""
    found = directories("0::/system.slice/agent.service\n", _v2("/"), INITIAL_NAMESPACE, "")
    assert found == {UNIFIED: "/sys/fs/cgroup/system.slice/agent.service"}


@pytest.mark.parametrize(
    ("path", "namespace", "found"),
    [
        ("/user.slice/session-1.scope", INITIAL_NAMESPACE, False),
        (f"/docker/{A}", INITIAL_NAMESPACE, True),
        ("/", PRIVATE, True),
    ],
)
def test_a_rootless_container_without_a_group_has_not_its_starters(
    path: str, namespace: str, *, found: bool
) -> None:
    """A user gets no groups of v1: the container stays in that of whoever started the engine."""
    lines = f"4:memory:{path}\n"
    assert bool(directories(lines, _v1("/"), namespace, "", rootless=True)) is found


@pytest.mark.parametrize(
    ("uid_map", "rootless"),
    [
        ("         0          0 4294967295\n", False),
        ("         0       1000          1\n         1     100000      65536\n", True),
        ("", False),
    ],
)
def test_root_is_another_user_on_the_host_by_its_map(
    tmp_path: Path, uid_map: str, *, rootless: bool
) -> None:
    """Where root is mapped to itself, or nothing says, it is none."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/uid_map").write_text(uid_map)
    assert is_rootless(str(tmp_path)) is rootless


@pytest.mark.parametrize(
    ("uid_map", "of_user"),
    [
        ("0 1000 1\n1 100000 65536\n", True),
        ("0 100000 65536\n", False),
        ("0 0 4294967295\n", False),
        ("0 0 1\n", False),
        ("", False),
    ],
)
def test_a_users_own_engine_makes_that_user_root(
    tmp_path: Path, uid_map: str, *, of_user: bool
) -> None:
    """Root's engine maps a range of users, where it maps any (`--userns-remap`)."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/uid_map").write_text(uid_map)
    assert is_of_user(str(tmp_path)) is of_user


def test_controllers_mounted_together_share_a_folder() -> None:
    """`cpu,cpuacct` bound to one hierarchy are both found at its mount."""
    folder = "/sys/fs/cgroup/cpu,cpuacct"
    found = directories(
        f"4:cpu,cpuacct:/docker/{A}\n",
        _v1(f"/docker/{A}", "cpu,cpuacct", folder),
        INITIAL_NAMESPACE,
        "",
    )
    assert found == {"cpu": folder, "cpuacct": folder}


def test_hybrid_has_folders_of_both_versions() -> None:
    """Controllers of v1 and the unified hierarchy beside them are each found."""
    found = directories(
        f"4:memory:/docker/{A}\n0::/docker/{A}\n",
        "\n".join([_v1(f"/docker/{A}"), _v2("/", "/sys/fs/cgroup/unified")]),
        INITIAL_NAMESPACE,
        "",
    )
    assert found == {
        "memory": "/sys/fs/cgroup/memory",
        UNIFIED: f"/sys/fs/cgroup/unified/docker/{A}",
    }


def test_hybrid_where_the_engine_moves_nobody_in_the_unified_hierarchy() -> None:
    """There the container's processes stay with the engine, whose figures are not theirs."""
    found = directories(
        f"4:memory:/docker/{A}\n0::/system.slice/containerd.service\n",
        "\n".join([_v1("/"), _v2("/", "/sys/fs/cgroup/unified")]),
        INITIAL_NAMESPACE,
        "",
    )
    assert found == {"memory": f"/sys/fs/cgroup/memory/docker/{A}"}


def test_a_missing_controller_is_left_out() -> None:
    """A controller that is named and not mounted has no folder."""
    text = f"8:pids:/docker/{A}\n4:memory:/docker/{A}\n"
    found = directories(text, _v1(f"/docker/{A}"), INITIAL_NAMESPACE, "")
    assert set(found) == {"memory"}


def test_hierarchies_mounted_elsewhere_do_not_count() -> None:
    """A host's tree mounted into the container does not displace the container's own."""
    lines = [_v1(f"/docker/{A}"), _v1("/", point="/host/sys/fs/cgroup/memory")]
    found = directories(f"4:memory:/docker/{A}\n", "\n".join(lines), INITIAL_NAMESPACE, "")
    assert found == {"memory": "/sys/fs/cgroup/memory"}


def test_a_tree_mounted_at_the_root_is_read_there() -> None:
    """With a root, hierarchies mounted below it are preferred and named once."""
    lines = [_v1("/", point="/host/sys/fs/cgroup/memory"), _v1(f"/docker/{A}")]
    found = directories(f"4:memory:/docker/{A}\n", "\n".join(lines), INITIAL_NAMESPACE, "/host")
    assert found == {"memory": f"/host/sys/fs/cgroup/memory/docker/{A}"}


def test_spaces_in_mount_points_are_decoded() -> None:
    r"""The kernel writes a space in a path as `\040`."""
    mount = _v1("/", point=r"/sys/fs/cgroup/my\040memory")
    found = directories("4:memory:/\n", mount, PRIVATE, "")
    assert found == {"memory": "/sys/fs/cgroup/my memory"}


@pytest.mark.parametrize("junk", ["", "13:/docker/x\n", "x:memory:/a\n", "4:memory:relative\n"])
def test_junk_is_no_cgroup(junk: str) -> None:
    """Lines that have not the kernel's form are skipped."""
    assert directories(junk, "a b c\n" + _v1("/") + "\n - \n", PRIVATE, "") == {}


@pytest.mark.parametrize(
    ("cgroup", "path"),
    [
        (f"4:memory:/docker/{A}/init\n0::/\n", f"/docker/{A}"),
        (f"0::/system.slice/docker-{A}.scope\n", f"/system.slice/docker-{A}.scope"),
        ("0::/\n", None),
        (f"0::/../{A}\n", None),
    ],
)
def test_the_path_that_names_the_container(cgroup: str, path: str | None) -> None:
    """Up to the container's own cgroup; none where a namespace hides it."""
    assert path_naming(cgroup, A) == path


MOUNTS_V2 = "30 29 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
MOUNTS_V1 = "".join(
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
    found = read_room(tree(tmp_path, "0::/\n", MOUNTS_V2, **files))
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
    found = read_room(tree(tmp_path, CGROUPS_V1, MOUNTS_V1, **files))
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
