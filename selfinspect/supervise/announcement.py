"""The file in which those who do not see the command's environment find the agent."""

from __future__ import annotations

import os
from contextlib import suppress

URI_FILE = "/run/selfinspect/uri"


def announce(uri: str | None, path: str = URI_FILE) -> None:
    """Write the URI and a newline where that can be written; None takes an old one away.

    Readers, whoever they are, find the old file or the new one, never half of it.
    """
    if uri is None:
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - pathlib would cost PID 1 half a megabyte
        return
    draft = f"{path}.{os.getpid()}"
    with suppress(OSError):
        folder = os.path.dirname(path)  # noqa: PTH120
        if not os.path.isdir(folder):  # noqa: PTH112
            os.makedirs(folder)  # noqa: PTH103
            os.chmod(folder, 0o755)  # noqa: PTH101, S103 - for every reader
        with open(draft, "w") as file:  # noqa: PTH123
            file.write(f"{uri}\n")
            os.fchmod(file.fileno(), 0o644)
        os.replace(draft, path)  # noqa: PTH105
