"""What PID 1 writes down of each run, for the agent of a later one to read.

One file in the journal's folder for each container, for a volume may be several containers'. A
line for each run, the newest last: nanoseconds of its start, the kernel's boot ID, and of its
end nanoseconds, exit code, signal, the last signal that came for the command, the kernel's count
of OOM kills, and 1 where the exit code was expected and counted as 0. A dash stands for
what is unknown, or unknown as yet.
"""

from __future__ import annotations

import os
import time
from binascii import crc32

from selfinspect import files
from selfinspect.files import Descriptor, open_folder, write
from selfinspect.kernel.proc_self import escaped, mounted_at, parse_mounts
from selfinspect.supervise.messages import suppress
from selfinspect.supervise.signals import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from selfinspect.model import RunRecord
    from selfinspect.supervise.users import User

DEFAULT_FOLDER = "/var/lib/selfinspect"
_RUNS_KEPT = 100
_LONGEST_RECORD = 65_536
_LONGEST = 4 << 20  # a mountinfo of a machine with ten thousand mounts is half as long
_OWN_FILES = ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/run/.containerenv")
_OOM_COUNTS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
_BOOT = "/proc/sys/kernel/random/boot_id"
_UNKNOWN = "-"
_FACTS = 6
_FORMS = (5, _FACTS)
"""How many facts of the end there may be: the sixth is younger than the others."""

_DIGITS = 19  # of nanoseconds, until the year 2286


class Record:
    """The line of one run. A record that cannot be written is dropped: the command comes first.

    Args:
        folder: where the journal is.
        mountinfo: this container's mounts, by which `mark_of` recognises it.
        owner: whose the folder is to be where it has to be made.
        oom_counts: where the kernel counts its kills, the first that is there.

    Attributes:
        forwarded: the number of the last signal that came for the command.
    """

    def __init__(
        self,
        folder: str,
        mountinfo: str,
        owner: User | None = None,
        oom_counts: Sequence[str] = _OOM_COUNTS,
    ) -> None:
        self.forwarded: int | None = None
        self._started = str(time.time_ns())
        self._folder = folder
        self._owner = owner
        self._oom_counts = oom_counts
        self._mark = mark_of(mountinfo)

    def begin(self) -> None:
        """Write that the run has begun."""
        self._write()

    def end(self, exit_code: int, killed_by: int | None, *, expected: bool = False) -> None:
        """Write that it has ended, and how.

        Args:
            exit_code: the command's own.
            killed_by: the number of the signal that ended it, None where none did.
            expected: whether that exit code counts as 0, by `--expect-exit`.
        """
        kills = self._oom_kills() if killed_by == signal.SIGKILL else None
        mapped = 1 if expected else None
        self._write(time.time_ns(), exit_code, killed_by, self.forwarded, kills, mapped)

    def _write(self, *ending: int | None) -> None:
        if self._mark is None:
            return
        with suppress(OSError):
            owner = None if self._owner is None else (self._owner.uid, self._owner.gid)
            with Descriptor(open_folder(self._folder, 0o700, owner)) as folder:
                self._write_into(folder, self._mark, ending or (None,) * _FACTS)

    def _write_into(self, folder: int, mark: str, ending: tuple[int | None, ...]) -> None:
        name = path_of("", mark).lstrip("/")
        boot = text_of(_BOOT).strip() or _UNKNOWN
        facts = [_UNKNOWN if each is None else str(each) for each in ending]
        ours = f"{self._started} "
        others = [line for line in lines(name, mark, folder) if not line.startswith(ours)]
        line = " ".join([self._started, boot, *facts])
        kept = "\n".join([_header(mark), *others[1 - _RUNS_KEPT :], line, ""])
        os.close(write(folder, name, kept.encode(errors="surrogateescape")))

    def _oom_kills(self) -> int | None:
        for path in self._oom_counts:
            for line in text_of(path).splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill" and count.isdigit():
                    return int(count)
        return None


def mark_of(mountinfo: str) -> str | None:
    """What a container keeps through its restarts and shares with no other; None for a machine.

    That is its writable layer, or whatever else is mounted at its root, and the files that an
    engine makes for it. It is one line, and names files: a change of its form loses history.
    """
    mounts = parse_mounts(mountinfo)
    found = {mount.point: escaped(mount.root) for mount in mounts if mount.point in _OWN_FILES}
    root = mounted_at(mounts, "/")
    if root is None:
        return None
    if root.upperdir is not None:
        found["/"] = f"upperdir={escaped(root.upperdir)}"
    elif found:
        options = ",".join(root.options)
        found["/"] = f"{escaped(root.root)},{root.type} {escaped(root.source)} {escaped(options)}"
    return " ".join(found[point] for point in sorted(found)) or None


def path_of(folder: str, mark: str) -> str:
    """The file of the container with a mark."""
    return f"{folder}/{crc32(mark.encode(errors='surrogateescape')):08x}.runs"


def _header(mark: str) -> str:
    """The first line of its file."""
    return f"selfinspect runs 1 {mark}"


def lines(path: str, mark: str, folder: int | None = None) -> list[str]:
    """The lines of a file behind its header; none where it is missing or another container's.

    Args:
        path: where it is.
        mark: the container's.
        folder: the open folder that the path is relative to.
    """
    first, *others = text_of(path, _LONGEST_RECORD, folder).removesuffix("\n").split("\n")
    return others if first == _header(mark) else []


def read(folder: Path, mark: str) -> tuple[RunRecord, ...]:
    """The runs written down in a folder, oldest first.

    Args:
        folder: where the journal is.
        mark: the container's.
    """
    found = (parsed(line) for line in lines(path_of(str(folder), mark), mark))
    return tuple(record for record in found if record is not None)


def parsed(line: str) -> RunRecord | None:
    """The record of one line, None where PID 1 did not write it."""
    from selfinspect.model import RunRecord  # noqa: PLC0415 - PID 1 reads none

    try:
        started, boot, *facts = line.split(" ")
        numbers = [None if fact == _UNKNOWN else _number(fact) for fact in facts]
        finished, exit_code, signal, forwarded, oom_kills, *mapped = numbers
        if len(facts) not in _FORMS:
            return None
        return RunRecord(
            _number(started),
            None if boot == _UNKNOWN else boot,
            finished,
            exit_code,
            signal,
            forwarded,
            oom_kills,
            mapped == [1],
        )
    except ValueError:
        return None


def _number(word: str) -> int:
    """A number that PID 1 may have written; others may write to the folder, too.

    Raises:
        ValueError: the word is not a number, or larger than any time, code or count.
    """
    if not (word.isascii() and word.isdecimal() and len(word) <= _DIGITS):
        raise ValueError(word)
    return int(word)


def text_of(path: str, longest: int = _LONGEST, folder: int | None = None) -> str:
    """The text of a file, empty where it is missing; neither follows a link nor waits for a pipe.

    Args:
        path: where it is.
        longest: bytes; what is longer counts as none.
        folder: the open folder that the path is relative to.
    """
    try:
        return files.read(path, longest, folder).decode(errors="surrogateescape")
    except OSError:
        return ""
