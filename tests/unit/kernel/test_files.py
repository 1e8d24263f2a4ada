from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from selfinspect.kernel import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Lay = Callable[[dict[str, str]], str]


def test_long_file_is_read_whole(tmp_path: Path) -> None:
    """A file longer than one read is read to its end."""
    content = os.urandom(200_000)
    (tmp_path / "long").write_bytes(content)
    assert files.read(f"{tmp_path}/long") == content


@pytest.mark.parametrize("name", ["missing", ".", "missing/below", "nul\0"])
def test_what_cannot_be_read_is_none(tmp_path: Path, name: str) -> None:
    """No file, a folder, and an impossible name are None, not an error."""
    assert files.read(f"{tmp_path}/{name}") is None


def test_what_never_ends_or_never_begins_is_none(tmp_path: Path) -> None:
    """An endless device, a file beyond the bound, and a FIFO that nobody writes to."""
    (tmp_path / "endless").symlink_to("/dev/zero")
    with (tmp_path / "long").open("wb") as file:
        file.truncate(files.LONGEST + 1)
    assert files.read(f"{tmp_path}/endless") is None
    assert files.read(f"{tmp_path}/long") is None
    os.mkfifo(tmp_path / "fifo")
    assert files.text(f"{tmp_path}/fifo") == ""
    silent = os.open(tmp_path / "fifo", os.O_RDWR)
    try:
        assert files.read(f"{tmp_path}/fifo") is None
    finally:
        os.close(silent)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        (b"0", 0),
        (b"18446744073709551615\n", 2**64 - 1),
        (b"max\n", None),
        (b"-1", None),
        (b"1_000", None),
        (b"1.5", None),
        (b"", None),
        (None, None),
        (b"9" * 5000, None),
        ("٣".encode(), None),
    ],
)
def test_a_count_is_plain_digits(word: bytes | None, value: int | None) -> None:
    """Only a word of at most twenty ASCII digits is a number."""
    assert files.count(word) == value


def test_keyed_leaves_out_what_it_cannot_read(lay: Lay) -> None:
    """A line without a number costs no other line its figure."""
    root = lay({"stat": "cache 10\nrss ten\n\nswap 0\nodd line 3\n"})
    assert files.keyed(f"{root}/stat") == {"cache": 10, "swap": 0}
