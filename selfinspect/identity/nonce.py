"""What a container's list of processes says of ours, which took a random name for a moment. Pure.

A name is readable in every `/proc` of the machine, and a neighbour can copy it within milliseconds.
So it proves only where exactly one row bears it, that row is in our own mount namespace, whose
number nobody can choose, and the candidate's first process is in it, too: the list of an outer
container holds the rows of the containers inside it, but its first process has other mounts.

Our own process's name, which the nonce borrows for a moment, and its mount namespace.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from selfinspect.engine.quirks import first_process

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selfinspect.engine.inspect.listings import Process
    from selfinspect.engine.quirks import Lister
    from selfinspect.model import Json, Verdict

_DEFUNCT = " <defunct>"


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for.

    Attributes:
        name: which our process had while the list was made.
        mount_namespace: the number of ours, None where it cannot be read.
        own_pids: whether the PID namespace is known to be ours alone.
        hidden: the candidate's runtime, or our own kernel, keeps processes from that list.
    """

    name: str
    mount_namespace: str | None
    own_pids: bool
    hidden: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """The outcome; `seen` where our name alone was found, which supports and does not prove."""

    verdict: Verdict
    reason: str
    seen: bool = False


def read(rows: Sequence[Process], sought: Sought, by: Lister, inspect: Json) -> Reading:
    """Whether the container with this inspect document, whose processes `by` listed, is ours."""
    if not rows:
        return Reading("unknown", "the engine lists none of its processes")
    named = [row for row in rows if row.name.removesuffix(_DEFUNCT) == sought.name]
    if len(named) == 1:
        return _bearing(named[0], rows, sought, by, inspect)
    if named:
        return Reading("unknown", "several of its processes have the name that we took")
    if sought.hidden:
        return Reading("unknown", "its runtime hides its processes from the engine's machine")
    return Reading("disproved", "our process is not among its processes")


def _bearing(
    row: Process, rows: Sequence[Process], sought: Sought, by: Lister, inspect: Json
) -> Reading:
    """What the one row says that bears our name."""
    space = row.mount_namespace
    if by == "image" or space is None or sought.mount_namespace is None:
        reason = "our process's name is among its processes, whose namespaces nobody tells"
        return Reading("unknown", reason, seen=True)
    if space == sought.mount_namespace:
        return _beside_the_first(rows, sought, by, inspect)
    return Reading(
        "unknown" if sought.hidden else "disproved", "a process of it has copied our name"
    )


def _beside_the_first(
    rows: Sequence[Process], sought: Sought, by: Lister, inspect: Json
) -> Reading:
    pid = first_process(by, inspect)
    first = next((row.mount_namespace for row in rows if row.pid == pid), None)
    if first is None:
        reason = "our process is among its processes, and nobody tells which is its first"
        return Reading("unknown", reason, seen=True)
    if first != sought.mount_namespace:
        return Reading("disproved", "our process is in a container inside it")
    if by == "namespace" and not sought.own_pids:
        # The list is of all who share the PID namespace, not of the container.
        return Reading("unknown", "our process is in its PID namespace, which may be shared")
    return Reading("proven", "our process is among its processes")


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
