"""The cgroups of a process, as `/proc/PID/cgroup` lists them, and where the container's own lie.

The one parser of that file. PID 1 loads this module, so it imports only our parser of mounts. Pure.

A line is `NUMBER:CONTROLLERS:PATH`, one for each hierarchy. That of cgroup v2 has the number 0 and
no controllers; each of v1 has another number and its controllers' names, or `name=NAME`.
A process may sit in a leaf below the container's cgroup (`/docker/<id>/init`); the figures of
the container are those of its cgroup's root. Formats: cgroups(7), proc_pid_mountinfo(5).
"""

from __future__ import annotations

from selfinspect.kernel import mountinfo

UNIFIED = ""
"""The name under which the hierarchy of cgroup v2 stands among the controllers."""

INITIAL_NAMESPACE = "cgroup:[4026531835]"
"""What `/proc/self/ns/cgroup` links to outside every private cgroup namespace."""

_CGROUPS = "/sys/fs/cgroup"
_TYPES = ("cgroup", "cgroup2")
_HEX = frozenset("0123456789abcdef")
_LETTERS = frozenset("ghijklmnopqrstuvwxyz")
_ID = 64
_TASK = 32  # digits of a Fargate task's ID, before a dash and its container's number
_NUMBER = (8, 10)
_OF_NAMES = "_=., -"


class Cgroup:
    """One line.

    Attributes:
        line: the whole of it.
        controllers: those of the hierarchy; `UNIFIED` alone for that of cgroup v2.
        path: of the process's cgroup, below the root of its cgroup namespace.
    """

    __slots__ = ("controllers", "line", "path")

    def __init__(self, line: str, controllers: list[str], path: str) -> None:
        self.line = line
        self.controllers = controllers
        self.path = path

    @property
    def outside(self) -> bool:
        """Whether it lies outside our cgroup namespace: a neighbour's, or the machine's."""
        return ".." in self.path.split("/")


def parse(text: str) -> list[Cgroup]:
    """The lines in the kernel's order; those of another form are left out."""
    found = []
    for line in text.split("\n"):
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        unified = number == "0" and not names
        named = number.isdecimal() and number != "0" and _are_names(names)
        if path.startswith("/") and (unified or named):
            found.append(Cgroup(line, names.split(",") if names else [UNIFIED], path))
    return found


def _are_names(names: str) -> bool:
    return bool(names) and all(each.isalnum() or each in _OF_NAMES for each in names)


def directories(cgroup: str, mounts: str, namespace: str | None, root: str) -> dict[str, str]:
    """The folder with the container's files, for each controller of v1 and for `UNIFIED`.

    A controller whose folder cannot be told is left out: its files would be the machine's or
    another container's.

    Args:
        cgroup: the text of `/proc/self/cgroup`.
        mounts: the text of `/proc/self/mountinfo`.
        namespace: what `/proc/self/ns/cgroup` links to, None where that cannot be read.
        root: the prefix below which files are read, without a slash at its end.
    """
    mounted = _mounts(mounts, root)
    lines = [line for line in parse(cgroup) if not line.outside]
    named = any(_named(line.path) for line in lines)
    found: dict[str, str] = {}
    for line in lines:
        # Where others name the container, a path that does not is its engine's: not every runtime
        # moves it in each hierarchy.
        own = _named(line.path) if named else _nameless(line.path, namespace)
        for name in line.controllers:
            mount = mounted.get(name)
            below = None if own is None or mount is None else _below(own, mount[0])
            if mount is not None and below is not None:
                found[name] = mount[1] + below
    return found


def path_naming(cgroup: str, container: str) -> str | None:
    """The path of a container's cgroup, in which its ID stands; None where none does.

    Args:
        cgroup: the text of `/proc/self/cgroup`.
        container: the full ID.
    """
    for line in parse(cgroup):
        segments = line.path.split("/")
        named = next((end for end, name in enumerate(segments, 1) if container in name), None)
        if named and not line.outside:
            return "/".join(segments[:named])
    return None


def _named(path: str) -> str | None:
    """The part of a process's path that ends with the container's ID, None where none stands."""
    segments = path.split("/")
    for end in range(len(segments), 0, -1):
        if _names_container(segments[end - 1]):
            return "/".join(segments[:end])
    return None


def _names_container(segment: str) -> bool:
    """Whether a full ID, or Fargate's name of a container, stands in a segment as a whole word."""
    words = "".join(each if each in _HEX or each in _LETTERS else " " for each in segment).split()
    if any(len(word) == _ID and set(word) <= _HEX for word in words):
        return True
    task, _, number = segment.partition("-")
    return (
        len(task) == _TASK
        and set(task) <= _HEX
        and number.isdecimal()
        and _NUMBER[0] <= len(number) <= _NUMBER[1]
    )


def _nameless(path: str, namespace: str | None) -> str | None:
    """The path of the container's cgroup, from that of a process which names no container."""
    if namespace == INITIAL_NAMESPACE:
        return None if path == "/" else path
    return path if namespace is None else "/"


def _below(path: str, root: str) -> str | None:
    """What leads from `root` to `path`, empty where they are one; None where it isn't below."""
    path, root = path.rstrip("/"), root.rstrip("/")
    return path[len(root) :] if path == root or path.startswith(root + "/") else None


def _mounts(text: str, root: str) -> dict[str, tuple[str, str]]:
    """The mount to read each controller by: its root, and the path to open it by.

    Mount points are named as this process sees them. Where a tree mounted at `root` holds
    hierarchies of its own those count, else what is mounted at the usual place. A later line
    covers an earlier one.
    """
    usual: dict[str, tuple[str, str]] = {}
    within: dict[str, tuple[str, str]] = {}
    for mount in mountinfo.parse(text):
        if mount.type not in _TYPES or mount.deleted:
            continue
        controllers = mount.options if mount.type == "cgroup" else (UNIFIED,)
        if root and _below(mount.point, root + _CGROUPS) is not None:
            within |= dict.fromkeys(controllers, (mount.root, mount.point))
        elif _below(mount.point, _CGROUPS) is not None:
            usual |= dict.fromkeys(controllers, (mount.root, root + mount.point))
    return usual | within
