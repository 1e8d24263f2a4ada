"""Reports short memory as soon as the kernel counts it: no timer, no polling.

`memory.events` of cgroup v2: the kernel's admin-guide/cgroup-v2. A change of it is a priority event
of poll(2), so that no privilege is needed either. On v1 a notification needs a write to
`cgroup.event_control`, which a container's read-only mount refuses.
"""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

from selfinspect.kernel.cgroup_file import UNIFIED
from selfinspect.kernel.files import count
from selfinspect.model import MemoryEvents

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from selfinspect.model import Memory

_PAUSE = 1.0
"""Seconds between two readings at least: a container at its limit meets it thousands of times."""

BETWEEN = 60.0
"""Seconds between two reports of the limit at least: page cache alone meets it, too."""

_LONGEST = 4096
_COUNTED = ("max", "high", "oom", "oom_kill")

_SHORT_PERCENT = 90
"""Of the limit, that the working set takes: what the kernel cannot simply drop."""


class Shortage:
    """Follows the kernel's counts in an event loop.

    Args:
        watch: the file with the counts.
        loop: the running loop, in whose thread everything happens.
        on_counts: takes the counts, now and after each change.
        on_limit: takes how often the limit was met since the last call.
    """

    def __init__(
        self,
        watch: MemoryWatch,
        loop: asyncio.AbstractEventLoop,
        *,
        on_counts: Callable[[MemoryEvents], None],
        on_limit: Callable[[int], None],
    ) -> None:
        self._watch = watch
        self._loop = loop
        self._on_counts = on_counts
        self._on_limit = on_limit
        self._counts = watch.read()
        self._reported = self._counts.max or 0
        self._reported_at = -BETWEEN
        self._due: asyncio.TimerHandle | None = None
        on_counts(self._counts)
        self._listen()

    def _listen(self) -> None:
        self._loop.add_reader(self._watch.fileno(), self._changed)

    def _changed(self) -> None:
        self._loop.remove_reader(self._watch.fileno())
        self._loop.call_later(_PAUSE, self._listen)
        counts = self._watch.read()
        if counts == self._counts:
            return
        self._counts = counts
        self._on_counts(counts)
        if self._due is None and self._met():
            left = max(0.0, self._reported_at + BETWEEN - self._loop.time())
            self._due = self._loop.call_later(left, self._report)

    def _met(self) -> int:
        return (self._counts.max or 0) - self._reported

    def _report(self) -> None:
        self._due = None
        met, self._reported = self._met(), self._counts.max or 0
        self._reported_at = self._loop.time()
        self._on_limit(met)


def is_short(memory: Memory | None) -> bool:
    """Whether memory at its limit is worth a signal: page cache alone is dropped when needed."""
    percent = memory.percent if memory else None
    return percent is not None and percent >= _SHORT_PERCENT


class MemoryWatch:
    """The file, open for as long as its changes matter.

    Its descriptor is readable, to any loop, once the counts differ from those read last.

    Args:
        folders: the container's cgroup by controller of v1, and of v2 by `UNIFIED`.

    Raises:
        OSError: the file does not exist: cgroup v1, or no controller of memory.
    """

    def __init__(self, folders: Mapping[str, str]) -> None:
        folder = folders.get(UNIFIED)
        if folder is None:
            raise FileNotFoundError("there is no cgroup of version 2")
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        self._file = os.open(f"{folder}/memory.events", flags)
        self._changes = select.epoll()
        try:
            # For anything but EPOLLPRI the file is always ready.
            self._changes.register(self._file, select.EPOLLPRI)
        except OSError:  # a plain file, such as a copied tree's, never changes
            self.close()
            raise

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._changes.fileno()

    def read(self) -> MemoryEvents:
        """The counts now; what the kernel does not count is None."""
        try:
            lines = os.pread(self._file, _LONGEST, 0).splitlines()
        except OSError:
            return MemoryEvents()
        pairs = (line.split(b" ", 1) for line in lines if b" " in line)
        figures = {name.decode(errors="replace"): count(word) for name, word in pairs}
        return MemoryEvents(*(figures.get(name) for name in _COUNTED))

    def close(self) -> None:
        """Close both descriptors."""
        self._changes.close()
        os.close(self._file)
