"""Container IDs in the paths of cgroups.

A segment of a cgroup's path names a container where it is, whole, one of

- 64 lower-case hex digits: cgroupfs drivers, below any parent (`/docker/ID`, `/ecs/UUID/ID`,
  `/kubepods/burstable/podUID/ID`, `/default/ID` of containerd, `/any/cgroup-parent/ID`);
- `ENGINE-ID` or `ENGINE-ID.scope`: systemd drivers, and CRI-O and Podman on cgroupfs;
- `…:ENGINE:ID`: a systemd path handed to a cgroupfs driver (containerd under Kubernetes);
- 32 hex digits, a hyphen and 8 to 10 digits, somewhere below `ecs`: AWS Fargate's own name.

ENGINE is docker, libpod, libpod-payload (`--cgroups=split`), crio, cri-containerd, containerd
or nerdctl. Monitors (`libpod-conmon-ID.scope`, `crio-conmon-ID`), pods, mounts, sessions and
whatever else has an ID in a name of its own do not name the container that a process is in.

Containers nest, and the innermost is ours: the last such segment. Where something after it
shows a further container that has no ID there (a pod, a build step, a machine, an ID of the
wrong length) ours is not known, and the outer ones are not ours. A path with `..` lies outside
our cgroup namespace: a neighbour's or the host's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ENGINE = r"(?:docker|libpod|libpod-payload|crio|cri-containerd|containerd|nerdctl)"
_ID = r"([0-9a-f]{64})"
_NAMES = re.compile(rf"(?:[^:]*:{_ENGINE}:)?{_ID}|{_ENGINE}-{_ID}(?:\.scope)?")
_LONGEST = 2 * 4096  # the kernel prints no path longer than a page
_FARGATE = re.compile(r"[0-9a-f]{32}-[0-9]{8,10}")
_ECS = re.compile(r"ecs|ecstasks\b.*")
_KUBEPODS = re.compile(r"(?:.+-)?kubepods\b.*")  # kind's are named after the kubelet's own slice
_NESTED = re.compile(
    rf"{_KUBEPODS.pattern}|pod[0-9a-f_-]{{32,}}|lxc\b.*|machine-.*\.scope|systemd-nspawn@.*"
    r"|buildkit|garden|mesos|nomad(?:\.slice)?"
    rf"|(?:[^:]*:)?{_ENGINE}[-_:].*(?<!\.service)(?<!\.slice)"
    r"|.*(?<![0-9A-Za-z])[0-9a-f]{32,}(?![0-9A-Za-z]).*"
)


@dataclass(frozen=True, slots=True)
class Nesting:
    """The innermost container of a path, None where that is not known, and those around it."""

    id: str | None
    outer: frozenset[str] = frozenset()


def nesting(path: str) -> Nesting:
    """Which containers a cgroup's path runs through."""
    segments = path.split("/")
    if not path.startswith("/") or len(path) > _LONGEST or ".." in segments:
        return Nesting(None)
    found: list[str] = []
    known = True
    in_ecs = False
    for segment in segments:
        if name := _name(segment, in_ecs=in_ecs):
            found.append(name)
            known = True
        elif _NESTED.fullmatch(segment):
            known = False
        in_ecs = in_ecs or bool(_ECS.fullmatch(segment))
    if not found or not known:
        return Nesting(None, frozenset(found))
    return Nesting(found[-1], frozenset(found[:-1]) - {found[-1]})


def in_kubernetes(path: str) -> bool:
    """Whether a cgroup's path belongs to a pod."""
    return any(_KUBEPODS.fullmatch(segment) for segment in path.split("/"))


def _name(segment: str, *, in_ecs: bool) -> str | None:
    if in_ecs and _FARGATE.fullmatch(segment):
        return segment
    match = _NAMES.fullmatch(segment)
    return match[match.lastindex or 0] if match else None
