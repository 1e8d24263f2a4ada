"""The token of `--token-file auto`: made by PID 1, to be read by the command's user alone."""

from __future__ import annotations

import os

from selfinspect.files import open_folder, write
from selfinspect.supervise.messages import say
from selfinspect.supervise.suppress import suppress

VARIABLE = "SELFINSPECT_TOKEN_FILE"

_AUTO = "auto"
_BYTES = 32
_MODE = 0o400
_MODE_OF_FOLDER = 0o755


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
