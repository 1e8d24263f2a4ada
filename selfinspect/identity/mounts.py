"""Container IDs among our mounts.

An engine gives a container files from the folder it keeps for it, and the root of such a mount
names that folder. Only mount points that engines themselves fill are looked at, only the
topmost mount on each, and only roots of these shapes, `FILE` being the file the mount point
asks for:

- `…/containers/ID/FILE`, and `/ID/FILE` where that folder has a disk of its own: Docker;
- `…/DRIVER-containers/ID/userdata/FILE`: Podman, CRI-O;
- `…/nerdctl/HASH/containers/NAMESPACE/ID/FILE` and `…/etchosts/NAMESPACE/ID/FILE`: nerdctl;
- at `/sys/fs/cgroup` and one level below it, the root of a cgroup mount as a cgroup's path.

IDs of layers, volumes, logs, pod sandboxes and of anything mounted elsewhere (the machine's
tree at `/host`) are not ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfinspect.identity.cgroup_paths import in_kubernetes, nesting
from selfinspect.kernel.mountinfo import mounted_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from selfinspect.kernel.mountinfo import Mount
    from selfinspect.model import Scope, Source

_LAYER = re.compile(r"(?:.*/)?([0-9a-f]{64})/diff")
_POD = re.compile(r".*/kubelet/pods/.*|.*/pods/[0-9a-f-]{32,36}/.*", re.DOTALL)
_SERVICE_ACCOUNT = re.compile(r"(?:/var)?/run/secrets/kubernetes\.io/serviceaccount")
_SANDBOX = re.compile(r".*/sandboxes/[0-9a-f]{64}/(?:hostname|hosts|resolv\.conf|shm)")
_CGROUP_TYPES = ("cgroup", "cgroup2")
_CGROUP_POINT = re.compile(r"/sys/fs/cgroup(?:/[^/]+)?")
_PLACES: Mapping[str, tuple[Source, Scope, str, bool]] = {
    "/run/.containerenv": ("containerenv", "container", r"\.containerenv", False),
    "/run/secrets": ("secrets-mount", "container", r"(?:run/|mounts/)?secrets", False),
    "/etc/hostname": ("hostname-file", "network", "hostname", True),
    "/etc/hosts": ("hosts-file", "network", "hosts", True),
    "/etc/resolv.conf": ("resolv-file", "network", r"resolv\.conf", True),
    "/dev/shm": ("shm-mount", "ipc", "(?:mounts/)?shm", False),  # noqa: S108 a mount point's name
}


@dataclass(frozen=True, slots=True)
class Hit:
    """An ID in a mount of ours."""

    id: str
    source: Source
    scope: Scope
    point: str
    root: str

    @property
    def evidence(self) -> str:
        """What is mounted where."""
        return f"{self.root} on {self.point}"


def hits(mounts: Iterable[Mount]) -> Iterator[Hit]:
    """The IDs at recognised places, container-scoped ones first."""
    top = {mount.point: mount for mount in mounts if not mount.deleted}
    for point, mount in top.items():
        is_cgroup = mount.type in _CGROUP_TYPES and _CGROUP_POINT.fullmatch(point)
        if is_cgroup and (identifier := nesting(mount.root).id):
            yield Hit(identifier, "cgroup-mount", "container", point, mount.root)
    for point, (source, scope, file, has_disk) in _PLACES.items():
        root = top[point].root if point in top else ""
        if match := _folder(file, disk=has_disk).fullmatch(root):
            yield Hit(match[match.lastindex or 0], source, scope, point, root)


def outer_ids(mounts: Iterable[Mount]) -> frozenset[str]:
    """The containers around ours, as the roots of cgroup mounts tell them."""
    return frozenset[str]().union(
        *(nesting(mount.root).outer for mount in mounts if mount.type in _CGROUP_TYPES)
    )


def shows_pod(mounts: Iterable[Mount]) -> bool:
    """Whether a mount shows that this is a pod of Kubernetes.

    The machine's own tree, wherever it is mounted, repeats the path of the kubelet in the mount
    point; a pod's mounts do not.
    """
    return any(
        (_POD.fullmatch(mount.root) and not _POD.fullmatch(f"{mount.point}/"))
        or _SERVICE_ACCOUNT.fullmatch(mount.point)
        or (mount.point in _PLACES and _SANDBOX.fullmatch(mount.root))
        or (
            mount.type in _CGROUP_TYPES
            and _CGROUP_POINT.fullmatch(mount.point)
            and in_kubernetes(mount.root)
        )
        for mount in mounts
    )


def layer(mounts: Iterable[Mount]) -> str | None:
    """The ID of the writable layer of `/`, where a storage driver gave it one."""
    top = mounted_at(mounts, "/")
    return layer_id(top.upperdir) if top else None


def layer_id(upperdir: str | None) -> str | None:
    """The ID in `…/ID/diff`; the way there differs between the kernel and the engine."""
    match = _LAYER.fullmatch(upperdir or "")
    return match[1] if match else None


def _folder(file: str, *, disk: bool) -> re.Pattern[str]:
    container = "([0-9a-f]{64})"
    shapes = [
        f".*/containers/{container}/{file}",
        f".*/[a-z0-9]+-containers/{container}/userdata/{file}",
    ]
    if disk:
        shapes += [
            f"/{container}/{file}",
            f".*/nerdctl/[0-9a-f]{{8}}/containers/[^/]+/{container}/{file}",
            f".*/etchosts/[^/]+/{container}/{file}",
        ]
    return re.compile("|".join(shapes), re.DOTALL)
