"""What PID 1 writes down of each run, for the agent of a later one to read.

One file in the journal's folder for each container, for a volume may be several containers'. A
line for each run, the newest last: nanoseconds of its start, the kernel's boot ID, and of its
end nanoseconds, exit code, signal, the last signal that came for the command, the kernel's count
of kills for want of memory, and 1 where the exit code was expected and counted as 0. A dash is not
known, or not yet.
"""

from __future__ import annotations

import os
import time
from binascii import crc32

from selfinspect.kernel.mountinfo import escaped, mounted_at, parse
from selfinspect.supervise.signals import signal
from selfinspect.supervise.suppress import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from selfinspect.supervise.users import User

DEFAULT_FOLDER = "/var/lib/selfinspect"
_RUNS_KEPT = 100
_LARGEST = 1_048_576
_OWN_FILES = ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/run/.containerenv")
_OOM_COUNTS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
_BOOT = "/proc/sys/kernel/random/boot_id"
_UNKNOWN = "-"
_FACTS = 6


class Record:
    """The line of one run. Whatever cannot be written is left out: the command comes first.

    Args:
        folder: where the journal is.
        mountinfo: what tells this container apart, see `mark_of`.
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
            self._make_folder()
            path = path_of(self._folder, self._mark)
            boot = read(_BOOT).strip() or _UNKNOWN
            facts = [_UNKNOWN if each is None else str(each) for each in ending or [None] * _FACTS]
            others = [line for line in lines(path, self._mark) if not self._is_ours(line)]
            line = " ".join([self._started, boot, *facts])
            kept = [header(self._mark), *others[1 - _RUNS_KEPT :], line, ""]
            _replace(path, "\n".join(kept))

    def _is_ours(self, line: str) -> bool:
        return line.startswith(f"{self._started} ")

    def _make_folder(self) -> None:
        if os.path.isdir(self._folder):  # noqa: PTH112 - pathlib would cost PID 1 half a megabyte
            return
        os.makedirs(self._folder, 0o700)  # noqa: PTH103
        if self._owner is not None:
            os.chown(self._folder, self._owner.uid, self._owner.gid)

    def _oom_kills(self) -> int | None:
        for path in self._oom_counts:
            for line in read(path).splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill" and count.isdigit():
                    return int(count)
        return None


def mark_of(mountinfo: str) -> str | None:
    """What a container keeps through its restarts and shares with no other; None for a machine.

    That is its writable layer, or whatever else is mounted at its root, and the files that an
    engine makes for it. It is one line, and names files: a change of its form loses history.
    """
    mounts = parse(mountinfo)
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


def header(mark: str) -> str:
    """The first line of its file."""
    return f"selfinspect runs 1 {mark}"


def lines(path: str, mark: str) -> list[str]:
    """The lines of a file behind its header; none where it is another container's, or none."""
    first, *others = read(path).splitlines() or [""]
    return others if first == header(mark) else []


def read(path: str) -> str:
    """The text of a small file, empty where there is none; never waits for a writer."""
    data = b""
    with suppress(OSError):
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            while len(data) < _LARGEST and (piece := os.read(file, _LARGEST)):
                data += piece
        finally:
            os.close(file)
    return data.decode(errors="surrogateescape")


def _replace(path: str, text: str) -> None:
    """Write a file anew; readers find the old one or the new one, and no link is followed."""
    draft = f"{path}.{os.getpid()}"
    with suppress(FileNotFoundError):
        os.unlink(draft)  # noqa: PTH108
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.open(draft, flags, 0o644)
    try:
        data = text.encode(errors="surrogateescape")
        whole = os.write(file, data) == len(data)
        os.fchmod(file, 0o644)  # whatever the umask: the agent may be another user
    finally:
        os.close(file)
    if whole:
        os.replace(draft, path)  # noqa: PTH105
    else:
        os.unlink(draft)  # noqa: PTH108
