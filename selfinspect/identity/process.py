"""Our own process's name, which the nonce borrows for a moment, and its mount namespace."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class OwnProcess:
    """The name of our main thread, which any thread of ours may set."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._comm = proc / "self/comm"

    @contextmanager
    def named(self, name: str) -> Iterator[None]:
        """Bear another name, of at most 15 bytes, for a while.

        Raises:
            OSError: the name cannot be read or set.
        """
        before = self._comm.read_bytes().removesuffix(b"\n")
        self._comm.write_bytes(name.encode())
        try:
            yield
        finally:
            self._comm.write_bytes(before)

    def mount_namespace(self) -> str | None:
        """The number of our mount namespace, which no two containers share."""
        try:
            name = str((self._proc / "self/ns/mnt").readlink())  # mnt:[4026531841]
        except OSError:
            return None
        return name.removeprefix("mnt:[").removesuffix("]")
