"""The kernel's files as the container of `fixtures/engine/inspect.json` sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

ID = "7badd33650b90e2d3003590fc6629ed48dba2d0b1541a2c7ae760d252d3b182d"
LAYER = "95b814a531a36b643bd71c074b95f60c6db50af37501d77bc07a8619e8fea786"

_LAYERS = "/var/lib/docker/overlay2"
_CONTAINERS = "/var/lib/docker/containers"


def lay_container(root: Path, *, identifier: str = ID, layer: str = LAYER) -> Path:
    """Lay out `proc` below a root such that a container proves to be itself by its layer."""
    mountinfo = (
        f"700 600 0:50 / / rw,relatime master:1 - overlay overlay rw,lowerdir={_LAYERS}/l/AB,"
        f"upperdir={_LAYERS}/{layer}/diff,workdir={_LAYERS}/{layer}/work\n"
        f"701 700 254:0 {_CONTAINERS}/{identifier}/hostname /etc/hostname rw,relatime"
        " - ext4 /dev/vda rw\n"
    )
    cgroup = f"4:memory:/docker/{identifier}\n0::/\n"
    files = {
        "proc/self/mountinfo": mountinfo,
        "proc/1/mountinfo": mountinfo,
        "proc/self/cgroup": cgroup,
        "proc/1/cgroup": cgroup,
        "proc/sys/kernel/hostname": "box\n",
    }
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root
