"""What the kernel's files say about which container this is: text in, candidates out.

A candidate is an ID at a recognised place (`cgroup_paths` and `mounts` say which), never yet an
answer. Its scope is the namespace whose owner it names: the *container* itself; the owner of the
*network* (under `--network container:B` the hostname and the files in `/etc` are B's, and agree
with each other); of the *ipc* namespace; or of the *pid* namespace, which PID 1 belongs to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfinspect.identity import mounts
from selfinspect.identity.cgroup_paths import Nesting, in_kubernetes, nesting
from selfinspect.kernel import cgroup_file, mountinfo
from selfinspect.model import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from selfinspect.kernel.identity_files import IdentityFiles
    from selfinspect.model import Scope, Source

LONGEST_EVIDENCE = 240
MOST_CANDIDATES = 32  # cgroup v1 has a dozen hierarchies; more is no kernel's word

_WRITTEN_WITHIN = 10.0  # seconds; a loaded machine starts slowly
_COPIED_WITHIN = 10**8  # nanoseconds; a copied tree's files are made in any order
_CONTAINERENV = re.compile(r'id="([0-9a-f]{64})"')
_SHORT = 12
_HOSTNAME = re.compile(rf"[0-9a-f]{{{_SHORT}}}|[0-9a-f]{{64}}")
_ECS_URI = re.compile(r"https?://[^/?#@]+/v[34]/([0-9a-f]{32}-[0-9]{8,10})")


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
        macs: the addresses of our network interfaces.
        joined: our network is another container's, as the age of its files in `/etc` shows.
    """

    candidates: tuple[Candidate, ...] = ()
    outer: frozenset[str] = frozenset()
    layer: str | None = None
    stamp: int | None = None
    started_at: float | None = None
    own_pids: bool | None = None
    macs: frozenset[str] = frozenset()
    joined: bool = False


def gather(files: IdentityFiles, environ: Mapping[str, str]) -> Evidence:
    """Weigh nothing, keep everything that counts.

    Args:
        files: the kernel's and the engine's texts.
        environ: our environment; without `HOSTNAME` where the files are another tree's.
    """
    mounted = mountinfo.parse(files.mountinfo)
    paths = [cgroup.path for cgroup in cgroup_file.parse(files.cgroup)]
    nestings = [nesting(path) for path in paths]
    in_pod = mounts.shows_pod(mounted) or any(map(in_kubernetes, paths))
    hits = list(mounts.hits(mounted))
    outer = mounts.outer_ids(mounted).union(
        *(place.outer for place in nestings), nesting(files.cpuset.strip()).outer
    )
    around = outer | {identifier[:_SHORT] for identifier in outer}
    found = [
        *from_cgroup(files.cgroup),
        *(_of_hit(hit) for hit in hits if hit.scope == "container"),
        *from_containerenv(files.containerenv),
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
    own_pids = _own_pids(files.cgroup, files.init_cgroup)
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
        joined=_joined(written, stamp, started_at),
    )


def from_cgroup(text: str) -> tuple[Candidate, ...]:
    """The innermost container of each line of a process's `cgroup` file, cgroups(7)."""
    return _distinct(
        _candidate(place.id, "cgroup", "container", cgroup.line)
        for cgroup in cgroup_file.parse(text)
        if (place := nesting(cgroup.path)).id
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
    return (_candidate(place.id, "cpuset", "pid", path),) if place.id else ()


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


def _own_pids(cgroup: str, init_cgroup: str) -> bool | None:
    """Whether PID 1 is in our container.

    Its cgroup is in ours, or both are in one private cgroup namespace; one outside of it begins
    with `/..`.
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
    return True if any(mine.id for mine, _, _ in places) else None


def _joined(written: Mapping[str, int], stamp: int | None, started_at: float | None) -> bool:
    """Whether the files in `/etc` were written for another container than ours.

    An engine makes `/.dockerenv` when it creates a container, and writes `/etc/hostname` just
    before each start: an older one is that of a container whose network we joined.
    """
    if stamp is not None and any(mtime < stamp - _COPIED_WITHIN for mtime in written.values()):
        return True
    hostname = written.get("/etc/hostname")
    if hostname is None or started_at is None:
        return False
    return abs(hostname / 10**9 - started_at) > _WRITTEN_WITHIN


def _elsewhere(mine: Nesting, other: Nesting, path: str) -> bool:
    return ".." in path.split("/") or mine.id != other.id


def _of_hit(hit: mounts.Hit) -> Candidate:
    return _candidate(hit.id, hit.source, hit.scope, hit.evidence)


def _candidate(identifier: str | None, source: Source, scope: Scope, evidence: str) -> Candidate:
    name = identifier or ""
    text = "".join(letter if letter.isprintable() else "�" for letter in evidence)
    # The ID is the part that must be seen, and it stands near the end.
    end = min(len(text), text.rfind(name) + len(name) + LONGEST_EVIDENCE // 4)
    start = max(0, end - LONGEST_EVIDENCE)
    shown = f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
    return Candidate(name, source, scope, shown)


def _distinct(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """The first of each ID from each source: a `cgroup` file says the same a dozen times."""
    kept: dict[tuple[str, str], Candidate] = {}
    for candidate in candidates:
        kept.setdefault((candidate.id, candidate.source), candidate)
    return tuple(kept.values())
