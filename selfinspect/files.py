"""Opens files by who may have put them there.

There are two kinds. *Files in a folder that CMD's user may write*, such as /run/selfinspect:
nothing there is followed, waited for, or written under a name that somebody could have prepared.
*Files that the operator named*, such as tokens and certificates: links are followed, for
Kubernetes mounts them so. Of both kinds only regular files are read, and only so much of them.

PID 1 and an app's start load this module: it goes without contextlib, pathlib and tempfile.
"""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

SHORT = 4096
"""Bytes that a file in a folder of CMD's user may have, unless its reader says otherwise."""

LONG = 1 << 20
"""Bytes that a file may have which the operator named: a bundle of authorities has 0.25 MiB."""

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WITHOUT_WAITING = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOR_ROOT_ALONE = 0o022
_RANDOM_BYTES = 8
_PIECE = 65_536


class Descriptor(int):
    """An open file or folder by its number, closed at the end of a `with` block."""

    __slots__ = ()

    def __enter__(self) -> int:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self)


def read_named(path: str | os.PathLike[str], longest: int = LONG) -> bytes:
    """Read a file that the operator named; links are followed.

    Raises:
        OSError: it is missing, may not be read, is not a regular file, or is longer than that.
    """
    with Descriptor(os.open(path, os.O_RDONLY | _WITHOUT_WAITING)) as file:
        _check(file)
        return _content(file, longest)


class InMemory:
    """Bytes with a path, for a library that only takes paths.

    So the library uses what was read and bounded here, whatever has replaced the file since.

    Args:
        data: the bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __enter__(self) -> str:
        self._file = os.memfd_create("selfinspect")
        os.write(self._file, self._data)
        return f"/proc/self/fd/{self._file}"

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def read(path: str, longest: int = SHORT, folder: int | None = None) -> bytes:
    """Read a file in a folder that CMD's user may write.

    Args:
        path: the file.
        longest: bytes that it may have.
        folder: what the path is relative to, as `open_folder` gives it.

    Raises:
        OSError: it is missing, may not be read, is a link or otherwise not a regular file, or is
            longer than that.
    """
    with Descriptor(open_own(path, folder=folder)) as file:
        return _content(file, longest)


def read_with_owners(path: str) -> tuple[bytes, os.stat_result, os.stat_result]:
    """Read a short file as `read` does; with it the status of its folder and its own.

    Raises:
        OSError: as of `read`; or the folder is a link, or the file has a second name.
    """
    parent, name = os.path.split(path)
    with (
        Descriptor(os.open(parent, os.O_PATH | _FOLDER)) as folder,
        Descriptor(open_own(name, folder=folder)) as file,
    ):
        status = os.fstat(file)
        if status.st_nlink != 1:
            _refuse("it has a second name")  # it could be any file of its owner's
        return _content(file, SHORT), os.fstat(folder), status


def open_own(
    path: str, flags: int = os.O_RDONLY, *, folder: int | None = None, mode: int = 0o600
) -> int:
    """Open a file in a folder that CMD's user may write; its descriptor.

    Args:
        path: the file; a link there is not followed.
        flags: as open(2) takes them.
        folder: what the path is relative to, as `open_folder` gives it.
        mode: its permissions where the flags have it made.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
    """
    file = os.open(path, flags | os.O_NOFOLLOW | _WITHOUT_WAITING, mode, dir_fd=folder)
    try:
        _check(file)
    except OSError:
        os.close(file)
        raise
    return file


def open_folder(path: str, mode: int, owner: tuple[int, int] | None = None) -> int:
    """Open a folder to write files into, and make it where it is missing; its descriptor.

    Whatever is put in its place later on, the descriptor leads to the same folder.

    Args:
        path: where it is; a link there is not followed.
        mode: its permissions where it is made, whatever the umask.
        owner: the user and group that it is then given to, None for ourselves.

    Raises:
        OSError: it is a link or not a folder, or cannot be made.
    """
    path = path.rstrip("/") or "/"  # a link with a slash behind it would be followed
    try:
        return os.open(path, os.O_RDONLY | _FOLDER)
    except FileNotFoundError:
        parent, name = os.path.split(path)
        os.makedirs(parent or ".", exist_ok=True)  # noqa: PTH103
    with Descriptor(os.open(parent or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as above:
        os.mkdir(name, mode, dir_fd=above)
        folder = os.open(name, os.O_RDONLY | _FOLDER, dir_fd=above)
    os.fchmod(folder, mode)
    if owner is not None:
        os.fchown(folder, *owner)
    return folder


def make_roots(folder: int, mode: int) -> None:
    """Make a folder root's, so that no other user can write into it; done by root alone.

    Raises:
        OSError: it is another user's, and we may not change that.
    """
    status = os.fstat(folder)
    if status.st_uid != 0:
        os.fchown(folder, 0, 0)
    if stat.S_IMODE(status.st_mode) != mode:
        os.fchmod(folder, mode)


def is_roots(status: os.stat_result) -> bool:
    """Whether root alone can have written a file, or into a folder."""
    return status.st_uid == 0 and not status.st_mode & _FOR_ROOT_ALONE


def write(
    folder: int,
    name: str,
    data: bytes,
    mode: int = 0o644,
    *,
    owner: int | None = None,
    locked: bool = False,
) -> int:
    """Replace a file in a folder; readers find the old one or the new one, and no link is followed.

    Args:
        folder: as `open_folder` gives it.
        name: of the file.
        data: what it is to hold.
        mode: who may read it, whatever the umask.
        owner: whose it is, None for ourselves.
        locked: whether it is locked from the moment it has its name, see lockf(3).

    Returns:
        Its descriptor, which the caller closes; with it a lock ends.

    Raises:
        OSError: it cannot be written, and there is the old one; or a folder is in its place.
    """
    draft = f".{name}.{os.urandom(_RANDOM_BYTES).hex()}"
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(draft, flags, 0o600, dir_fd=folder)
    try:
        if locked:
            _lock(file)
        if os.write(file, data) != len(data):
            _refuse("the disk is full")
        if owner is not None:
            os.fchown(file, owner, -1)
        os.fchmod(file, mode)
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        os.close(file)
        os.unlink(draft, dir_fd=folder)
        raise
    return file


def _lock(file: int) -> None:
    try:  # noqa: SIM105 - PID 1 goes without contextlib
        os.lockf(file, os.F_TLOCK, 0)
    except OSError:
        pass  # a file system that has no locks


def _check(file: int) -> None:
    mode = os.fstat(file).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        _refuse("it is not a regular file")


def _content(file: int, longest: int) -> bytes:
    data = b""
    while len(data) <= longest and (piece := os.read(file, _PIECE)):
        data += piece
    if len(data) > longest:
        _refuse(f"it is longer than {longest} bytes")
    return data


def _refuse(reason: str) -> NoReturn:
    raise OSError(errno.EINVAL, reason)
