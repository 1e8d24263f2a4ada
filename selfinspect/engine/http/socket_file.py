"""Why the file of a socket does not lead to an engine, by what was seen of it. Pure.

Hints are commands for the engine's host, with the path, the group or the label that was seen. The
path may be of the image's author: it is quoted for the shell.
"""

from __future__ import annotations

import re
import stat
from pathlib import PurePosixPath
from shlex import quote
from typing import Protocol

from selfinspect.engine.http.tls import Why
from selfinspect.frozen import dataclass

_SELINUX = re.compile(r"\w+:\w+:\w+:s\d")
_DESKTOP = ("linuxkit", "microsoft")
"""In the name of a kernel: a VM's on macOS or Windows, whose users see no file of the engine."""


class Status(Protocol):
    """What stat(2) returns of a file."""

    @property
    def st_mode(self) -> int:
        """Its type and its mode."""

    @property
    def st_nlink(self) -> int:
        """How many names it has."""

    @property
    def st_uid(self) -> int:
        """Its owner."""

    @property
    def st_gid(self) -> int:
        """Its group."""


@dataclass(frozen=True, slots=True)
class File:
    """What is at a socket's path.

    Attributes:
        path: as it was asked for.
        status: its type, owner and mode, None where we may not look.
    """

    path: str
    status: Status | None


@dataclass(frozen=True, slots=True)
class Us:
    """The process that connects.

    Attributes:
        uid: the user.
        groups: the groups, the supplementary ones included.
        overrides: whether file modes do not apply to us, as they do not to root.
        unmapped: the group ID shown for groups that this user namespace does not map, None where
            it maps all.
        label: our SELinux or AppArmor label, empty where there is neither.
        kernel: its release.
    """

    uid: int
    groups: frozenset[int]
    overrides: bool
    unmapped: int | None
    label: str
    kernel: str


def denied(file: File, we: Us) -> Why:
    """Why connecting was not permitted."""
    status, path = file.status, file.path
    detail = f"permission denied for uid {we.uid}"
    if status is not None and stat.S_ISDIR(status.st_mode):
        return _folder(path)
    lets_in = status is not None and _lets_in(status, we)
    mapped = status is not None and status.st_gid != we.unmapped
    if status is None or (mapped and not lets_in and status.st_mode & stat.S_IWGRP):
        group = group_of(path, we.kernel) if status is None else str(status.st_gid)
        hint = f"join the group the socket belongs to: --group-add {group}"
        return Why("denied", detail, hint)
    if lets_in:
        return Why("denied", f"{detail}, although the file's mode allows it", _unconfined(we.label))
    if not mapped:
        return Why(
            "denied",
            f"{detail}: its group is none of this user namespace, and reads {status.st_gid}",
            f"docker run --userns=host --group-add {group_of(path, we.kernel)} …",
        )
    return Why("denied", *_owners_alone(status, path, we, detail))


def refused(file: File) -> Why:
    """Why the connection was refused."""
    status, path = file.status, file.path
    if status is not None and stat.S_ISDIR(status.st_mode):
        return _folder(path)
    if status is not None and status.st_nlink == 0:
        folder = PurePosixPath(path).parent
        return Why(
            "stale",
            "the file is the socket of an engine that has been restarted since",
            "restart this container; to be spared that, mount the folder:"
            f" -v {quote(str(folder))}:/run/engine"
            f" -e DOCKER_HOST=unix:///run/engine/{quote(PurePosixPath(path).name)}",
        )
    return Why(
        "refused",
        "the connection was refused",
        "start the engine: systemctl start docker; a socket file outlives the engine that made it",
    )


def group_of(path: str, kernel: str) -> str:
    """The shell command that prints a socket's group on the engine's host."""
    if is_desktop(kernel):
        # The socket is in a VM: the shell of macOS or Windows sees another, or none.
        return f"$(docker run --rm -v {quote(path)}:/s busybox stat -c %g /s)"
    return f"$(stat -c %g {quote(path)})"


def is_desktop(kernel: str) -> bool:
    """Whether the engine's host is a VM below macOS or Windows, by its kernel's release."""
    return any(word in kernel.lower() for word in _DESKTOP)


def _owners_alone(status: Status, path: str, we: Us, detail: str) -> tuple[str, str]:
    """The detail and the hint where only its owner may open the socket."""
    if status.st_uid == 0 and is_desktop(we.kernel):
        return (
            f"{detail}: the socket is root's alone, in the VM of Docker Desktop",
            "docker run --user 0 …, or put a proxy between (deploy/socket-proxy)",
        )
    if status.st_uid == 0 and we.unmapped is not None:
        # The host's root has no name in this user namespace: this root is who runs the engine.
        return (
            f"{detail}: the socket is its owner's alone, who is root in this user namespace",
            "podman run --user 0 … (of a rootless engine: its user, not the host's root)",
        )
    return detail, f"the socket is its owner's alone: on the host, chmod g+rw {quote(path)}"


def _folder(path: str) -> Why:
    return Why(
        "folder",
        "a directory is there in place of the socket: mounting a missing file creates one",
        f"on the host: rmdir {quote(path)} && systemctl restart docker;"
        " then make this container again",
    )


def _lets_in(status: Status, we: Us) -> bool:
    """Whether the file's mode alone lets us in."""
    if we.overrides and status.st_gid != we.unmapped:
        return True
    if status.st_uid == we.uid:
        return bool(status.st_mode & stat.S_IWUSR)
    if status.st_gid in we.groups and status.st_gid != we.unmapped:
        return bool(status.st_mode & stat.S_IWGRP)
    return bool(status.st_mode & stat.S_IWOTH)


def _unconfined(label: str) -> str:
    """The option that lifts the security module which denies what the mode allows."""
    selinux = "docker run --security-opt label=disable …"
    apparmor = "docker run --security-opt apparmor=unconfined …"
    if _SELINUX.match(label):
        return f"SELinux confines this container, as {label}: {selinux}"
    if label and not label.startswith("unconfined"):
        return f"AppArmor confines this container, as {label}: {apparmor}"
    return f"where the host has SELinux: {selinux}; where it has AppArmor: {apparmor}"
