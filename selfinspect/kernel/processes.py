"""The container's processes, and what they hold open."""

from __future__ import annotations

import os

from selfinspect.kernel.files import read
from selfinspect.model import Processes


def processes(folder: str, root: str) -> Processes | None:
    """The processes of a cgroup and those below it, None where they cannot be listed.

    What they hold open is unknown where one of them cannot be looked into: one of another user,
    or of a PID namespace that we do not see, which the kernel lists as 0.

    Args:
        folder: of the container's cgroup.
        root: the prefix below which `/proc` is read.
    """
    pids = _listed(folder)
    if pids is None:
        return None
    held = [_held(f"{root}/proc/{pid}/fd") for pid in pids]
    known = [each for each in held if each is not None]
    if len(known) < len(held):
        return Processes(len(pids), None, None)
    return Processes(len(pids), sum(all_ for all_, _ in known), sum(some for _, some in known))


def _listed(folder: str) -> list[str] | None:
    """The PIDs of a cgroup and of those below it."""
    content = read(f"{folder}/cgroup.procs")
    if content is None:
        return None
    pids = content.decode(errors="replace").split()
    try:
        with os.scandir(folder) as entries:
            below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return None
    for child in below:
        found = _listed(child)
        if found is None:
            return None
        pids += found
    return pids


def _held(folder: str) -> tuple[int, int] | None:
    """How many file descriptors a process has, and how many of them are sockets."""
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        # It ended after it was listed; 0 is nobody's PID.
        return None if folder.endswith("/0/fd") else (0, 0)
    except OSError:
        return None
    try:
        names = os.listdir(opened)  # noqa: PTH208  no Path has a descriptor
        return len(names), sum(_is_socket(name, opened) for name in names)
    except ProcessLookupError:
        return 0, 0
    except OSError:
        return None
    finally:
        os.close(opened)


def _is_socket(name: str, folder: int) -> bool:
    try:
        # Below an open folder: the whole path takes a third longer, and there may be thousands.
        return os.readlink(name, dir_fd=folder).startswith("socket:")
    except OSError:
        return False
