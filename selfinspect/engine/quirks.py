"""What engines and runtimes do differently where that decides whether an answer proves anything.

Pure; each with where it is known from.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias

from selfinspect.engine.access import boolean, integer, member, text, texts

if TYPE_CHECKING:
    from selfinspect.model import Engine, Json

Lister: TypeAlias = Literal["machine", "namespace", "image"]
"""Who lists a container's processes: the machine's `ps`; the same, run inside the container's PID
namespace; or whatever program the container's image calls `ps`."""

_PODMAN_BRINGS_PS = 5
_PTRACE = frozenset({"SYS_PTRACE", "CAP_SYS_PTRACE", "ALL", "CAP_ALL"})
_OF_FOLDERS = frozenset({"vfs", "btrfs", "zfs", "native"})
_VIRTUAL = re.compile(
    r"kata|qemu|firecracker|cloud-hypervisor|clh\b|dragonball|krun|crun-vm|urunc|runq|nabla"
    r"|runsc|gvisor",
    re.IGNORECASE,
)


def lister(engine: Engine, inspect: Json) -> Lister:
    """Whose `ps` answers `top` of a container.

    Docker runs the machine's. Podman runs the image's own, and from 4.7 on the machine's inside the
    container's PID namespace, unless the container may trace processes: then it could change what
    runs there (measured on 4.3 and 5.8; read in podman-top(1) and its pull request 19066).
    """
    if not engine.is_podman:
        return "machine"
    major = (engine.version or "").partition(".")[0]
    if not major.isdecimal() or int(major) < _PODMAN_BRINGS_PS:
        return "image"
    added = texts(inspect, "HostConfig", "CapAdd")
    if boolean(inspect, "HostConfig", "Privileged") is not False or not _PTRACE.isdisjoint(added):
        return "image"
    return "namespace"


def first_process(listed_by: Lister, inspect: Json) -> str | None:
    """The PID that a container's first process has in such a list, None where that is not known."""
    pid = str(integer(inspect, "State", "Pid") or "") or None
    mode = member(inspect, "HostConfig", "PidMode")
    if listed_by == "machine" or (listed_by == "namespace" and mode == "host"):
        return pid
    return "1" if listed_by == "namespace" and mode in ("", "private") else None


def hides_processes(inspect: Json) -> bool:
    """Whether a container's runtime keeps its processes from the machine's `ps`.

    Kata and its like run a virtual machine, gVisor a kernel of its own: what is listed is these.
    """
    return bool(_VIRTUAL.search(text(inspect, "HostConfig", "Runtime") or ""))


def gives_folders(inspect: Json) -> bool:
    """Whether a container's storage driver is known to give it a folder, not a mount of its own."""
    return text(inspect, "GraphDriver", "Name") in _OF_FOLDERS
