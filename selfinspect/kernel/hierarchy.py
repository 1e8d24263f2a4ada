"""Where the container's own cgroup lies in each hierarchy that this process can see.

A process may sit in a leaf below the container's cgroup (`/docker/<id>/init`); the figures of
the container are those of its cgroup's root. Formats: cgroups(7), proc_pid_mountinfo(5).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

UNIFIED = ""
"""The name under which the hierarchy of cgroup v2 stands among the controllers."""

INITIAL_NAMESPACE = "cgroup:[4026531835]"
"""What `/proc/self/ns/cgroup` links to outside every private cgroup namespace."""

_CGROUPS = "/sys/fs/cgroup"
_CONTAINER = re.compile(r"(?<![0-9a-z])([0-9a-f]{64}|[0-9a-f]{32}-[0-9]{8,10})(?![0-9a-z])")
_ESCAPE = re.compile(r"\\([0-7]{3})")


class _Mount(NamedTuple):
    root: str
    point: str
    controllers: frozenset[str]


def directories(cgroup: str, mountinfo: str, namespace: str | None, root: str) -> dict[str, str]:
    """The folder with the container's files, for each controller of v1 and for `UNIFIED`.

    A controller whose folder cannot be told is left out: its files would be the machine's or
    another container's.

    Args:
        cgroup: the text of `/proc/self/cgroup`.
        mountinfo: the text of `/proc/self/mountinfo`.
        namespace: what `/proc/self/ns/cgroup` links to, None where that cannot be read.
        root: the prefix below which files are read, without a slash at its end.
    """
    mounts = _mounts(mountinfo, root)
    lines = list(_lines(cgroup))
    named = any(_named(path) for _, path in lines)
    found: dict[str, str] = {}
    for names, path in lines:
        # Where others name the container, a path that does not is its engine's: not every runtime
        # moves it in each hierarchy.
        own = _named(path) if named else _nameless(path, namespace)
        for name in names:
            mount = mounts.get(name)
            below = None if own is None or mount is None else _below(own, mount.root)
            if mount is not None and below is not None:
                found[name] = mount.point + below
    return found


def path_naming(cgroup: str, container: str) -> str | None:
    """The path of a container's cgroup, in which its ID stands; None where none does.

    Args:
        cgroup: the text of `/proc/self/cgroup`.
        container: the full ID.
    """
    for line in cgroup.splitlines():
        segments = line.split(":", 2)[-1].split("/")
        named = next((end for end, name in enumerate(segments, 1) if container in name), None)
        if named and not segments[0] and ".." not in segments:
            return "/".join(segments[:named])
    return None


def _lines(cgroup: str) -> Iterator[tuple[list[str], str]]:
    """The controllers of each hierarchy, and the path of a process's cgroup in it."""
    for line in cgroup.splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number.isdigit() and path.startswith("/") and ".." not in path.split("/"):
            yield names.split(",") if names else [UNIFIED], path


def _named(path: str) -> str | None:
    """The part of a process's path that ends with the container's ID, None where none stands."""
    segments = path.split("/")
    for end in range(len(segments), 0, -1):
        if _CONTAINER.search(segments[end - 1]):
            return "/".join(segments[:end])
    return None


def _nameless(path: str, namespace: str | None) -> str | None:
    """The path of the container's cgroup, from that of a process which names no container."""
    if namespace == INITIAL_NAMESPACE:
        return None if path == "/" else path
    return path if namespace is None else "/"


def _below(path: str, root: str) -> str | None:
    """What leads from `root` to `path`, empty where they are one; None where it isn't below."""
    path, root = path.rstrip("/"), root.rstrip("/")
    return path[len(root) :] if path == root or path.startswith(root + "/") else None


def _mounts(mountinfo: str, root: str) -> dict[str, _Mount]:
    """The mount to read each controller by, its point being the path to open.

    Mount points are named as this process sees them. Where a tree mounted at `root` holds
    hierarchies of its own those count, else what is mounted at the usual place. A later line
    covers an earlier one.
    """
    usual: dict[str, _Mount] = {}
    within: dict[str, _Mount] = {}
    for line in mountinfo.splitlines():
        mount = _mount(line)
        if mount is None:
            continue
        if root and _below(mount.point, root + _CGROUPS) is not None:
            within |= dict.fromkeys(mount.controllers, mount)
        elif _below(mount.point, _CGROUPS) is not None:
            usual |= dict.fromkeys(mount.controllers, mount._replace(point=root + mount.point))
    return usual | within


def _mount(line: str) -> _Mount | None:
    """A line of mountinfo that mounts cgroups, None for any other."""
    before, _, after = line.partition(" - ")
    try:
        _, _, _, source, point, *_ = before.split(" ")
        kind, _, options = after.split(" ")
    except ValueError:
        return None
    if kind not in {"cgroup", "cgroup2"}:
        return None
    names = options.split(",") if kind == "cgroup" else [UNIFIED]
    return _Mount(_unescaped(source), _unescaped(point), frozenset(names))


def _unescaped(path: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), path)
