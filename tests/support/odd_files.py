"""What may stand in place of a file, made by whoever can write its folder."""

from __future__ import annotations

import os
import stat
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BYSTANDER = "somebody else's\n"
SWAPS = 1000


def _bystander(path: Path) -> Path:
    """A file outside of the folder, which nobody is to write, nor to take for ours."""
    other = path.parent.with_name(f"{path.parent.name}-bystander")
    other.write_text(BYSTANDER)
    return other


ODD_FILES: dict[str, Callable[[Path], object]] = {
    "fifo": os.mkfifo,
    "folder": lambda path: path.mkdir(),
    "socket": lambda path: os.mknod(path, stat.S_IFSOCK | 0o600),
    "link": lambda path: path.symlink_to(_bystander(path)),
    "hard link": lambda path: path.hardlink_to(_bystander(path)),
    "link to /dev/zero": lambda path: path.symlink_to("/dev/zero"),
    "dangling link": lambda path: path.symlink_to(path.parent.with_name("made-through-the-link")),
    "circular link": lambda path: path.symlink_to(path.name),
    "huge": lambda path: os.truncate(_touched(path), 1 << 40),
}
"""By what they are called: each makes one at a path."""


def _touched(path: Path) -> Path:
    path.touch()
    return path


def see_that_nothing_leaked(path: Path, before: str = BYSTANDER) -> None:
    """See that nothing was written outside of a file's folder through what stood in its place."""
    bystander = path.parent.with_name(f"{path.parent.name}-bystander")
    assert not bystander.exists() or bystander.read_text() == before
    assert not path.parent.with_name("made-through-the-link").exists()


@contextmanager
def swapping(path: Path, content: str = "half a file") -> Iterator[threading.Event]:
    """Put a link and a file in each other's place, a thousand times; set when that is over.

    Args:
        path: where.
        content: what the file holds, and the one outside that the link leads to.
    """
    other, over = _bystander(path), threading.Event()
    other.write_text(content)
    beside = path.with_name(f"{path.name}-beside")

    def swap() -> None:
        for turn in range(SWAPS):
            if turn % 2:
                beside.write_text(content)
            else:
                beside.symlink_to(other)
            beside.replace(path)
        over.set()

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield over
    finally:
        thread.join()
