"""Files, opened by who may have put them there."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from selfinspect import files
from tests.support.odd_files import ODD_FILES, see_that_nothing_leaked, swapping

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

odd = pytest.mark.parametrize("kind", ODD_FILES)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    """An open folder, `run`."""
    opened = files.open_folder(str(tmp_path / "run"), 0o755)
    yield opened
    os.close(opened)


def write(folder: int, data: bytes = b"new") -> None:
    os.close(files.write(folder, "file", data))


@odd
def test_what_is_no_file_is_not_read(tmp_path: Path, kind: str) -> None:
    """Nothing is followed, waited for, or read without end."""
    (tmp_path / "run").mkdir()
    path = tmp_path / "run" / "file"
    ODD_FILES[kind](path)
    with pytest.raises(OSError, match=r".") as raised:
        files.read_with_owners(str(path))
    assert raised.value.errno in (errno.EINVAL, errno.EISDIR, errno.ELOOP, errno.ENXIO)


@pytest.mark.parametrize("kind", [kind for kind in ODD_FILES if "link" not in kind])
def test_a_file_that_the_operator_named_is_a_regular_one(tmp_path: Path, kind: str) -> None:
    """A pipe is not waited for, and what is endless is not read."""
    ODD_FILES[kind](tmp_path / "file")
    with pytest.raises(OSError, match=r".") as raised:
        files.read_named(tmp_path / "file")
    assert raised.value.errno in (errno.EINVAL, errno.EISDIR, errno.ENXIO)


def test_a_link_that_the_operator_named_is_followed(tmp_path: Path) -> None:
    """Kubernetes mounts a secret as a link to a link; neither leads to a device."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "token").write_text("secret")
    (tmp_path / "token").symlink_to("..data/token")
    assert files.read_named(tmp_path / "token") == b"secret"
    (tmp_path / "zero").symlink_to("/dev/zero")
    with pytest.raises(OSError, match="not a regular file"):
        files.read_named(tmp_path / "zero")


@pytest.mark.parametrize(("longest", "whole"), [(4, True), (3, False)])
def test_a_file_is_read_whole_or_not_at_all(
    tmp_path: Path,
    longest: int,
    whole: bool,  # noqa: FBT001
) -> None:
    """Half of it could say something else."""
    (tmp_path / "file").write_text("four")
    if whole:
        assert files.read(str(tmp_path / "file"), longest) == b"four"
    else:
        with pytest.raises(OSError, match="longer than 3 bytes"):
            files.read(str(tmp_path / "file"), longest)


@odd
def test_whatever_is_in_its_place_is_replaced(tmp_path: Path, folder: int, kind: str) -> None:
    """All but a folder, which stays; nothing is written through it, and no draft is left."""
    path = tmp_path / "run" / "file"
    ODD_FILES[kind](path)
    if kind == "folder":
        with pytest.raises(IsADirectoryError):
            write(folder)
    else:
        write(folder)
        assert path.read_bytes() == b"new"
        assert stat.S_ISREG(path.lstat().st_mode)
    see_that_nothing_leaked(path)
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_a_folder_that_is_swapped_is_written_all_the_same(tmp_path: Path, folder: int) -> None:
    """Who opened it has it, whatever its name leads to by now."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").rename(tmp_path / "moved")
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    write(folder)
    assert (tmp_path / "moved" / "file").exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_link_is_no_folder(tmp_path: Path, slash: str) -> None:
    """Not with a slash behind it either, which a kernel else follows."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotADirectoryError):
        files.open_folder(f"{tmp_path}/run{slash}", 0o755)


def test_a_thousand_swaps_lead_nowhere(tmp_path: Path, folder: int) -> None:
    """A link and a file in turn: nothing outside is written, or read in their place."""
    path = tmp_path / "run" / "file"
    with swapping(path) as over:
        while not over.is_set():
            write(folder)
            with suppress(OSError):
                read, *_ = files.read_with_owners(str(path))
                assert read in (b"new", b"half a file", b"")
    see_that_nothing_leaked(path, "half a file")


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a folder away takes root")
def test_a_folder_is_made_roots(tmp_path: Path, folder: int) -> None:
    """Whoever had it by the image, and whatever he allowed others."""
    os.chown(tmp_path / "run", 4711, 4711)
    (tmp_path / "run").chmod(0o777)
    files.make_roots(folder, 0o755)
    status = (tmp_path / "run").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (0, 0, 0o755)
    assert files.is_roots(status)


def test_bytes_have_a_path(tmp_path: Path) -> None:
    """For as long as the context lasts."""
    with files.InMemory(b"content") as path, open(path, "rb") as file:  # noqa: PTH123
        assert file.read() == b"content"
    assert list(tmp_path.iterdir()) == []
