"""What the kernel's files say about which container this is: text in, candidates out.

A candidate is an ID at a recognised place (`cgroup_paths` and `mounts` say which), never yet an
answer. Its scope is the namespace whose owner it names: the *container* itself; the owner of the
*network* (under `--network container:B` the hostname and the files in `/etc` are B's, and agree
with each other); of the *ipc* namespace; or of the *pid* namespace, which PID 1 belongs to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from selfinspect.identity import mounts
from selfinspect.identity.cgroup_paths import TOO_MANY, Nesting, nesting
from selfinspect.identity.mounts import Root, root_of
from selfinspect.kernel import cgroup_file, mountinfo
from selfinspect.model import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from selfinspect.identity.mounts import Hit
    from selfinspect.kernel.identity_files import IdentityFiles
    from selfinspect.kernel.mountinfo import Mount
    from selfinspect.model import Kubernetes, Scope, Source

LONGEST_EVIDENCE = 240
MOST_CANDIDATES = 32  # cgroup v1 has a dozen hierarchies; more is no kernel's word

_SUPPORTING = ("hostname-file", "hosts-file", "resolv-file", "containerenv", "secrets-mount")
_COPIED_WITHIN = 10**8  # nanoseconds; a copied tree's files are made in any order
_CONTAINERENV = re.compile(r'id="([0-9a-f]{64})"')
_SHORT = 12
_HOSTNAME = re.compile(rf"[0-9a-f]{{{_SHORT}}}|[0-9a-f]{{64}}")
_ECS_URI = re.compile(r"https?://[^/?#@]+/v[34]/([0-9a-f]{32}-[0-9]{8,10})")
_GVISOR = re.compile(r"gvisor|#1 SMP Sun Jan 10 15:06:54 PST 2016", re.IGNORECASE)
"""gVisor says so in its version, and before that always had this date."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known before an engine is asked.

    Attributes:
        outer: IDs of containers around ours, which are never ours.
        layer: the ID of the writable layer of our `/`, proof material.
        stamp: when our `/.dockerenv` was made, nanoseconds since the Unix epoch; None where
            something is mounted over it.
        started_at: Unix seconds at which our PID 1 started, where it is ours.
        own_pids: whether the PID namespace is ours; None where that cannot be told.
        macs: the addresses of our network interfaces; `ips` those of IPv4.
        joined: our network is another container's, as the age of `/etc/hostname` shows.
        inside: what shows that we are in a further container, inside the one that our cgroup
            names; None where nothing does. Only a proof stands against it.
        unsure: IDs that only a cgroup's path names which goes on behind them: a further
            container may be inside.
        kubernetes: what the kubelet's mounts tell; None outside of a pod.
        root: what is mounted at our `/`, proof material.
        hostname_written: whose `/etc/hostname` we have, and when it was written, Unix seconds.
        gvisor: our kernel is gVisor's: the engine's machine does not see our processes.
    """

    candidates: tuple[Candidate, ...] = ()
    outer: frozenset[str] = frozenset()
    layer: str | None = None
    stamp: int | None = None
    started_at: float | None = None
    own_pids: bool | None = None
    macs: frozenset[str] = frozenset()
    ips: frozenset[str] = frozenset()
    joined: bool = False
    inside: str | None = None
    unsure: frozenset[str] = frozenset()
    kubernetes: Kubernetes | None = None
    root: Root = field(default_factory=Root)
    hostname_written: tuple[str, float] | None = None
    gvisor: bool = False


def gather(files: IdentityFiles, environ: Mapping[str, str]) -> Evidence:
    """Weigh nothing, keep everything that counts.

    Args:
        files: the kernel's and the engine's texts.
        environ: our environment; without `HOSTNAME` where the files are another tree's.
    """
    mounted = mountinfo.parse(files.mountinfo)
    places = [
        *((cgroup.line, nesting(cgroup.path)) for cgroup in cgroup_file.parse(files.cgroup)),
        *((mount.root, place) for mount, place in mounts.cgroups(mounted)),
    ]
    in_pod = mounts.shows_pod(mounted) or any(place.in_pod for _, place in places)
    hits = _ours(list(mounts.hits(mounted)), in_pod=in_pod)
    supported = {hit.id for hit in hits if hit.source in _SUPPORTING}
    outer = mounts.outer_ids(mounted).union(
        *(place.outer for _, place in places), nesting(files.cpuset.strip()).outer
    )
    around = outer | {identifier[:_SHORT] for identifier in outer}
    around |= _beaten((place for _, place in places), supported)
    found = [
        *from_cgroup(files.cgroup),
        *(_of_hit(hit) for hit in hits if hit.scope == "container"),
        *_told_in_containerenv(files.containerenv, mounted, hits, in_pod=in_pod),
        *from_ecs(environ.get("ECS_CONTAINER_METADATA_URI_V4", "")),
        *from_cpuset(files.cpuset),
        *(
            ()
            if in_pod
            else (
                *(_of_hit(hit) for hit in hits if hit.scope != "container"),
                *from_hostname(files.hostname, "hostname"),
                *from_hostname(environ.get("HOSTNAME", ""), "HOSTNAME"),
            )
        ),
    ]
    own_pids = _own_pids(files.cgroup, files.init_cgroup, private=files.private_cgroups)
    covered = any(mount.point == "/.dockerenv" for mount in mounted)
    stamp = None if covered else files.dockerenv_mtime
    started_at = files.init_started_at if own_pids else None
    written = {
        hit.point: files.etc_mtimes[hit.point] for hit in hits if hit.point in files.etc_mtimes
    }
    return Evidence(
        candidates=_distinct(candidate for candidate in found if candidate.id not in around)[
            :MOST_CANDIDATES
        ],
        outer=outer,
        layer=mounts.layer(mounted),
        stamp=stamp,
        started_at=started_at,
        own_pids=own_pids,
        macs=files.macs,
        ips=files.ips,
        joined=_joined(written, stamp),
        inside=_inside(places, mounted),
        unsure=frozenset(place.id for _, place in places if place.id and place.unknown) - supported,
        kubernetes=mounts.kubernetes(mounted) if in_pod else None,
        root=root_of(mounted, mountinfo.parse(files.init_mountinfo)),
        hostname_written=_hostname_written(hits, files.etc_mtimes),
        gvisor=bool(_GVISOR.search(files.version)),
    )


def from_cgroup(text: str) -> tuple[Candidate, ...]:
    """The innermost container of each line of a process's `cgroup` file, cgroups(7)."""
    return _distinct(
        _candidate(identifier, "cgroup", "container", cgroup.line)
        for cgroup in cgroup_file.parse(text)
        for identifier in _ids(nesting(cgroup.path))
    )


def from_containerenv(text: str) -> tuple[Candidate, ...]:
    """Podman's own note in `/run/.containerenv`: its `id`, never its `imageid`."""
    matches = map(_CONTAINERENV.fullmatch, text.split("\n"))
    return tuple(
        _candidate(match[1], "containerenv", "container", match[0]) for match in matches if match
    )[:1]


def from_cpuset(text: str) -> tuple[Candidate, ...]:
    """The cgroup of PID 1, which may be another container's process."""
    path = text.strip("\n")
    place = nesting(path)
    doubtful = place.unknown or place.rivals
    return (_candidate(place.id, "cpuset", "pid", path),) if place.id and not doubtful else ()


def from_hostname(text: str, origin: str) -> tuple[Candidate, ...]:
    """A hostname as engines give it: the short ID, or all of it.

    It may be stale, a neighbour's or made up, and twelve hex digits are also how a machine is
    named after its network card: the weakest evidence there is.
    """
    name = text.strip()
    if not _HOSTNAME.fullmatch(name):
        return ()
    return (_candidate(name, "hostname", "network", f"{origin} {name}"),)


def from_ecs(uri: str) -> tuple[Candidate, ...]:
    """Fargate's name of the container, the end of the metadata endpoint's address."""
    match = _ECS_URI.fullmatch(uri)
    return (_candidate(match[1], "ecs", "container", match[0]),) if match else ()


def _own_pids(cgroup: str, init_cgroup: str, *, private: bool) -> bool | None:
    """Whether PID 1 is in our container.

    Its cgroup is in ours, or both are in one private cgroup namespace, as under systemd in a
    container; one outside of it begins with `/..`.
    """
    ours, theirs = (
        {tuple(line.controllers): line.path for line in cgroup_file.parse(text)}
        for text in (cgroup, init_cgroup)
    )
    if not ours or ours.keys() != theirs.keys():
        return None
    if ours == theirs:
        return not any(".." in path.split("/") for path in ours.values())
    places = [(nesting(ours[key]), nesting(theirs[key]), theirs[key]) for key in ours]
    if any(_elsewhere(mine, other, path) for mine, other, path in places):
        return False
    return True if private or any(mine.id for mine, _, _ in places) else None


def _ours(hits: Sequence[Hit], *, in_pod: bool) -> list[Hit]:
    """Those that are not of the sandbox that our container shares with others of its pod.

    CRI-O mounts the sandbox's `/run/.containerenv` into each container, and the container's own
    `/run/secrets`.
    """
    secrets = {hit.id for hit in hits if hit.source == "secrets-mount"}
    return [
        hit
        for hit in hits
        if not (
            (in_pod and (hit.source == "containerenv" or hit.scope != "container"))
            or (hit.source == "containerenv" and secrets - {hit.id})
        )
    ]


def _told_in_containerenv(
    text: str, mounted: Sequence[Mount], hits: Sequence[Hit], *, in_pod: bool
) -> tuple[Candidate, ...]:
    """What the text of `/run/.containerenv` says, where that file is ours.

    It is where it is a mount of its own, which is not below a later one at `/run`, or where `/run`
    is not mounted: with `-v /run:/run` it is the machine's.
    """
    over = [mount.point for mount in mounted if mount.point in ("/run", mounts.CONTAINERENV)]
    if in_pod or over[-1:] == ["/run"]:
        return ()
    secrets = {hit.id for hit in hits if hit.source == "secrets-mount"}
    return tuple(one for one in from_containerenv(text) if not secrets - {one.id})


def _beaten(places: Iterable[Nesting], supported: set[str]) -> frozenset[str]:
    """Of the IDs in one path that may both be ours, the one that no mount supports."""
    beaten = frozenset[str]()
    for place in places:
        both = {*_ids(place)}
        if place.rivals and len(both & supported) == 1:
            beaten |= both - supported
    return beaten


def _inside(places: Iterable[tuple[str, Nesting]], mounted: Sequence[Mount]) -> str | None:
    """What shows that a further container is inside the one that our cgroup names."""
    for where, place in places:
        if place.inside:
            return f"{place.inside} stands behind its ID, which only a container's runtime makes"
        if place.unknown >= TOO_MANY:
            return f"more stands behind its ID than an init makes ({_shown(where, place.id or '')})"
        if place.id and (layer := mounts.foreign_store(mounted, place.engine)):
            engine = place.engine or "an engine"
            return f"the layer of our / lies where {engine} keeps none ({_shown(layer, '')})"
    return None


def _ids(place: Nesting) -> tuple[str, ...]:
    return (place.id, *sorted(place.rivals)) if place.id else ()


def _joined(written: Mapping[str, int], stamp: int | None) -> bool:
    """Whether `/etc/hostname` was written for another container than ours.

    An engine makes `/.dockerenv` when it creates a container, and writes `/etc/hostname` just
    before each start, by the same clock: an older one is that of a container whose network we
    joined. A newer one says nothing: both may have been started within a second, and apps write
    the file themselves.
    """
    hostname = written.get("/etc/hostname")
    return stamp is not None and hostname is not None and hostname < stamp - _COPIED_WITHIN


def _hostname_written(
    hits: Iterable[mounts.Hit], mtimes: Mapping[str, int]
) -> tuple[str, float] | None:
    """An engine writes the file just before each start, by the clock that tells the start."""
    for hit in hits:
        if hit.source == "hostname-file" and hit.point in mtimes:
            return hit.id, mtimes[hit.point] / 10**9
    return None


def _elsewhere(mine: Nesting, other: Nesting, path: str) -> bool:
    if ".." in path.split("/"):
        return True
    return mine.id != other.id and not {*_ids(mine)} & {*_ids(other)}


def _of_hit(hit: mounts.Hit) -> Candidate:
    return _candidate(hit.id, hit.source, hit.scope, hit.evidence)


def _candidate(identifier: str | None, source: Source, scope: Scope, evidence: str) -> Candidate:
    name = identifier or ""
    return Candidate(name, source, scope, _shown(evidence, name))


def _shown(evidence: str, name: str) -> str:
    """At most a line of it: around a name, which is what must be seen and stands near the end."""
    text = "".join(letter if letter.isprintable() else "�" for letter in evidence)
    end = min(len(text), text.rfind(name) + len(name) + LONGEST_EVIDENCE // 4)
    start = max(0, end - LONGEST_EVIDENCE)
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _distinct(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """The first of each ID from each source: a `cgroup` file says the same a dozen times."""
    kept: dict[tuple[str, str], Candidate] = {}
    for candidate in candidates:
        kept.setdefault((candidate.id, candidate.source), candidate)
    return tuple(kept.values())
