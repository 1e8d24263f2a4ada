"""The files that tell which container this is, read below a root.

One that is missing, unreadable or too long counts as absent: half a file could end in the middle
of an ID. Paths come in whatever encoding they have, and a byte that is no UTF-8 becomes a letter
that no ID has.

Reading kernel files: whole, as bytes, and None where that cannot be done.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_INTERFACES = 64
_FIRST_CGROUPS = "cgroup:[4026531835]"
"""PROC_CGROUP_INIT_INO of linux/proc_ns.h."""
_ETC = ("etc/hostname", "etc/hosts", "etc/resolv.conf")


@dataclass(frozen=True, slots=True)
class IdentityFiles:
    """The texts, empty where absent.

    Attributes:
        init_cgroup: the cgroup of PID 1, which is another container's in a shared PID namespace.
        init_mountinfo: the mounts of PID 1.
        version: the kernel's name and version; gVisor has one of its own.
        dockerenv_mtime: when `/.dockerenv` was made, nanoseconds since the Unix epoch.
        init_started_at: when PID 1 started, Unix seconds; whole ones, as the boot time is.
        private_cgroups: whether the cgroup namespace is not the machine's first.
        ips: the IPv4 addresses that are ours, without the loopback's.
        macs: the addresses of the network interfaces that have one.
        etc_mtimes: the same for the files in `/etc` that an engine writes, by their paths.
    """

    cgroup: str = ""
    init_cgroup: str = ""
    mountinfo: str = ""
    init_mountinfo: str = ""
    version: str = ""
    hostname: str = ""
    cpuset: str = ""
    containerenv: str = ""
    dockerenv_mtime: int | None = None
    init_started_at: float | None = None
    private_cgroups: bool = False
    ips: frozenset[str] = frozenset()
    macs: frozenset[str] = frozenset()
    etc_mtimes: Mapping[str, int] = field(default_factory=dict)


def read_identity_files(root: Path) -> IdentityFiles:
    """Read them all below `root`."""
    return IdentityFiles(
        cgroup=text(f"{root}/proc/self/cgroup"),
        init_cgroup=text(f"{root}/proc/1/cgroup"),
        mountinfo=text(f"{root}/proc/self/mountinfo"),
        init_mountinfo=text(f"{root}/proc/1/mountinfo"),
        version=text(f"{root}/proc/version"),
        hostname=text(f"{root}/proc/sys/kernel/hostname"),
        cpuset=text(f"{root}/proc/1/cpuset"),
        containerenv=text(f"{root}/run/.containerenv"),
        dockerenv_mtime=_mtime(root / ".dockerenv"),
        init_started_at=started_at(text(f"{root}/proc/1/stat"), text(f"{root}/proc/stat")),
        private_cgroups=_private_cgroups(root / "proc/self/ns/cgroup"),
        ips=_ips(text(f"{root}/proc/net/fib_trie")),
        macs=_macs(root / "sys/class/net"),
        etc_mtimes={
            f"/{name}": mtime for name in _ETC if (mtime := _mtime(root / name)) is not None
        },
    )


def _mtime(path: Path) -> int | None:
    try:
        return path.lstat().st_mtime_ns
    except (OSError, ValueError):
        return None


def started_at(stat: str, machine: str) -> float | None:
    """When a process started, Unix seconds, from its `stat` and the machine's.

    Boot time plus ticks since boot, field 22 of proc_pid_stat(5): the 20th after the name.
    """
    fields = stat.rpartition(")")[2].split()
    boot = [line.split()[1:2] for line in machine.split("\n") if line.startswith("btime ")]
    try:
        return int(boot[0][0]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (IndexError, ValueError, OverflowError):
        return None


def _macs(folder: Path) -> frozenset[str]:
    try:
        names = sorted(os.listdir(folder))[:_INTERFACES]  # noqa: PTH208 names are all we need
    except OSError:
        return frozenset()
    found = (text(f"{folder}/{name}/address").strip() for name in names)
    return frozenset(mac for mac in found if mac.strip("0:"))


def _ips(routes: str) -> frozenset[str]:
    """Each leaf of the trie that is a host's route of our own: fib_trie.rst of the kernel."""
    found, leaf = set(), ""
    for line in routes.split("\n"):
        words = line.split()
        if words[:1] == ["|--"]:
            leaf = words[-1]
        elif words == ["/32", "host", "LOCAL"] and not leaf.startswith("127."):
            found.add(leaf)
    return frozenset(found)


def _private_cgroups(link: Path) -> bool:
    try:
        return str(link.readlink()) != _FIRST_CGROUPS
    except OSError:
        return False


_LONGEST = 20  # digits of 2^64
_BUFFER = 65_536

LONGEST = 4 << 20
"""Bytes. A mountinfo of a machine with ten thousand mounts is half as long."""

UNLIMITED = 1 << 62
"""cgroup v1 writes "no limit" as the largest multiple of the page size below 2^63."""


_SHORT = 2048
"""Half of the least that the kernel hands out at a time where there is more."""


def read(path: str) -> bytes | None:
    """The content of a file, None where it is missing, forbidden, too long or cannot be read."""
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


def text(path: str) -> str:
    """The content of a file as text, empty where it cannot be read."""
    return (read(path) or b"").decode(errors="replace")


def count(word: bytes | None) -> int | None:
    """The number that a word of a kernel file is, None for `max`, `-1` or anything else."""
    word = (word or b"").strip()
    return int(word) if word.isdigit() and len(word) <= _LONGEST else None


def number(path: str) -> int | None:
    """The number that a file holds alone, None where it holds none."""
    return count(read_figures(path))


def limit_of(content: bytes | None) -> int | None:
    """A limit: 0 for none (`max`, `-1`, v1's largest number), None where that isn't told."""
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
