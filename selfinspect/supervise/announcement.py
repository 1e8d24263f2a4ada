"""The file in which those who do not see the command's environment find the agent."""

from __future__ import annotations

import os

from selfinspect.supervise.suppress import suppress

URI_FILE = "/run/selfinspect/uri"


class Announcement:
    """The file, for as long as one who writes it lives: it stays locked until then.

    Another agent of the container, such as one that was started by `docker exec`, leaves it alone.

    Args:
        path: where the file is.

    Attributes:
        is_ours: whether nobody else who is alive has it.
    """

    def __init__(self, path: str = URI_FILE) -> None:
        self.is_ours = _is_free(path)
        self._path = path
        self._file: int | None = None

    def write(self, uri: str | None) -> None:
        """Write the URI and a newline where that can be written; None takes an old one away.

        Readers, whoever they are, find the old file or the new one, never half of it.
        """
        if not self.is_ours:
            return
        with suppress(OSError):
            if uri is None:
                os.unlink(self._path)  # noqa: PTH108 - pathlib would cost PID 1 half a megabyte
            else:
                self._replace(f"{uri}\n")

    def withdraw(self) -> None:
        """Take it away, unless somebody else has put theirs in its place."""
        with suppress(OSError):
            if self._file is not None and os.path.samestat(
                os.fstat(self._file),
                os.stat(self._path),  # noqa: PTH116
            ):
                os.unlink(self._path)  # noqa: PTH108

    def _replace(self, text: str) -> None:
        folder = os.path.dirname(self._path)  # noqa: PTH120
        if not os.path.isdir(folder):  # noqa: PTH112
            os.makedirs(folder)  # noqa: PTH103
            os.chmod(folder, 0o755)  # noqa: PTH101, S103 - for every reader
        draft = f"{self._path}.{os.getpid()}"
        self._file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        with suppress(OSError):
            os.lockf(self._file, os.F_TLOCK, 0)
        os.write(self._file, text.encode())
        os.fchmod(self._file, 0o644)
        os.replace(draft, self._path)  # noqa: PTH105


def _is_free(path: str) -> bool:
    """Whether nobody who is alive has a file; what another user has is his."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except PermissionError:
        return False
    except OSError:
        return True
    try:
        os.lockf(file, os.F_TEST, 0)
    except OSError:
        return False
    finally:
        os.close(file)
    return True
