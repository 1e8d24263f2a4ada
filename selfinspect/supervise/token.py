"""The token of `--token-file auto`: made by PID 1, to be read by the command's user alone."""

from __future__ import annotations

import os

from selfinspect.supervise.messages import say
from selfinspect.supervise.suppress import suppress

VARIABLE = "SELFINSPECT_TOKEN_FILE"

_AUTO = "auto"
_BYTES = 32


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


def leave(token: bytes | None, path: str, owner: int | None = None) -> None:
    """Write the token and a newline; None takes an old one away.

    Args:
        token: what to leave.
        path: where.
        owner: the user who alone may read it, None for ourselves.

    Raises:
        OSError: it cannot be left there.
    """
    if token is None:
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - pathlib would cost PID 1 half a megabyte
        return
    draft = f"{path}.{os.getpid()}"
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
    with suppress(FileNotFoundError):
        os.unlink(draft)  # noqa: PTH108
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
    try:
        if owner is not None:
            os.fchown(descriptor, owner, -1)
        os.write(descriptor, token + b"\n")
    finally:
        os.close(descriptor)
    os.replace(draft, path)  # noqa: PTH105
