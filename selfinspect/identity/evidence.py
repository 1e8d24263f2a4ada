"""Evidence of which container this is, from the kernel's files: text in, candidates out. Pure.

A candidate is an ID at a recognised place (`cgroup_paths` and `mounts` say which), not yet an
answer. Its scope says what it is the ID of: of the *container* that we are in; or of the owner of a
namespace that containers can share: the *network* (under `--network container:B` the hostname and
the files in `/etc` are B's, and agree with each other), *ipc*, or *pid*, which is PID 1's.
"""

from __future__ import annotations

import re
from dataclasses import field
from typing import TYPE_CHECKING

from selfinspect.frozen import dataclass
from selfinspect.identity import mounts
from selfinspect.identity.cgroup_paths import TOO_MANY, Nesting, nesting
from selfinspect.identity.mounts import Root, root_of
from selfinspect.kernel.proc_self import parse_cgroups, parse_mounts
from selfinspect.model import SHORT_ID, Candidate
from selfinspect.times import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from selfinspect.identity.mounts import Hit
    from selfinspect.kernel.identity_files import IdentityFiles
    from selfinspect.kernel.proc_self import MountLine
    from selfinspect.model import Kubernetes, Scope, Source

LONGEST_EVIDENCE = 240
MOST_CANDIDATES = 32  # cgroup v1 has a dozen hierarchies; no kernel names more

_SUPPORTING = ("hostname-file", "hosts-file", "resolv-file", "containerenv", "secrets-mount")
_COPIED_WITHIN = 10**8  # nanoseconds: the files of a copied tree are made in any order
_CONTAINERENV = re.compile(r'id="([0-9a-f]{64})"')
_HOSTNAME = re.compile(rf"[0-9a-f]{{{SHORT_ID}}}|[0-9a-f]{{64}}")
_ECS_URI = re.compile(r"https?://[^/?#@]+/v[34]/([0-9a-f]{32}-[0-9]{8,10})")
_GVISOR = re.compile(r"gvisor|#1 SMP Sun Jan 10 15:06:54 PST 2016", re.IGNORECASE)
"""gVisor's name is in its version; older releases always had this date instead."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that can be said without an engine.

    Attributes:
        outer: IDs of containers around ours, which are never ours.
        layer: the ID of the writable layer of our `/`, for a proof.
        stamp: when our `/.dockerenv` was made, nanoseconds since the Unix epoch; None where
            something is mounted over it.
        started_at: when our PID 1 started, Unix seconds; None where PID 1 may be another's.
        own_pids: whether the PID namespace is ours, None where it may be.
        macs: the MAC addresses of our network interfaces; `ips`: the IPv4 ones.
        joined: whether our network is another container's, as the age of `/etc/hostname` shows.
        inside: what shows that we are in a container nested inside the one that our cgroup names;
            None where nothing does. Only a proof refutes it.
        unsure: IDs that only a cgroup's path names, and that other segments follow: we may be in a
            container nested inside.
        kubernetes: the place in a cluster by the kubelet's mounts; None outside of a pod.
        root: what is mounted at our `/`, for a proof.
        hostname_written: whose `/etc/hostname` we have, and when it was written, Unix seconds.
        gvisor: whether our kernel is gVisor's, which hides our processes from the engine's machine.
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
    """Collect everything that counts, and weigh nothing.

    Args:
        files: the texts of the kernel's and the engine's files.
        environ: our environment; without `HOSTNAME` where the files are another tree's.
    """
    mounted = parse_mounts(files.mountinfo)
    paths = [
        *((cgroup.line, nesting(cgroup.path)) for cgroup in parse_cgroups(files.cgroup)),
        *((mount.root, place) for mount, place in mounts.cgroups(mounted)),
    ]
    places = [place for _, place in paths]
    in_pod = mounts.shows_pod(mounted) or any(place.in_pod for place in places)
    hits = list(mounts.hits(mounted))
    secrets = {hit.id for hit in hits if hit.source == "secrets-mount"}
    hits = [hit for hit in hits if not _of_sandbox(hit, secrets, in_pod=in_pod)]
    supported = {hit.id for hit in hits if hit.source in _SUPPORTING}
    outer = mounts.outer_ids(mounted).union(
        *(place.outer for place in places), nesting(files.cpuset.strip()).outer
    )
    found = [
        *from_cgroup(files.cgroup),
        *(_of_hit(hit) for hit in hits if hit.scope == "container"),
        *_in_containerenv(files.containerenv, mounted, secrets, in_pod=in_pod),
        *from_ecs(environ.get("ECS_CONTAINER_METADATA_URI_V4", "")),
        *from_cpuset(files.cpuset),
        *(_of_hit(hit) for hit in hits if hit.scope != "container"),
    ]
    if not in_pod:
        found += from_hostname(files.hostname, "hostname")
        found += from_hostname(environ.get("HOSTNAME", ""), "HOSTNAME")
    ruled_out = outer | {identifier[:SHORT_ID] for identifier in outer} | _beaten(places, supported)
    own_pids = _own_pids(files.cgroup, files.init_cgroup, private=files.private_cgroups)
    covered = any(mount.point == "/.dockerenv" for mount in mounted)
    stamp = None if covered else files.dockerenv_mtime
    written = _hostname_written(hits, files.etc_mtimes)
    candidates = _distinct(candidate for candidate in found if candidate.id not in ruled_out)
    return Evidence(
        candidates=candidates[:MOST_CANDIDATES],
        outer=outer,
        layer=mounts.layer(mounted),
        stamp=stamp,
        started_at=files.init_started_at if own_pids else None,
        own_pids=own_pids,
        macs=files.macs,
        ips=files.ips,
        joined=_joined(written, stamp),
        inside=_inside(paths, mounted),
        unsure=frozenset(place.id for place in places if place.id and place.unknown) - supported,
        kubernetes=mounts.kubernetes(mounted) if in_pod else None,
        root=root_of(mounted, parse_mounts(files.init_mountinfo)),
        hostname_written=written and (written[0], written[1] / SECOND),
        gvisor=bool(_GVISOR.search(files.version)),
    )


def from_cgroup(text: str) -> tuple[Candidate, ...]:
    """The innermost container in each line of a process's `cgroup` file, cgroups(7)."""
    return _distinct(
        _candidate(identifier, "cgroup", "container", cgroup.line)
        for cgroup in parse_cgroups(text)
        for identifier in nesting(cgroup.path).ids
    )


def from_containerenv(text: str) -> tuple[Candidate, ...]:
    """The `id` in Podman's `/run/.containerenv`, never its `imageid`."""
    matches = map(_CONTAINERENV.fullmatch, text.split("\n"))
    return tuple(
        _candidate(match[1], "containerenv", "container", match[0]) for match in matches if match
    )[:1]


def from_cpuset(text: str) -> tuple[Candidate, ...]:
    """The container in the cgroup of PID 1, which may be another container's process."""
    path = text.strip("\n")
    place = nesting(path)
    doubtful = place.unknown or place.rivals
    return (_candidate(place.id, "cpuset", "pid", path),) if place.id and not doubtful else ()


def from_hostname(text: str, origin: str) -> tuple[Candidate, ...]:
    """The container that a hostname names, as engines set it: by its short ID, or its whole one.

    It may be stale, a neighbour's or made up, and machines that are named after their network card
    have twelve hex digits, too: the weakest evidence there is.
    """
    name = text.strip()
    if not _HOSTNAME.fullmatch(name):
        return ()
    return (_candidate(name, "hostname", "network", f"{origin} {name}"),)


def from_ecs(uri: str) -> tuple[Candidate, ...]:
    """Fargate's name of the container, at the end of the metadata endpoint's address."""
    match = _ECS_URI.fullmatch(uri)
    return (_candidate(match[1], "ecs", "container", match[0]),) if match else ()


def _own_pids(cgroup: str, init_cgroup: str, *, private: bool) -> bool | None:
    """Whether PID 1 is in our container, None where that cannot be decided.

    Its cgroup is in ours, or both are in one private cgroup namespace, as under systemd in a
    container; the path of a cgroup outside of that begins with `/..`.
    """
    ours, theirs = (
        {tuple(line.controllers): line.path for line in parse_cgroups(text)}
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


def _of_sandbox(hit: Hit, secrets: set[str], *, in_pod: bool) -> bool:
    """Whether a mount is of the sandbox that our container shares with the others of its pod.

    CRI-O mounts the sandbox's `/run/.containerenv` into each container, and the container's own
    `/run/secrets`.
    """
    if hit.source == "containerenv":
        return in_pod or bool(secrets - {hit.id})
    return in_pod and hit.scope != "container"


def _in_containerenv(
    text: str, mounted: Sequence[MountLine], secrets: set[str], *, in_pod: bool
) -> tuple[Candidate, ...]:
    """The candidate in the text of `/run/.containerenv`, where that file is ours.

    It is ours where it is a mount of its own, not hidden by a later one at `/run`, or where `/run`
    is not a mount: with `-v /run:/run` it is the machine's.
    """
    over = [mount.point for mount in mounted if mount.point in ("/run", mounts.CONTAINERENV)]
    if in_pod or over[-1:] == ["/run"]:
        return ()
    return tuple(one for one in from_containerenv(text) if not secrets - {one.id})


def _beaten(places: Iterable[Nesting], supported: set[str]) -> frozenset[str]:
    """The IDs that no mount supports, where another ID in the same path may be ours as well."""
    beaten = frozenset[str]()
    for place in places:
        both = {*place.ids}
        if place.rivals and len(both & supported) == 1:
            beaten |= both - supported
    return beaten


def _inside(paths: Iterable[tuple[str, Nesting]], mounted: Sequence[MountLine]) -> str | None:
    """What shows that we are in a container nested inside the one that our cgroup names."""
    for path, place in paths:
        if place.inside:
            return f"its ID is followed by {place.inside}, which only a container's runtime makes"
        if place.unknown >= TOO_MANY:
            shown = _shown(path, place.id or "")
            return f"its ID is followed by more than an init makes ({shown})"
        if place.id and (layer := mounts.foreign_store(mounted, place.engine)):
            engine = place.engine or "an engine"
            return f"the layer of our / is where {engine} keeps none ({_shown(layer, '')})"
    return None


def _hostname_written(hits: Iterable[Hit], mtimes: Mapping[str, int]) -> tuple[str, int] | None:
    """Whose `/etc/hostname` we have, and when it was written, nanoseconds since the Unix epoch.

    An engine writes it just before each start, by the clock of the start that it reports.
    """
    for hit in hits:
        if hit.source == "hostname-file" and hit.point in mtimes:
            return hit.id, mtimes[hit.point]
    return None


def _joined(written: tuple[str, int] | None, stamp: int | None) -> bool:
    """Whether `/etc/hostname` was written for another container than ours.

    An engine makes `/.dockerenv` when it creates a container, and writes `/etc/hostname` just
    before each start, by the same clock: one that is older is of a container whose network we
    joined. A newer one shows nothing: both may have been started within a second, and apps write
    the file themselves.
    """
    return stamp is not None and written is not None and written[1] < stamp - _COPIED_WITHIN


def _elsewhere(mine: Nesting, other: Nesting, path: str) -> bool:
    if ".." in path.split("/"):
        return True
    return mine.id != other.id and not {*mine.ids} & {*other.ids}


def _of_hit(hit: Hit) -> Candidate:
    return _candidate(hit.id, hit.source, hit.scope, hit.evidence)


def _candidate(identifier: str | None, source: Source, scope: Scope, evidence: str) -> Candidate:
    name = identifier or ""
    return Candidate(name, source, scope, _shown(evidence, name))


def _shown(evidence: str, name: str) -> str:
    """One line of it at most: the part with a name, which is near the end."""
    text = "".join(letter if letter.isprintable() else "�" for letter in evidence)
    end = min(len(text), text.rfind(name) + len(name) + LONGEST_EVIDENCE // 4)
    start = max(0, end - LONGEST_EVIDENCE)
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _distinct(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """The first of each ID from each source: a `cgroup` file repeats itself a dozen times."""
    kept: dict[tuple[str, str], Candidate] = {}
    for candidate in candidates:
        kept.setdefault((candidate.id, candidate.source), candidate)
    return tuple(kept.values())
