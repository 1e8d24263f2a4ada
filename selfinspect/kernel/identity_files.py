"""Reads the files that say which container this is, below a root.

One that is missing, unreadable or too long counts as absent: half a file could end in the middle
of an ID. Paths come in whatever encoding they have; a byte that is not UTF-8 becomes a character
that no ID contains.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from selfinspect.kernel.files import link, text
from selfinspect.kernel.limits import INITIAL_NAMESPACE
from selfinspect.kernel.processes import init_started_at

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MOST_INTERFACES = 64
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
        init_started_at=init_started_at(str(root)),
        private_cgroups=link(f"{root}/proc/self/ns/cgroup") not in (None, INITIAL_NAMESPACE),
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


def _macs(folder: Path) -> frozenset[str]:
    try:
        names = sorted(os.listdir(folder))[:_MOST_INTERFACES]  # noqa: PTH208 names are all we need
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
