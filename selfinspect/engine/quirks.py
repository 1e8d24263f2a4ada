"""What engines, the runtimes below them and proxies before them do differently. Pure.

The ways of one kind of engine are a `Quirks`, found by its product: nothing else asks for a name.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from selfinspect.frozen import dataclass
from selfinspect.jsonread import boolean, integer, member, sequence, text, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.model import Engine, Json

Lister: TypeAlias = Literal["machine", "namespace", "image"]
"""Which `ps` lists a container's processes: the machine's; the same, run inside the container's
PID namespace; or whatever program the container's image calls `ps`."""

_PODMAN_BRINGS_PS = 5
_PTRACE = frozenset({"SYS_PTRACE", "CAP_SYS_PTRACE", "ALL", "CAP_ALL"})
_OF_FOLDERS = frozenset({"vfs", "btrfs", "zfs", "native"})
_VIRTUAL = re.compile(
    r"kata|qemu|firecracker|cloud-hypervisor|clh\b|dragonball|krun|crun-vm|urunc|runq|nabla"
    r"|runsc|gvisor",
    re.IGNORECASE,
)

_SERVERS = re.compile(r"([A-Za-z][\w.-]*)(?:/([^\s,;()]+))?(?:\s*\([^)]*\))?")
"""A name, its version and a comment, as RFC 9110 writes `Server`."""

_COMPONENTS = {"Engine": "Docker", "Podman Engine": "Podman"}
_OF_DOCKER = ("Docker", "balena-engine", "balenaEngine")
_ENGINES = (*_OF_DOCKER, "Libpod", "Podman")


@dataclass(frozen=True, slots=True)
class Quirks:
    """The ways of one kind of engine; the defaults are dockerd's.

    Attributes:
        lists_within: `top` runs `ps` inside the container, not on the machine (podman-top(1)).
        reports_oom: there is an `oom` event; Podman has none (libpod/events).
        history_in_file: past events come from a log file: it compares whole seconds, leaves out
            the one named in `since`, cuts an answer that ends in the past, and is itself cut when
            it pleases (measured on 4.3 and 5.8). Docker holds 256 in memory.
        cgroup_parent, cgroup_prefix: the path of a container's cgroup with the cgroupfs driver.
        cgroup_slice, cgroup_scope: the same with the systemd driver.
        socket_unit: the systemd unit that listens only once it is enabled.
        logging: how a container is run whose log the engine can answer.
    """

    lists_within: bool = False
    reports_oom: bool = True
    history_in_file: bool = False
    cgroup_parent: str = "docker"
    cgroup_prefix: str = ""
    cgroup_slice: str = "system.slice"
    cgroup_scope: str = "docker"
    socket_unit: str | None = None
    logging: str = "docker run --log-driver local"


DOCKER = Quirks()
PODMAN = Quirks(
    lists_within=True,
    reports_oom=False,
    history_in_file=True,
    cgroup_parent="libpod_parent",
    cgroup_prefix="libpod-",
    cgroup_slice="machine.slice",
    cgroup_scope="libpod",
    socket_unit="podman.socket",
    logging="podman run --log-driver k8s-file",
)


def quirks_of(engine: Engine | None) -> Quirks:
    """The ways of an engine, by what it calls itself; Docker's where there is none."""
    return PODMAN if engine is not None and engine.product == "Podman" else DOCKER


def lister(engine: Engine, inspect: Json) -> Lister:
    """Which `ps` answers `top` of a container.

    Docker runs the machine's. Podman runs the image's own, and from 4.7 on the machine's inside the
    container's PID namespace, unless the container may trace processes: then it could change what
    runs there (measured on 4.3 and 5.8; read in podman-top(1) and its pull request 19066).
    """
    if not quirks_of(engine).lists_within:
        return "machine"
    major = (engine.version or "").partition(".")[0]
    if not major.isdecimal() or int(major) < _PODMAN_BRINGS_PS:
        return "image"
    added = texts(inspect, "HostConfig", "CapAdd")
    if boolean(inspect, "HostConfig", "Privileged") is not False or not _PTRACE.isdisjoint(added):
        return "image"
    return "namespace"


def first_process(listed_by: Lister, inspect: Json) -> str | None:
    """The PID that a container's first process has in such a list, None where it is unclear."""
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
    """Whether a container's storage driver gives it a folder, not a mount of its own."""
    return text(inspect, "GraphDriver", "Name") in _OF_FOLDERS


def is_rootless(info: Json) -> bool:
    """Whether an engine is another user's than root's, by its `/info`; Podman 4 has a key."""
    return "name=rootless" in texts(info, "SecurityOptions") or boolean(info, "Rootless") is True


def gives_cgroups(info: Json) -> bool:
    """Whether an engine gives its containers cgroups, by its `/info`.

    A rootless one on cgroup v1 does not: its figures are those of whoever started it.
    """
    alone = is_rootless(info) and text(info, "CgroupVersion") == "1"
    return text(info, "CgroupDriver") != "none" and not alone


def unbuffered(proxy: str | None) -> str:
    """What to set in a proxy that holds events back.

    Args:
        proxy: what it calls itself, None where it does not say.
    """
    setting = "proxy_buffering off; proxy_read_timeout 1h;"
    if proxy == "nginx":
        return f"in nginx's location for the engine: {setting}"
    name = f"the proxy {proxy}" if proxy else "the proxy in front of the engine"
    return f"have {name} pass /events on unbuffered (in nginx: {setting})"


def product(headers: Mapping[str, str]) -> tuple[str, str | None]:
    """The engine's name and version by the headers of `/_ping`.

    Where they name none it is called Docker, whose API it speaks, without a version.
    """
    if libpod := headers.get("Libpod-Api-Version"):
        return "Podman", libpod
    servers = ((found[1], found[2]) for found in _SERVERS.finditer(headers.get("Server", "")))
    return next((each for each in servers if each[0] in _OF_DOCKER), ("Docker", None))


def proxy(headers: Mapping[str, str]) -> str | None:
    """The name that a proxy wrote into `Server`, None where only an engine's stands there."""
    names = (found[1] for found in _SERVERS.finditer(headers.get("Server", "")))
    return next((name for name in names if name not in _ENGINES), None)


def named(engine: Engine, release: Json) -> Engine:
    """The engine with the name and version of its `/version`, where the headers had none.

    Args:
        engine: as it was greeted.
        release: what `/version` answered, None where it did not.
    """
    if engine.version is not None or release is None:
        return engine
    if engine.product != _OF_DOCKER[0]:
        return replace(engine, version=text(release, "Version"))
    for component in sequence(release, "Components"):
        name = _COMPONENTS.get(text(component, "Name") or "")
        if name is not None:
            version = text(component, "Version") or text(release, "Version")
            return replace(engine, product=name, version=version)
    platform = (text(release, "Platform", "Name") or "").lower()
    name = "Podman" if "podman" in platform else engine.product
    return replace(engine, product=name, version=text(release, "Version"))
