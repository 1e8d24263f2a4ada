"""The file system that the container's root lies on: statvfs(3)."""

from __future__ import annotations

import os

from selfinspect.model import Filesystem


def filesystem(root: str, device: str | None) -> Filesystem | None:
    """Its size and inodes, None where they or its device cannot be told.

    An overlay has the figures of the file system below it.

    Args:
        root: the prefix below which files are read, without a slash at its end.
        device: what is mounted there.
    """
    if device is None:
        return None
    try:
        figures = os.statvfs(f"{root}/")
    except OSError:
        return None
    return Filesystem(device, figures.f_blocks * figures.f_frsize, figures.f_files, figures.f_ffree)
