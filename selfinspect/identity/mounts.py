"""What our mounts say about which container this is: IDs, pods, layers, and what is at `/`. Pure.

An engine mounts files from the folder that it keeps for a container, and the root of such a mount
is the path of that folder. Only mount points that engines themselves fill are looked at, only the
topmost mount on each, and only roots of these shapes, `FILE` being the file of the mount point:

- `…/containers/ID/FILE`, and `/ID/FILE` where that folder is on a disk of its own: Docker;
- `…/DRIVER-containers/ID/userdata/FILE`: Podman, CRI-O;
- `…/nerdctl/HASH/containers/NAMESPACE/ID/FILE` and `…/etchosts/NAMESPACE/ID/FILE`: nerdctl;
- at `/sys/fs/cgroup` and one level below it, the root of a cgroup mount as a cgroup's path.

IDs of layers, volumes, logs, pod sandboxes and of anything mounted elsewhere (the machine's tree at
`/host`) are not ours.

The writable layer and the date of `/.dockerenv` are of whatever file system our process has at `/`,
and can prove who we are only where that is our container's (`Root`). A process can be put into
another container's files (`chroot` into its merged folder, `nsenter --mount`), and a container that
an engine or runc in a container starts has a *folder* of the outer container's layer there. PID 1
shows the difference: a mount has one ID on the whole machine, so `/` is ours where our own PID 1
has the same mount.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias

from selfinspect.frozen import dataclass
from selfinspect.identity.cgroup_paths import nesting
from selfinspect.kernel.limits import CGROUP_TYPES
from selfinspect.kernel.proc_self import mounted_at
from selfinspect.model import Kubernetes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from selfinspect.identity.cgroup_paths import Nesting
    from selfinspect.kernel.proc_self import MountLine
    from selfinspect.model import Scope, Source

RootOwner: TypeAlias = Literal["ours", "perhaps", "unknown"]

CONTAINERENV = "/run/.containerenv"
SECRETS = "/run/secrets"
ETC = ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf")

_LAYER = re.compile(r"(?:.*/)?([0-9a-f]{64})/diff")
_UID = r"(?P<uid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})"
_KUBELETS = re.compile(rf"(?:.*/)?pods/{_UID}/(?:etc-hosts|containers/(?P<name>[^/]+)/[^/]+)")
_PODS_VOLUME = re.compile(rf"(?:.*/)?pods/{_UID}/(?:volumes|volume-subpaths)/.+", re.DOTALL)
_POD = re.compile(r"(?:.*/)?pods/[0-9a-f-]{32,36}/.*", re.DOTALL)
_SERVICE_ACCOUNT = re.compile(r"(?:/var)?/run/secrets/kubernetes\.io/serviceaccount")
_SANDBOX = re.compile(r"(?:.*/)?sandboxes/[0-9a-f]{64}/(?:hostname|hosts|resolv\.conf)")
_CGROUP_POINT = re.compile(r"/sys/fs/cgroup(?:/[^/]+)?")
_PLACES: Mapping[str, tuple[Source, Scope, str, bool]] = {
    CONTAINERENV: ("containerenv", "container", r"\.containerenv", False),
    SECRETS: ("secrets-mount", "container", r"(?:run/|mounts/)?secrets", False),
    "/etc/hostname": ("hostname-file", "network", "hostname", True),
    "/etc/hosts": ("hosts-file", "network", "hosts", True),
    "/etc/resolv.conf": ("resolv-file", "network", r"resolv\.conf", True),
    "/dev/shm": ("shm-mount", "ipc", "(?:mounts/)?shm", False),  # noqa: S108 a mount point's name
}
_STORES = (
    ("buildkit", re.compile(r".*/buildkit/.*", re.DOTALL)),
    (
        "docker",
        re.compile(r"(?:.*/)?overlay2/[^/]+/diff|.*/docker/(?:vfs|btrfs|zfs)/.*", re.DOTALL),
    ),
    (
        "containers",
        re.compile(r"(?:.*/)?overlay/[0-9a-f]{64}/diff|.*/containers/storage/.*", re.DOTALL),
    ),
    ("containerd", re.compile(r".*/snapshots/\d+/fs", re.DOTALL)),
)
"""The kind of engine that keeps layers in such a place; the first match counts."""
_FOLDERS = re.compile(r".*/vfs/dir/[0-9a-f]{64}|.*/snapshots/\d+(?:/fs)?", re.DOTALL)
"""Where engines keep a folder for each container, wherever their data is."""
_KEPT_BY: Mapping[str, tuple[str, ...]] = {
    "docker": ("docker", "containerd"),  # containerd's is the default since release 29
    "libpod": ("containers",),
    "libpod-payload": ("containers",),
    "crio": ("containers",),
    "cri-containerd": ("containerd",),
    "containerd": ("containerd",),
    "nerdctl": ("containerd",),
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
        """What is mounted where, for people."""
        return f"{self.root} on {self.point}"


def hits(mounts: Iterable[MountLine]) -> Iterator[Hit]:
    """The IDs at recognised places, container-scoped ones first."""
    mounts = list(mounts)
    for mount, place in cgroups(mounts):
        for identifier in place.ids:
            yield Hit(identifier, "cgroup-mount", "container", mount.point, mount.root)
    top = {mount.point: mount for mount in mounts if not mount.deleted}
    for point, (source, scope, file, has_disk) in _PLACES.items():
        root = top[point].root if point in top else ""
        if match := _folder(file, disk=has_disk).fullmatch(root):
            yield Hit(match[match.lastindex or 0], source, scope, point, root)


def cgroups(mounts: Iterable[MountLine]) -> list[tuple[MountLine, Nesting]]:
    """The cgroup mounts at their usual places, with the containers in the paths of their roots."""
    top = {
        mount.point: mount
        for mount in mounts
        if not mount.deleted and _CGROUP_POINT.fullmatch(mount.point)
    }
    return [(mount, nesting(mount.root)) for mount in top.values() if mount.type in CGROUP_TYPES]


def outer_ids(mounts: Iterable[MountLine]) -> frozenset[str]:
    """The containers around ours in the roots of cgroup mounts, wherever those are mounted."""
    return frozenset[str]().union(
        *(nesting(mount.root).outer for mount in mounts if mount.type in CGROUP_TYPES)
    )


def shows_pod(mounts: Sequence[MountLine]) -> bool:
    """Whether a mount shows that this is a pod's container, and not one nested in that.

    The machine's own tree, wherever it is mounted, repeats the path of the kubelet in the mount
    point; a pod's mounts do not. An engine inside a pod passes the pod's volumes on to containers
    of its own, but mounts its own file at `/etc/hosts`, where a pod has the kubelet's.
    """
    of_pod = [mount for mount in mounts if not _POD.fullmatch(f"{mount.point}/")]
    if any(_KUBELETS.fullmatch(mount.root) for mount in of_pod):
        return True
    if any(mount.point in ETC and _SANDBOX.fullmatch(mount.root) for mount in mounts):
        return True
    engines = {hit.point: hit.root for hit in hits(mounts)}
    hosts = engines.get("/etc/hosts")
    # CRI-O's sandboxes have folders like those of Podman's containers.
    if hosts and ("/userdata/" not in hosts or _PODS_VOLUME.fullmatch(hosts)):
        return False
    return any(_SERVICE_ACCOUNT.fullmatch(mount.point) for mount in mounts) or any(
        _PODS_VOLUME.fullmatch(mount.root) and mount.point not in engines for mount in of_pod
    )


def kubernetes(mounts: Sequence[MountLine]) -> Kubernetes | None:
    """The pod and container in the kubelet's own mounts; None outside of a pod.

    The root of its mount at `/dev/termination-log` is `…/pods/UID/containers/NAME/HASH`, of that at
    `/etc/hosts` `…/pods/UID/etc-hosts`.
    """
    for point in ("/dev/termination-log", "/etc/hosts"):
        mount = mounted_at(mounts, point)
        if mount is not None and (match := _KUBELETS.fullmatch(mount.root)):
            return Kubernetes(pod_uid=match["uid"], container=match["name"])
    return None


def layer(mounts: Iterable[MountLine]) -> str | None:
    """The ID of the writable layer of `/`, None where its storage driver gives it none."""
    top = mounted_at(mounts, "/")
    return layer_id(top.upperdir) if top else None


def layer_id(upperdir: str | None) -> str | None:
    """The ID in `…/ID/diff`; the path before it differs between the kernel and the engine."""
    match = _LAYER.fullmatch(upperdir or "")
    return match[1] if match else None


def foreign_store(mounts: Iterable[MountLine], engine: str | None) -> str | None:
    """The place of our `/`'s layer, where no engine of this kind keeps layers; else None.

    Our `/` is a folder of an overlay where runc or buildah has made a container inside another: the
    layer is the outer container's, and the folder is in the store of what made the inner one.

    Args:
        mounts: all of ours.
        engine: the kind that a cgroup's path names, None where it names none.
    """
    top = mounted_at(mounts, "/")
    if top is None:
        return None
    folder = top.root if top.type == "overlay" and top.root != "/" else None
    place = folder or top.upperdir or top.root
    store = next((name for name, shape in _STORES if shape.fullmatch(place)), None)
    if store is None:
        return None if folder is None or _FOLDERS.fullmatch(folder) else folder
    return None if engine is None or store in _KEPT_BY.get(engine, (store,)) else place


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


@dataclass(frozen=True, slots=True)
class Root:
    """What is mounted at our `/`.

    Attributes:
        whole: it is the file system's own top, not a folder of it.
        overlay: it is an overlay, of which engines mount the top.
        of_init: whether PID 1 has the same mount there; None where that cannot be read.
    """

    whole: bool = False
    overlay: bool = False
    of_init: bool | None = None

    def entered(self, *, own_pids: bool | None) -> bool:
        """Whether PID 1 shows that our process was put into another's mounts."""
        return self.of_init is (not own_pids)

    def owner(self, *, own_pids: bool | None) -> RootOwner:
        """Whether it is our container's own: `perhaps` where other evidence has to agree.

        Args:
            own_pids: whether the PID namespace is ours, so that PID 1 is in our container. Where
                it is not, or may not be, a `/` that is PID 1's was entered.
        """
        if own_pids:
            return "ours" if self.of_init else "unknown"
        return "perhaps" if self.of_init is False else "unknown"


def root_of(mounts: Sequence[MountLine], of_init: Sequence[MountLine]) -> Root:
    """Our `/`, compared with that of PID 1."""
    ours, theirs = mounted_at(mounts, "/"), mounted_at(of_init, "/")
    if ours is None:
        return Root()
    return Root(
        whole=ours.root == "/",
        overlay=ours.type == "overlay",
        of_init=None if theirs is None else ours.id == theirs.id,
    )
