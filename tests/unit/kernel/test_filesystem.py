from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.kernel.machine import filesystem

if TYPE_CHECKING:
    from pathlib import Path


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
