"""The one parser of `cgroup` files, what each of its readers relies on, and where cgroups lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfinspect.kernel.cgroup_file import (
    INITIAL_NAMESPACE,
    UNIFIED,
    directories,
    parse,
    path_naming,
)


@pytest.mark.parametrize(
    ("line", "controllers", "path"),
    [
        ("0::/", [UNIFIED], "/"),
        ("4:memory:/docker/a", ["memory"], "/docker/a"),
        ("3:cpu,cpuacct:/a:b", ["cpu", "cpuacct"], "/a:b"),
        ("1:name=systemd:/init.scope", ["name=systemd"], "/init.scope"),
    ],
)
def test_a_hierarchy_on_each_line(line: str, controllers: list[str], path: str) -> None:
    """Its controllers, and the path, in which colons may stand."""
    [cgroup] = parse(f"{line}\n")
    assert (cgroup.line, cgroup.controllers, cgroup.path) == (line, controllers, path)
    assert not cgroup.outside


@pytest.mark.parametrize(
    "line",
    ["", "13:/docker/a", "x:pids:/a", "3::/a", "0:memory:/a", "0::a", "/docker/a", "²:pids:/a",
     "4:mem\x1bory:/a"],
)  # fmt: skip
def test_a_line_of_another_form_is_left_out(line: str) -> None:
    """No number, no controllers where there must be some, no path."""
    assert parse(line) == []


def test_only_the_kernels_newline_ends_a_line() -> None:
    """A cgroup's name with another separator of lines in it forges no line."""
    [cgroup] = parse("0::/x\x1c0::/docker/a\u2028")
    assert cgroup.path.startswith("/x")


@pytest.mark.parametrize("path", ["/..", "/../a", "/../../docker/a"])
def test_a_cgroup_outside_of_our_namespace(path: str) -> None:
    """The kernel shows the way to it from our namespace's root."""
    assert parse(f"0::{path}")[0].outside


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    """Whatever the file holds, the parser returns."""
    assert all(cgroup.path.startswith("/") for cgroup in parse(text))


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
