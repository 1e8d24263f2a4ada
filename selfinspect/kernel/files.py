"""Reads kernel files whole, and the numbers in them; what cannot be read is None.

PID 1 loads this module, so it imports nothing heavy.
"""

from __future__ import annotations

import os

LONGEST = 4 << 20
"""Bytes. The mountinfo of a machine with ten thousand mounts is half as long."""

UNLIMITED = 1 << 62
"""cgroup v1 writes "no limit" as the largest multiple of the page size below 2^63."""

_BUFFER = 65_536
_SHORT = 2048
"""Half of the least that the kernel hands out at a time where there is more."""

_DIGITS = 20  # of 2^64


def read(path: str) -> bytes | None:
    """The content of a file, None where it is missing, forbidden, too long or unreadable."""
    return _read(path, enough=0)


def read_figures(path: str) -> bytes | None:
    """The same of a file with short lines, such as the kernel's counters: mostly in one piece.

    The kernel fills a page with whole lines, so less than half of one is all there is. Where a line
    may be longer than that, as in mountinfo, take `read`.
    """
    return _read(path, enough=_SHORT)


def _read(path: str, *, enough: int) -> bytes | None:
    try:
        # Non-blocking: opening a FIFO put in a file's place would otherwise wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    pieces: list[bytes] = []
    length = 0
    try:
        # The kernel hands out long files a page at a time: only an empty read is the end.
        while length <= LONGEST and (piece := os.read(descriptor, _BUFFER)):
            pieces.append(piece)
            length += len(piece)
            if len(piece) < enough:
                break
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return b"".join(pieces) if length <= LONGEST else None


def link(path: str) -> str | None:
    """What a symbolic link points to, None where it cannot be read."""
    try:
        return os.readlink(path)  # noqa: PTH115 - a Path costs more than the call
    except (OSError, ValueError):
        return None


def text(path: str) -> str:
    """The content of a file as text, empty where it cannot be read."""
    return (read(path) or b"").decode(errors="replace")


def count(word: bytes | None) -> int | None:
    """A word of a kernel file as a number; None for `max`, `-1` or anything else."""
    word = (word or b"").strip()
    return int(word) if word.isdigit() and len(word) <= _DIGITS else None


def number(path: str) -> int | None:
    """The number that is a file's whole content, None for any other content."""
    return count(read_figures(path))


def limit_of(content: bytes | None) -> int | None:
    """A limit: 0 for none (`max`, `-1`, v1's largest number), None where the file has neither."""
    word = (content or b"").strip()
    value = count(word)
    if value is None:
        return 0 if word in (b"max", b"-1") else None
    return 0 if value >= UNLIMITED else value


def keyed(path: str, *, unit: bytes = b"") -> dict[str, int]:
    """The figures of a file with a name and a number on each line; other lines are left out.

    Args:
        path: the file.
        unit: what follows each number, `kB`.
    """
    found: dict[str, int] = {}
    for line in (read_figures(path) or b"").splitlines():
        name, _, word = line.partition(b" ")
        value = count(word.removesuffix(unit))
        if value is not None:
            found[name.decode(errors="replace")] = value
    return found
