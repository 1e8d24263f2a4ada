"""The file in which those who do not see the command's environment find the agent."""

from __future__ import annotations

import os
from contextlib import suppress

URI_FILE = "/run/selfinspect/uri"


def announce(uri: str | None, path: str = URI_FILE) -> None:
    """Write the URI and a newline where that can be written; None takes an old one away.

    Readers find the old file or the new one, never half of it.
    """
    if uri is None:
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - pathlib would cost PID 1 half a megabyte
        return
    draft = f"{path}.{os.getpid()}"
    with suppress(OSError):
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        with open(draft, "w") as file:  # noqa: PTH123
            file.write(f"{uri}\n")
        os.replace(draft, path)  # noqa: PTH105
