"""Container IDs in the paths of cgroups. Pure.

A segment of a cgroup's path names a container where it is, whole, one of

- 64 lower-case hex digits: cgroupfs drivers, below any parent (`/docker/ID`, `/ecs/UUID/ID`,
  `/kubepods/burstable/podUID/ID`, `/default/ID` of containerd, `/any/cgroup-parent/ID`);
- `ENGINE-ID` or `ENGINE-ID.scope`: systemd drivers, and CRI-O and Podman on cgroupfs;
- `…:ENGINE:ID`: a systemd path given to a cgroupfs driver (containerd under Kubernetes);
- 32 hex digits, a hyphen and 8 to 10 digits, somewhere below `ecs`: AWS Fargate's own name.

ENGINE is docker, libpod, libpod-payload (`--cgroups=split`), crio, cri-containerd, containerd
or nerdctl. Monitors (`libpod-conmon-ID.scope`, `crio-conmon-ID`), pods, mounts, sessions and
anything else with an ID in a longer name do not name the container that a process is in.

Containers nest, and the innermost is ours: the last such segment. The segments after it show
whether another container, without an ID of its own, is nested in that one and is ours instead:

- those that an init makes for itself (`init.scope`, `system.slice/…`, `init`, Podman's
  `container`) show no such container;
- those that only runtimes make (a pod, a build step, a machine, `runc-NAME.scope`,
  `crun-NAME.scope`, `buildah-NAME`, an ID of the wrong length in an engine's folder) show one: our
  ID is nowhere, and the IDs before them are of containers around ours;
- an unknown segment (`/docker/ID/web`) may be either; two of them, or one with a digest in it, are
  likelier a container, but a proof of the ID before them still counts.

64 bare digits after an ID may be a container's, or those of a job that is named by a digest: where
no engine's folder is between them, both IDs stay candidates. A path with `..` is outside our cgroup
namespace: a neighbour's or the host's.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from selfinspect.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ENGINE = r"(docker|libpod|libpod-payload|crio|cri-containerd|containerd|nerdctl)"
_ID = r"([0-9a-f]{64})"
_NAMES = re.compile(rf"(?:[^:]*:{_ENGINE}:)?{_ID}|{_ENGINE}-{_ID}(?:\.scope)?")
_FOLDERS = {
    "docker": "docker",
    "docker-ce": "docker",
    "moby": "docker",
    "libpod_parent": "libpod",
    "default": "any",
    "k8s.io": "containerd",
    "actions_job": "docker",
}
"""The kind of engine whose container a bare ID in such a folder names."""
TOO_MANY = 2
"""Unknown segments after an ID, more than any init makes."""
_LONGEST = 2 * 4096  # the kernel prints no path longer than a page
_FARGATE = re.compile(r"[0-9a-f]{32}-[0-9]{8,10}")
_ECS = re.compile(r"ecs|ecstasks\b.*")
_KUBEPODS = re.compile(r"(?:.+-)?kubepods\b.*")  # kind's are named after the kubelet's own slice
_RUNTIMES = r"(?:lib)?crun-.*|runc-.*|buildah-.*"
_NESTED = re.compile(
    rf"{_KUBEPODS.pattern}|pod[0-9a-f_-]{{32,}}|lxc\b.*|machine-.*\.scope|machine\.slice|systemd-nspawn@.*"
    rf"|buildkit|garden|mesos|nomad(?:\.slice)?|{_RUNTIMES}"
    rf"|(?:[^:]*:)?{_ENGINE}[-_:].*(?<!\.service)(?<!\.slice)"
)
_DIGEST = re.compile(r".*(?<![0-9A-Za-z])[0-9a-f]{32,}(?![0-9A-Za-z]).*")
_OF_AN_INIT = re.compile(r"init|init\.scope|container|supervisor|syscont-cgroup-root")
_UNIT = re.compile(r".*\.(?:slice|service)")


@dataclass(frozen=True, slots=True)
class Nesting:
    """The containers in a path.

    Attributes:
        id: the innermost one, None where the path does not name it.
        outer: those around it, which are not ours.
        rivals: those around it that are ours if `id` is not a container's.
        engine: the kind of engine that the path names, None where it names none.
        inside: the segment that only a runtime makes, for a nested container whose ID is nowhere.
        unknown: how many segments after `id` may be a nested container's.
        in_pod: whether the innermost container is a pod's, and not nested in one of a pod.
    """

    id: str | None = None
    outer: frozenset[str] = frozenset()
    rivals: frozenset[str] = frozenset()
    engine: str | None = None
    inside: str | None = None
    unknown: int = 0
    in_pod: bool = False

    @property
    def ids(self) -> tuple[str, ...]:
        """The containers that may be ours, the innermost first."""
        return (self.id, *sorted(self.rivals)) if self.id else ()


def nesting(path: str) -> Nesting:
    """The containers in a cgroup's path."""
    segments = path.split("/")
    if not path.startswith("/") or len(path) > _LONGEST or ".." in segments:
        return Nesting()
    found: list[str] = []
    certain = 0  # so many of those found are certainly around another container
    engine, in_pod = None, False
    since = [""]  # the last segment with an ID, and those after it
    for segment in segments[1:]:
        name = _name(segment, since)
        if name is None:
            since.append(segment)
            continue
        identifier, kind = name
        engine = kind or _FOLDERS.get(since[-1])
        bare = found and segment == identifier and engine is None
        if not bare or _inside(since) or _in_ecs(since):
            certain, in_pod = len(found), engine == "crio"
        in_pod = in_pod or _of_pod((*since[1:], segment))
        found.append(identifier)
        since = [segment]
    in_pod = in_pod or _of_pod(since[1:])
    inside = _inside(since)
    if not found or inside:
        return Nesting(outer=frozenset(found), inside=inside if found else None, in_pod=in_pod)
    innermost = found[-1]
    return Nesting(
        innermost,
        frozenset(found[:certain]) - {innermost},
        frozenset(found[certain:-1]) - {innermost},
        engine,
        unknown=_unknown(since[1:]),
        in_pod=in_pod,
    )


def _name(segment: str, since: Sequence[str]) -> tuple[str, str | None] | None:
    """The ID that a segment names, and the kind of engine that it names with it."""
    if _FARGATE.fullmatch(segment) and _in_ecs(since):
        return segment, None
    match = _NAMES.fullmatch(segment)
    if match is None:
        return None
    given, bare, prefix, prefixed = match.groups()
    return (bare, given) if bare else (prefixed, prefix)


def _in_ecs(segments: Iterable[str]) -> bool:
    return any(map(_ECS.fullmatch, segments))


def _of_pod(segments: Iterable[str]) -> bool:
    return any(map(_KUBEPODS.fullmatch, segments))


def _inside(since: Sequence[str]) -> str | None:
    """The first segment, but for the one with the ID, that only a container's runtime makes."""
    for parent, segment in pairwise(since):
        digest = parent in _FOLDERS and _DIGEST.fullmatch(segment)
        if digest or _NESTED.fullmatch(segment):
            return segment
    return None


def _unknown(segments: Iterable[str]) -> int:
    """How many segments may be a nested container's; none below a unit of systemd's is."""
    count = 0
    below_unit = False
    for segment in segments:
        if _DIGEST.fullmatch(segment):
            count += TOO_MANY
        elif segment:
            below_unit = below_unit or bool(_UNIT.fullmatch(segment))
            count += not below_unit and not _OF_AN_INIT.fullmatch(segment)
    return count
