"""The file in which those who do not see the command's environment find the agent.

The token of `--token-file auto`: made by PID 1, to be read by the command's user alone.
"""

from __future__ import annotations

import os

from selfinspect.files import make_roots, open_folder, open_own, write
from selfinspect.supervise.messages import say, suppress

URI_FILE = "/run/selfinspect/uri"

_MODE_OF_FOLDER = 0o755


class Announcement:
    """The file, for as long as one who writes it lives: it stays locked until then.

    Another agent of the container, such as one that was started by `docker exec`, leaves it alone.
    Started as root, the folder is made root's, whoever had it by the image: what stands in it is
    then ours alone. Where that is not allowed, nothing is written.

    Args:
        path: where the file is.

    Attributes:
        is_ours: whether nobody else who is alive has it.
    """

    def __init__(self, path: str = URI_FILE) -> None:
        self._path = path
        self._name = os.path.basename(path)  # noqa: PTH119 - pathlib would cost PID 1 half a MiB
        self._file: int | None = None
        self._folder: int | None = None
        with suppress(OSError):
            self._folder = open_folder(os.path.dirname(path), _MODE_OF_FOLDER)  # noqa: PTH120
        self.is_ours = self._folder is None or _is_free(self._name, self._folder)
        if self.is_ours and self._folder is not None and os.geteuid() == 0:
            try:
                make_roots(self._folder, _MODE_OF_FOLDER)
            except OSError:
                os.close(self._folder)
                self._folder = None

    def write(self, uri: str | None) -> None:
        """Write the URI and a newline where that can be written; None takes an old one away.

        Readers, whoever they are, find the old file or the new one, never half of it.
        """
        if not self.is_ours or self._folder is None:
            return
        with suppress(OSError):
            if uri is None:
                os.unlink(self._name, dir_fd=self._folder)
            else:
                self._file = write(self._folder, self._name, f"{uri}\n".encode(), locked=True)

    def leave(self, name: str, data: bytes | None) -> None:
        """Write another file into the folder where that can be done; None takes it away.

        The folder is opened again: this is also called by a process that holds nothing open.
        """
        if not self.is_ours or self._folder is None:
            return
        with suppress(OSError):
            folder = open_folder(os.path.dirname(self._path), _MODE_OF_FOLDER)  # noqa: PTH120
            try:
                if data is None:
                    os.unlink(name, dir_fd=folder)
                else:
                    os.close(write(folder, name, data))
            finally:
                os.close(folder)

    def withdraw(self) -> None:
        """Take it away, unless somebody else has put theirs in its place."""
        with suppress(OSError):
            if self._file is not None and os.path.samestat(
                os.fstat(self._file),
                os.stat(self._name, dir_fd=self._folder, follow_symlinks=False),
            ):
                os.unlink(self._name, dir_fd=self._folder)


def _is_free(name: str, folder: int) -> bool:
    """Whether nobody who is alive has a file; what another user has is his."""
    try:
        file = open_own(name, os.O_RDWR, folder=folder)
    except PermissionError:
        with suppress(OSError):
            return os.stat(name, dir_fd=folder, follow_symlinks=False).st_uid == os.geteuid()
        return True
    except OSError:
        return True  # there is none, or what is there is not a file that an agent made
    try:
        os.lockf(file, os.F_TEST, 0)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


VARIABLE = "SELFINSPECT_TOKEN_FILE"

_AUTO = "auto"
_BYTES = 32
_MODE = 0o400


def provide(
    asked: str | None, path: str, owner: int | None = None
) -> tuple[bytes | None, str | None]:
    """What `--token-file` asks for: a token for the agent, and a file of it for clients.

    A token that nobody can read still closes the API, for that was asked for.

    Args:
        asked: the option's value, None where it is not given.
        path: where a token of our own is left.
        owner: the command's user, None for ourselves.

    Returns:
        The token, None where we make none; and the file's path, None where there is none.
    """
    if asked != _AUTO:
        return None, asked
    token = os.urandom(_BYTES).hex().encode()
    try:
        leave(token, path, owner)
    except OSError as error:
        say("token.failed", path=path, error=error.strerror or error)
        return token, None
    return token, path


def leave(token: bytes, path: str, owner: int | None = None) -> None:
    """Write the token and a newline into a file, which replaces an old one.

    Args:
        token: what to leave.
        path: where.
        owner: the user who alone may read it, None for ourselves.

    Raises:
        OSError: it cannot be left there.
    """
    place, name = os.path.split(path)
    folder = open_folder(place, _MODE_OF_FOLDER)
    try:
        os.close(write(folder, name, token + b"\n", _MODE, owner=owner))
    finally:
        os.close(folder)


def take_away(path: str) -> None:
    """Remove the file, where it is there and may be removed."""
    place, name = os.path.split(path)
    with suppress(OSError):
        folder = open_folder(place, _MODE_OF_FOLDER)
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)
        os.close(folder)
