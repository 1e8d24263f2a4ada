"""The users that root starts the children as: `--user` and `--agent-user`.

`pwd` and `grp` are loaded only where a user was asked for.
"""

from __future__ import annotations

import os
import stat

from selfinspect.supervise.messages import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pwd import struct_passwd

_STREAMS = (0, 1, 2)
USUAL_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock")


class User:
    """A user to become.

    Attributes:
        uid: the user's number.
        gid: the group of what it makes.
        groups: every group it is in.
        home: its home folder, `/` where it has none.
    """

    __slots__ = ("gid", "groups", "home", "uid")

    def __init__(self, uid: int, gid: int, groups: Sequence[int], home: str = "/") -> None:
        self.uid = uid
        self.gid = gid
        self.groups = groups
        self.home = home

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"

    def joining(self, groups: Iterable[int]) -> User:
        """The same user, in further groups."""
        return User(self.uid, self.gid, [*dict.fromkeys([*self.groups, *groups])], self.home)

    def become(self) -> None:
        """Become that user for good.

        Raises:
            OSError: this process may not.
        """
        try:
            os.setgroups(self.groups)
            os.setresgid(self.gid, self.gid, self.gid)
            os.setresuid(self.uid, self.uid, self.uid)
        except OSError as error:
            raise OSError(error.errno, f"cannot become {self}: {error.strerror}") from error


def find_user(option: str, text: str | None) -> User | None:
    """The user that an option names, None where it names none.

    `UID[:GID]`, in numbers or in names that /etc/passwd and /etc/group have. Without a group it
    gets the user's groups; a number without an entry is its own group, never root's.

    Raises:
        ValueError: there is no such user or group, or we are not root; the message says so.
    """
    if text is None:
        return None
    if os.geteuid() != 0:
        raise ValueError(f"{option} {text!r}: only root can do this; start the container as root")
    name, colon, group = text.partition(":")
    try:
        entry = _entry(name)
        uid = entry.pw_uid if entry else _number(name)
        home = entry.pw_dir or "/" if entry else "/"
        if colon:
            gid = _group(group)
            return User(uid, gid, [gid], home)
        if entry:
            return User(uid, entry.pw_gid, os.getgrouplist(entry.pw_name, entry.pw_gid), home)
        return User(uid, uid, [uid])
    except ValueError:
        raise ValueError(
            f"{option} {text!r}: takes UID[:GID], numbers, or names of the container's /etc files"
        ) from None


def engine_groups(engine: Sequence[str], environ: Mapping[str, str]) -> list[int]:
    """The groups that may open an engine's socket, and those root was given by the engine.

    Root's own group is left out, unless the socket is that group's.

    Args:
        engine: what `--engine` says.
        environ: read for `DOCKER_HOST` and `XDG_RUNTIME_DIR`.
    """
    given = [group for group in os.getgroups() if group != 0]
    return given + [group for path in _sockets(engine, environ) for group in _writers(path)]


def share_streams(uid: int) -> None:
    """Let a user reopen our standard streams, by /dev/stdout, as with an engine's `--user`.

    Only pipes and terminals: a file and /dev/null keep their owners.
    """
    for descriptor in _STREAMS:
        with suppress(OSError):
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode) or os.isatty(descriptor):
                os.fchown(descriptor, uid, -1)


def _entry(name: str) -> struct_passwd | None:
    from pwd import getpwnam, getpwuid  # noqa: PLC0415

    with suppress(KeyError):
        return getpwuid(_number(name)) if name.isdecimal() else getpwnam(name)
    return None


def _group(name: str) -> int:
    if name.isdecimal():
        return _number(name)
    from grp import getgrnam  # noqa: PLC0415

    try:
        return getgrnam(name).gr_gid
    except KeyError as error:
        raise ValueError(name) from error


def _number(text: str) -> int:
    number = int(text)
    if not text.isdecimal() or number >= 1 << 31:
        raise ValueError(text)
    return number


def _sockets(engine: Sequence[str], environ: Mapping[str, str]) -> Iterator[str]:
    """The paths of the sockets that the agent may try."""
    named = [text for text in engine if text != "auto"]
    for text in named or [environ.get("DOCKER_HOST", "")]:
        if text.startswith("unix:///"):
            yield text.removeprefix("unix://")
    if not named:
        yield from USUAL_SOCKETS
        if environ.get("XDG_RUNTIME_DIR"):
            yield f"{environ['XDG_RUNTIME_DIR']}/docker.sock"


def _writers(path: str) -> Iterator[int]:
    """The group of a socket, if it may open it."""
    with suppress(OSError):
        status = os.stat(path)  # noqa: PTH116 - pathlib would cost PID 1 half a megabyte
        if stat.S_ISSOCK(status.st_mode) and status.st_mode & stat.S_IWGRP:
            yield status.st_gid
