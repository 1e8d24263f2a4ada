"""The one parser of `cgroup` files, and what each of its readers relies on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfinspect.kernel.proc_self import UNIFIED, parse_cgroups


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
    [cgroup] = parse_cgroups(f"{line}\n")
    assert (cgroup.line, cgroup.controllers, cgroup.path) == (line, controllers, path)
    assert not cgroup.outside


@pytest.mark.parametrize(
    "line",
    ["", "13:/docker/a", "x:pids:/a", "3::/a", "0:memory:/a", "0::a", "/docker/a", "²:pids:/a",
     "4:mem\x1bory:/a"],
)  # fmt: skip
def test_a_line_of_another_form_is_left_out(line: str) -> None:
    """No number, no controllers where there must be some, no path."""
    assert parse_cgroups(line) == []


def test_only_the_kernels_newline_ends_a_line() -> None:
    """A cgroup's name with another separator of lines in it forges no line."""
    [cgroup] = parse_cgroups("0::/x\x1c0::/docker/a\u2028")
    assert cgroup.path.startswith("/x")


@pytest.mark.parametrize("path", ["/..", "/../a", "/../../docker/a"])
def test_a_cgroup_outside_of_our_namespace(path: str) -> None:
    """The kernel shows the way to it from our namespace's root."""
    assert parse_cgroups(f"0::{path}")[0].outside


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    """Whatever the file holds, the parser returns."""
    assert all(cgroup.path.startswith("/") for cgroup in parse_cgroups(text))
