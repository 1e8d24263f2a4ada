from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.kernel.filesystem import filesystem, mounted_at_root

if TYPE_CHECKING:
    from pathlib import Path

ROOT = "108 70 0:39 / / rw,relatime master:2 - overlay overlay rw,lowerdir=/x\n"


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


def test_the_last_mount_at_the_root_covers_the_others() -> None:
    """And what is no mount is passed over."""
    later = "109 108 8:1 / / rw - ext4 /dev/sda1 rw\n"
    assert mounted_at_root(f"{ROOT}junk - \n{later}") == "/dev/sda1"
    assert mounted_at_root("110 108 0:1 / /proc rw - proc proc rw\n") is None
