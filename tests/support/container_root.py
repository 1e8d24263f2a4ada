"""The files by which a process sees its container, laid out for `--root`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def container_root(
    folder: Path, *, container: str = "", layer: str = "", hostname: str = ""
) -> Path:
    """A root below which these files speak of a container of cgroup v2.

    Args:
        folder: made, and handed back.
        container: the full ID that the cgroup's path carries; none for a private namespace.
        layer: the writable layer's ID, the upper directory of `/`.
        hostname: the hostname.
    """
    cgroup = f"/docker/{container}" if container else "/"
    upper = f",upperdir=/var/lib/docker/overlay2/{layer}/diff" if layer else ""
    mountinfo = f"500 400 0:50 / / rw - overlay overlay rw,lowerdir=/x{upper}\n"
    files = {
        "proc/self/cgroup": f"0::{cgroup}\n",
        "proc/self/mountinfo": mountinfo,
        "proc/1/cgroup": f"0::{cgroup}\n",
        "proc/1/mountinfo": mountinfo,
        "proc/sys/kernel/hostname": f"{hostname}\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder
