"""Why a request got no whole answer, and what mends it: the one place where errors become ours.

Hints are commands for the engine's host, with the path, the group or the label that was seen.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import stat
from http.client import BadStatusLine, UnknownProtocol
from pathlib import Path
from typing import TYPE_CHECKING

from selfinspect.endpoint import is_address
from selfinspect.engine.http import tls
from selfinspect.engine.http.tls import Why
from selfinspect.errors import EngineUnreachableError
from selfinspect.frozen import dataclass
from selfinspect.kernel.files import text as kernel_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selfinspect.endpoint import Endpoint
    from selfinspect.engine.http.tls import Tls
    from selfinspect.errors import Outcome

MAX_SOCKET_PATH = 107
_DAC_OVERRIDE = 1 << 1
"""CAP_DAC_OVERRIDE of linux/capability.h: file modes do not apply to us."""

_SELINUX = re.compile(r"\w+:\w+:\w+:s\d")
_DESKTOP = ("linuxkit", "microsoft")
"""In the name of a kernel: a VM's on macOS or Windows, whose users see no file of the engine."""


def unreachable(
    error: BaseException, endpoint: Endpoint, certificates: Tls | None, timeout: float
) -> EngineUnreachableError:
    """Our error for one of the libraries', raised before the headers of an answer came."""
    causes = tuple(_causes(error))
    refused = next((one for one in causes if isinstance(one, ssl.SSLError)), None)
    if refused is not None and certificates is not None:
        return because(endpoint, tls.explain(refused, endpoint, certificates))
    if any(isinstance(one, TimeoutError) for one in causes):
        return unanswered(endpoint, timeout)
    cause = next((one for one in causes if isinstance(one, OSError) and one.errno), None)
    if len(os.fsencode(endpoint.path)) > MAX_SOCKET_PATH:
        return failed(endpoint, f"a socket's path has at most {MAX_SOCKET_PATH} bytes")
    if cause is None:
        return _unspoken(causes, endpoint)
    return _of_tcp(cause, endpoint, certificates) if endpoint.host else _of_unix(cause, endpoint)


def failed(
    endpoint: Endpoint,
    what: str,
    *,
    outcome: Outcome = "no engine",
    hint: str | None = None,
    quotes: bool = False,
) -> EngineUnreachableError:
    """The error of an endpoint that does not answer as an engine does.

    Args:
        endpoint: the endpoint.
        what: what it did.
        outcome: the same in a word or two.
        hint: what a person can do about it.
        quotes: whether `what` has words of whoever answered.
    """
    return EngineUnreachableError(
        f"{endpoint}: {what}", endpoint=str(endpoint), outcome=outcome, hint=hint, quotes=quotes
    )


def because(endpoint: Endpoint, why: Why) -> EngineUnreachableError:
    """The error of an endpoint that cannot be used for a reason that was found out."""
    return failed(endpoint, why.detail, outcome=why.outcome, hint=why.hint)


def unanswered(endpoint: Endpoint, seconds: float) -> EngineUnreachableError:
    """The error of an endpoint that did not answer in time; a firewall on its host may be why."""
    host, hint = endpoint.host, None
    if host:
        to = f"-d {host} " if is_address(host) else ""  # the host may have another name for itself
        hint = (
            f"a firewall may drop it; on the engine's host: ip{'6' if ':' in host else ''}tables"
            f" -I INPUT {to}-p tcp --dport {endpoint.port} -j ACCEPT"
        )
    return failed(endpoint, f"no answer within {seconds:g} s", outcome="timeout", hint=hint)


def timed_out(error: BaseException) -> bool:
    """Whether a deadline is what an error comes from."""
    return any(isinstance(one, TimeoutError) for one in _causes(error))


def said(error: BaseException) -> str:
    """An error's own words: urllib3 repeats what it wraps beside them."""
    return str(error.args[0] if error.args else error)


def _unspoken(causes: Sequence[BaseException], endpoint: Endpoint) -> EngineUnreachableError:
    """The error of an answer that was begun."""
    if any(isinstance(one, ConnectionError) for one in causes):
        return failed(endpoint, "it closed the connection without an answer")
    if any(isinstance(one, BadStatusLine | UnknownProtocol) for one in causes):
        return failed(endpoint, "what answers there does not speak HTTP")
    return failed(endpoint, said(causes[-1]), quotes=True)


def _of_tcp(cause: OSError, endpoint: Endpoint, certificates: Tls | None) -> EngineUnreachableError:
    if isinstance(cause, socket.gaierror):
        return failed(
            endpoint,
            f"the name {endpoint.host} does not resolve",
            outcome="unknown name",
            hint="give the address, or add the name to the container:"
            f" --add-host {endpoint.host}:host-gateway",
        )
    if isinstance(cause, ConnectionRefusedError):
        return failed(
            endpoint,
            "the connection was refused",
            outcome="refused",
            hint=f"let the engine listen there with TLS (see deploy/tls): dockerd -H {endpoint}"
            " --tlsverify …",
        )
    if isinstance(cause, ConnectionResetError | BrokenPipeError) and certificates is not None:
        return because(endpoint, tls.client_refused(certificates))
    return failed(endpoint, cause.strerror or str(cause))


def _of_unix(cause: OSError, endpoint: Endpoint) -> EngineUnreachableError:
    path = endpoint.path
    if isinstance(cause, FileNotFoundError):
        return failed(
            endpoint,
            "the socket does not exist",
            outcome="missing",
            hint=f"mount the engine's socket: -v {path}:{path}",
        )
    if isinstance(cause, PermissionError):
        return because(endpoint, denied(file_at(path), us()))
    if isinstance(cause, ConnectionRefusedError):
        return because(endpoint, refused(file_at(path)))
    return failed(endpoint, cause.strerror or str(cause))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """What requests and urllib3 wrapped, from the outside in: in causes, reasons and arguments."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, getattr(one, "reason", None), *one.args, one.__context__]


@dataclass(frozen=True, slots=True)
class File:
    """What is at a socket's path.

    Attributes:
        path: as it was asked for.
        status: its type, owner and mode, None where we may not look.
    """

    path: str
    status: os.stat_result | None


@dataclass(frozen=True, slots=True)
class Us:
    """The process that connects.

    Attributes:
        uid: the user.
        groups: the groups, the supplementary ones included.
        overrides: whether file modes do not apply to us, as they do not to root.
        unmapped: the group ID shown for groups that this user namespace does not map, None where
            it maps all.
        label: our SELinux or AppArmor label, empty where there is neither.
        kernel: its release.
    """

    uid: int
    groups: frozenset[int]
    overrides: bool
    unmapped: int | None
    label: str
    kernel: str


def file_at(path: str) -> File:
    """The file, its status None where we may not look."""
    try:
        return File(path, os.stat(path))  # noqa: PTH116 - a path may hold bytes that are no text
    except (OSError, ValueError):
        return File(path, None)


def us() -> Us:
    """This process, as the kernel reports it."""
    capabilities = re.search(
        r"^CapEff:\s*([0-9a-f]+)", kernel_text("/proc/self/status"), re.MULTILINE
    )
    whole = kernel_text("/proc/self/gid_map").split() == ["0", "0", "4294967295"]
    overflow = kernel_text("/proc/sys/kernel/overflowgid").strip()
    return Us(
        uid=os.geteuid(),
        groups=frozenset((os.getegid(), *os.getgroups())),
        overrides=bool(capabilities and int(capabilities[1], 16) & _DAC_OVERRIDE),
        unmapped=int(overflow) if overflow.isdecimal() and not whole else None,
        label=kernel_text("/proc/self/attr/current").strip("\0\n "),
        kernel=os.uname().release,
    )


def denied(file: File, we: Us) -> Why:
    """Why connecting was not permitted. Pure."""
    status, path = file.status, file.path
    detail = f"permission denied for uid {we.uid}"
    if status is not None and stat.S_ISDIR(status.st_mode):
        return _folder(path)
    lets_in = status is not None and _lets_in(status, we)
    mapped = status is not None and status.st_gid != we.unmapped
    if status is None or (mapped and not lets_in and status.st_mode & stat.S_IWGRP):
        group = group_of(path, we.kernel) if status is None else str(status.st_gid)
        hint = f"join the group the socket belongs to: --group-add {group}"
        return Why("denied", detail, hint)
    if lets_in:
        return Why("denied", f"{detail}, although the file's mode allows it", _unconfined(we.label))
    if not mapped:
        return Why(
            "denied",
            f"{detail}: its group is none of this user namespace, and reads {status.st_gid}",
            f"docker run --userns=host --group-add {group_of(path, we.kernel)} …",
        )
    return Why("denied", *_owners_alone(status, path, we, detail))


def refused(file: File) -> Why:
    """Why the connection was refused. Pure."""
    status, path = file.status, file.path
    if status is not None and stat.S_ISDIR(status.st_mode):
        return _folder(path)
    if status is not None and status.st_nlink == 0:
        folder = Path(path).parent
        return Why(
            "stale",
            "the file is the socket of an engine that has been restarted since",
            f"restart this container; to be spared that, mount the folder: -v {folder}:/run/engine"
            f" -e DOCKER_HOST=unix:///run/engine/{Path(path).name}",
        )
    return Why(
        "refused",
        "the connection was refused",
        "start the engine: systemctl start docker; a socket file outlives the engine that made it",
    )


def group_of(path: str, kernel: str) -> str:
    """The shell command that prints a socket's group on the engine's host. Pure."""
    if is_desktop(kernel):
        # The socket is in a VM: the shell of macOS or Windows sees another, or none.
        return f"$(docker run --rm -v {path}:/s busybox stat -c %g /s)"
    return f"$(stat -c %g {path})"


def is_desktop(kernel: str) -> bool:
    """Whether the engine's host is a VM below macOS or Windows, by its kernel's release. Pure."""
    return any(word in kernel.lower() for word in _DESKTOP)


def _owners_alone(status: os.stat_result, path: str, we: Us, detail: str) -> tuple[str, str]:
    """The detail and the hint where only its owner may open the socket."""
    if status.st_uid == 0 and is_desktop(we.kernel):
        return (
            f"{detail}: the socket is root's alone, in the VM of Docker Desktop",
            "docker run --user 0 …, or put a proxy between (deploy/socket-proxy)",
        )
    if status.st_uid == 0 and we.unmapped is not None:
        # The host's root has no name in this user namespace: this root is who runs the engine.
        return (
            f"{detail}: the socket is its owner's alone, who is root in this user namespace",
            "podman run --user 0 … (of a rootless engine: its user, not the host's root)",
        )
    return detail, f"the socket is its owner's alone: on the host, chmod g+rw {path}"


def _folder(path: str) -> Why:
    return Why(
        "folder",
        "a directory is there in place of the socket: mounting a missing file creates one",
        f"on the host: rmdir {path} && systemctl restart docker; then make this container again",
    )


def _lets_in(status: os.stat_result, we: Us) -> bool:
    """Whether the file's mode alone lets us in."""
    if we.overrides and status.st_gid != we.unmapped:
        return True
    if status.st_uid == we.uid:
        return bool(status.st_mode & stat.S_IWUSR)
    if status.st_gid in we.groups and status.st_gid != we.unmapped:
        return bool(status.st_mode & stat.S_IWGRP)
    return bool(status.st_mode & stat.S_IWOTH)


def _unconfined(label: str) -> str:
    """The option that lifts the security module which denies what the mode allows."""
    selinux = "docker run --security-opt label=disable …"
    apparmor = "docker run --security-opt apparmor=unconfined …"
    if _SELINUX.match(label):
        return f"SELinux confines this container, as {label}: {selinux}"
    if label and not label.startswith("unconfined"):
        return f"AppArmor confines this container, as {label}: {apparmor}"
    return f"where the host has SELinux: {selinux}; where it has AppArmor: {apparmor}"
