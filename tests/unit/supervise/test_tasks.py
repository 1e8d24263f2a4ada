"""How many tasks a container may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.supervise.agent import tasks_allowed

if TYPE_CHECKING:
    from pathlib import Path

V1 = "4:pids:/docker/1\n1:name=systemd:/docker/1\n"


@pytest.mark.parametrize(
    ("cgroup", "file", "text", "limit"),
    [
        ("0::/\n", "pids.max", "8\n", 8),
        ("0::/docker/1\n", "docker/1/pids.max", "8\n", 8),
        ("0::/docker/1\n", "pids.max", "8\n", 8),
        (V1, "pids/pids.max", "8\n", 8),
        (V1, "pids/docker/1/pids.max", "8\n", 8),
        ("0::/\n", "pids.max", "max\n", None),
        ("0::/\n", "nothing", "", None),
        ("", "pids.max", "nonsense", None),
    ],
)
def test_the_limit(cgroup: str, file: str, text: str, limit: int | None, tmp_path: Path) -> None:
    """At our path in the tree, or at its top where that is all we see; `max` is none."""
    (tmp_path / "cgroup").write_text(cgroup)
    (tmp_path / "tree" / file).parent.mkdir(parents=True)
    (tmp_path / "tree" / file).write_text(text)
    assert tasks_allowed(f"{tmp_path}/cgroup", f"{tmp_path}/tree") == limit


def test_without_any_file_there_is_no_limit(tmp_path: Path) -> None:
    """As without /proc and /sys."""
    assert tasks_allowed(f"{tmp_path}/cgroup", f"{tmp_path}/tree") is None
