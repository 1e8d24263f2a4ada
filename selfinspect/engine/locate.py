"""Where an engine may listen, in the order in which the places are tried.

The engine of Docker's current context, from files that nobody in the container can have written.

`DOCKER_CONTEXT`, else `currentContext` of `~/.docker/config.json`, names it; its endpoint stands
in `~/.docker/contexts/meta/<SHA-256 of the name>/meta.json`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from selfinspect.endpoint import PLAIN_PORT, TLS_PORT, Endpoint, parse_endpoint
from selfinspect.engine.http.tls import Tls, certificates
from selfinspect.files import read_named
from selfinspect.jsonread import parsed, text
from selfinspect.kernel.network import bridge_hosts, ipv6_routes, is_host, links, routes
from selfinspect.masking import Masking

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selfinspect.kernel.network import Link
    from selfinspect.model import Json

NamedBy: TypeAlias = Literal["option", "DOCKER_HOST", "context", "mount", "network"]

HOST_NAME = "host.docker.internal"
"""What Docker Desktop, and `--add-host …:host-gateway` elsewhere, call the engine's host."""


@dataclass(frozen=True, slots=True)
class Place:
    """An endpoint to try, and the certificates to try it with.

    `guessed` is one that nobody named: it is tried beside the others of its kind, and briefly, and
    what it says counts only once it has proven who we are. `named_by` is what names it; that of a
    context counts only where it proves who we are.
    """

    endpoint: str
    tls: Tls | None = None
    guessed: bool = False
    named_by: NamedBy = "option"


def places(
    setting: str, environ: Mapping[str, str], *, server_name: str | None = None
) -> tuple[Place, ...]:
    """What was named or mounted, first to last, each once.

    Args:
        setting: `auto`, `off` or one endpoint.
        environ: read for `DOCKER_HOST`, `DOCKER_CONTEXT`, `DOCKER_TLS_VERIFY`,
            `DOCKER_CERT_PATH` and `HOME`, and for `XDG_RUNTIME_DIR`.
        server_name: the name that the engine's certificate bears, None for its address.
    """
    named = context_host(environ) if setting == "auto" else None
    context = _spelled(named) if named else None
    return tuple(
        Place(
            endpoint,
            _tls(endpoint, environ, server_name),
            named_by=_named_by(endpoint, setting, environ, context),
        )
        for endpoint in endpoints(setting, environ, context)
    )


def endpoints(
    setting: str, environ: Mapping[str, str], context: str | None = None
) -> tuple[str, ...]:
    """The endpoints of those places; `context` is the one of Docker's current context."""
    if setting == "off":
        return ()
    if setting != "auto":
        return (setting,)
    host = environ.get("DOCKER_HOST")
    usual = (
        *((_spelled(host),) if host else ()),
        *((context,) if context else ()),
        *_sockets(environ),
    )
    found: dict[str, str] = {}
    for endpoint in usual:
        found.setdefault(_identity(endpoint), endpoint)
    return tuple(found.values())


def _sockets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Where engines' sockets are mounted."""
    runtime = environ.get("XDG_RUNTIME_DIR")
    return (
        "unix:///var/run/docker.sock",
        "unix:///run/docker.sock",
        *((f"unix://{runtime}/docker.sock",) if runtime else ()),
        "unix:///run/podman/podman.sock",
    )


def gateway_places(
    root: Path,
    environ: Mapping[str, str],
    *,
    server_name: str | None = None,
    seen: Sequence[Link] | None = None,
) -> tuple[Place, ...]:
    """Where the host's engine may be reached over the network, first to last.

    None in a Kubernetes pod, whose network is no bridge of an engine.

    Args:
        root: the folder below which `proc/net` and `sys/class/net` are read.
        environ: read for the certificates, and for `KUBERNETES_SERVICE_HOST`.
        server_name: the name that the engine's certificate bears, None for its address.
        seen: the network's links, where they are known already.
    """
    if environ.get("KUBERNETES_SERVICE_HOST"):
        return ()
    seen = links(root) if seen is None else seen
    table = (
        *routes(_text(root / "proc/net/route")),
        *ipv6_routes(_text(root / "proc/net/ipv6_route")),
    )
    offered = certificates(environ, server_name)
    tls = offered if offered.at_hand else None
    hosts = bridge_hosts(table, seen)
    named = () if is_host(seen) or not seen else (HOST_NAME,)
    return tuple(
        Place(
            str(Endpoint(host=host, port=port)),
            tls if port == TLS_PORT else None,
            guessed=True,
            named_by="network",
        )
        for group in (hosts, named)
        for port in ((TLS_PORT, PLAIN_PORT) if tls else (PLAIN_PORT,))
        for host in group
    )


def _spelled(host: str) -> str:
    """An endpoint in its usual spelling; what is none as it stands there, without a password.

    That is shown among what was tried, with what is taken.
    """
    try:
        return str(parse_endpoint(host))
    except ValueError:
        return Masking().text(host.strip())


def _tls(endpoint: str, environ: Mapping[str, str], server_name: str | None) -> Tls | None:
    """TLS where it is asked for, and at its own port where there are certificates."""
    try:
        parsed = parse_endpoint(endpoint)
    except ValueError:
        return None
    offered = certificates(environ, server_name)
    verified = parsed.tls or environ.get("DOCKER_TLS_VERIFY")
    return offered if verified or (parsed.port == TLS_PORT and offered.at_hand) else None


def _named_by(
    endpoint: str, setting: str, environ: Mapping[str, str], context: str | None
) -> NamedBy:
    if setting != "auto":
        return "option"
    host = environ.get("DOCKER_HOST")
    if host and endpoint == _spelled(host):
        return "DOCKER_HOST"
    return "context" if endpoint == context and endpoint not in _sockets(environ) else "mount"


def _identity(endpoint: str) -> str:
    """What two names of one socket have in common: `/var/run` is most often a link to `/run`."""
    path = endpoint.removeprefix("unix://")
    try:
        return endpoint if path == endpoint else str(Path(path).resolve())
    except (OSError, RuntimeError):  # links that lead back to themselves
        return path


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


_MOST = 64 * 2**10
"""Bytes that are read of a file; a longer one is passed over."""

_NONE = "default"
"""The context that is none: the usual places."""


def context_host(environ: Mapping[str, str]) -> str | None:
    """The endpoint of the current context as it is written there, None where there is none.

    Args:
        environ: read for `DOCKER_CONTEXT` and `HOME`.
    """
    folder = Path(environ.get("HOME") or "/") / ".docker"
    config = folder / "config.json"
    name = environ.get("DOCKER_CONTEXT") or text(_document(config), "currentContext")
    if not name or name == _NONE:
        return None
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()
    meta = _document(folder / "contexts/meta" / digest / "meta.json")
    return text(meta, "Endpoints", "docker", "Host")


def _document(path: Path) -> Json:
    """A file's JSON, None where it is missing, too long, no JSON or within reach of the app."""
    try:
        path = path.resolve()
        return parsed(read_named(path, _MOST)) if _is_out_of_reach(path) else None
    except (OSError, ValueError, RuntimeError):
        return None


def _is_out_of_reach(path: Path) -> bool:
    """Whether the app, whoever it runs as, can change neither the file nor what leads to it.

    On a file system that is read-only; else where everything is root's and we are not root:
    as root the app may be, too.
    """
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return True
    return os.geteuid() != 0 and all(_is_roots(each) for each in (path, *path.parents))


def _is_roots(path: Path) -> bool:
    """Whether root alone can replace it; in a sticky folder nobody renames what is root's."""
    status = path.stat()
    others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return status.st_uid == 0 and (not others or bool(status.st_mode & stat.S_ISVTX))
