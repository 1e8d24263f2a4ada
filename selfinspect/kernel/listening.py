"""Who listens on a port: in a network that several containers share it may be a neighbour."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from selfinspect.kernel.files import text

_LISTENING = "0A"  # TCP_LISTEN in the kernel's include/net/tcp_states.h


def listens_here(port: int, root: str = "") -> bool:
    """Whether a process that we see, and may look into, listens on a TCP port.

    Args:
        port: on whichever address.
        root: the prefix below which `/proc` is read.
    """
    sockets = _listening(port, root)
    with suppress(OSError):
        with os.scandir(f"{root}/proc") as entries:
            processes = [entry.path for entry in entries if entry.name.isdecimal()]
        return bool(sockets) and any(_holds(process, sockets) for process in processes)
    return False


def _listening(port: int, root: str) -> set[str]:
    """The sockets that listen on a port, as /proc/PID/fd names them; of proc(5)."""
    rows = (
        line.split()
        for table in ("tcp", "tcp6")
        for line in text(f"{root}/proc/net/{table}").splitlines()[1:]
    )
    return {
        f"socket:[{row[9]}]"
        for row in rows
        if row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == port
    }


def _holds(process: str, sockets: set[str]) -> bool:
    with suppress(OSError), os.scandir(f"{process}/fd") as entries:
        for entry in entries:
            with suppress(OSError):
                if str(Path(entry.path).readlink()) in sockets:
                    return True
    return False
