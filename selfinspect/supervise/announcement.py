"""What PID 1 leaves in `/run/selfinspect`, for those who do not see the command's environment.

The address of the agent in `uri`, `stopping` while the container is asked to stop, and the token of
`--token-file auto` in `token`, which only the command's user may read.
"""

from __future__ import annotations

import os

from selfinspect.files import Descriptor, make_roots, open_folder, open_own, write
from selfinspect.listen import URI_FILE
from selfinspect.supervise.messages import say, suppress

TOKEN_VARIABLE = "SELFINSPECT_TOKEN_FILE"  # noqa: S105 - its name

_MODE_OF_FOLDER = 0o755
_AUTO = "auto"
_TOKEN_BYTES = 32
_MODE_OF_TOKEN = 0o400


class Announcement:
    """The file with the agent's address: locked for as long as its writer lives.

    Another agent of the container, such as one that was started by `docker exec`, leaves it alone.
    Started as root, the folder is made root's, whoever had it by the image: what stands in it is
    then ours alone. Where that is not allowed, nothing is written.

    Args:
        path: where the file is.

    Attributes:
        is_ours: whether no other living process has it.
    """

    def __init__(self, path: str = URI_FILE) -> None:
        # pathlib would cost PID 1 half a megabyte.
        self._place, self._name = os.path.split(path)
        self._file: int | None = None
        self._folder: int | None = None
        with suppress(OSError):
            self._folder = open_folder(self._place, _MODE_OF_FOLDER)
        self.is_ours = self._folder is None or _is_free(self._name, self._folder)
        if self.is_ours and self._folder is not None and os.geteuid() == 0:
            try:
                make_roots(self._folder, _MODE_OF_FOLDER)
            except OSError:
                os.close(self._folder)
                self._folder = None

    def write(self, uri: str | None) -> None:
        """Write the URI and a newline where that can be written; None removes an old one.

        A reader finds the old file or the new one, never half of it.
        """
        if not self.is_ours or self._folder is None:
            return
        with suppress(OSError):
            if uri is None:
                os.unlink(self._name, dir_fd=self._folder)
            else:
                self._file = write(self._folder, self._name, f"{uri}\n".encode(), locked=True)

    def leave(self, name: str, data: bytes | None) -> None:
        """Write another file into the folder where that can be done; None removes it.

        The folder is opened again: this is also called by a process that holds nothing open.
        """
        if self.is_ours and self._folder is not None:
            with suppress(OSError):
                _replace(f"{self._place}/{name}", data)

    def withdraw(self) -> None:
        """Remove it, unless another process has replaced it."""
        with suppress(OSError):
            if self._file is not None and os.path.samestat(
                os.fstat(self._file),
                os.stat(self._name, dir_fd=self._folder, follow_symlinks=False),
            ):
                os.unlink(self._name, dir_fd=self._folder)


def provide(
    asked: str | None, path: str, owner: int | None = None
) -> tuple[bytes | None, str | None]:
    """What `--token-file` asks for: a token for the agent, and a file of it for clients.

    A token that nobody can read still closes the API, for that was asked for.

    Args:
        asked: the option's value, None where it is not given.
        path: where a token of our own is left, on a line; an old file is replaced.
        owner: the command's user, who alone may read it; None for ourselves.

    Returns:
        The token, None where we make none; and the file's path, None where there is none.
    """
    if asked != _AUTO:
        return None, asked
    token = os.urandom(_TOKEN_BYTES).hex().encode()
    try:
        _replace(path, token + b"\n", _MODE_OF_TOKEN, owner)
    except OSError as error:
        say("token.failed", path=path, error=error.strerror or error)
        return token, None
    return token, path


def take_away(path: str) -> None:
    """Remove the token's file, where it is there and may be removed."""
    with suppress(OSError):
        _replace(path, None)


def _replace(path: str, data: bytes | None, mode: int = 0o644, owner: int | None = None) -> None:
    """Write a file whole, in a folder that is made where it is missing; None removes the file.

    Raises:
        OSError: it cannot be written or removed.
    """
    place, name = os.path.split(path)
    with Descriptor(open_folder(place, _MODE_OF_FOLDER)) as folder:
        if data is None:
            os.unlink(name, dir_fd=folder)
        else:
            os.close(write(folder, name, data, mode, owner=owner))


def _is_free(name: str, folder: int) -> bool:
    """Whether no living process has a file locked; another user's file counts as taken."""
    try:
        file = open_own(name, os.O_RDWR, folder=folder)
    except PermissionError:
        with suppress(OSError):
            return os.stat(name, dir_fd=folder, follow_symlinks=False).st_uid == os.geteuid()
        return True
    except OSError:
        return True  # there is none, or what is there is not a file that an agent made
    with Descriptor(file):
        try:
            os.lockf(file, os.F_TEST, 0)
        except OSError:
            return False
    return True
