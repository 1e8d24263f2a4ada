"""What keeps an agent from its engine, and what `doctor` prints for it: for `help engines`."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from selfinspect.cli.diagnosis import Facts, diagnose
from selfinspect.engine.api.capabilities import mending
from selfinspect.engine.http.socket_file import File, Us, denied, refused
from selfinspect.engine.http.tls import Tls, client_refused
from selfinspect.engine.quirks import PODMAN
from selfinspect.errors import EngineAnswerError
from selfinspect.model import Attempt, Engine, Identity, Reach, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.engine.http.tls import Why
    from selfinspect.model import Capability

_ID = "8b7e41f0c2d9" + "0" * 52
_PATH = "/var/run/docker.sock"
_SOCKET = f"unix://{_PATH}"
_GATEWAY = "tcp://172.17.0.1:2376"
_US = Us(65532, frozenset({65532}), overrides=False, unmapped=None, label="", kernel="6.1.0")
_ROOT = replace(_US, uid=0, overrides=True)
_LABEL = "system_u:system_r:container_t:s0:c1,c2"
_FACTS = Facts(
    snapshot=Snapshot(Identity(_ID, "observed", "kernel")),
    reach=None,
    agent=None,
    agent_answers=False,
    cgroup="cgroup v2",
    uri_folder="/run/selfinspect",
    uri_folder_writable=True,
    journal="/var/lib/selfinspect",
    journal_writable=True,
    journal_space=2**30,
    read_only=False,
    uid=65532,
)


def _file(mode: int, gid: int = 998, *, links: int = 1, folder: bool = False) -> File:
    kind = stat.S_IFDIR if folder else stat.S_IFSOCK
    return File(_PATH, os.stat_result((kind | mode, 1, 1, links, 0, gid, 0, 0, 0, 0)))


_SOCKETS: dict[str, Why] = {
    "not in the socket's group": denied(_file(0o660), _US),
    "SELinux confines the container": denied(_file(0o660), replace(_ROOT, label=_LABEL)),
    "AppArmor confines it": denied(_file(0o660), replace(_ROOT, label="docker-default (enforce)")),
    "a user namespace that does not know the group": denied(
        _file(0o660, 65534), replace(_US, unmapped=65534)
    ),
    "rootless Podman's socket, its user's alone": denied(
        _file(0o600, 0), replace(_US, unmapped=65534)
    ),
    "Docker Desktop's socket, root's alone": denied(
        _file(0o755, 0), replace(_US, kernel="6.10.14-linuxkit")
    ),
    "a folder in the socket's place": denied(_file(0o755, folder=True), _US),
    "a socket of before the engine's restart": refused(_file(0o660, links=0)),
    "no engine behind the socket": refused(_file(0o660)),
}

_PLACES: dict[str, tuple[Attempt, Facts]] = {
    "no socket": (Attempt(_SOCKET, "missing"), _FACTS),
    "no socket, macOS or Windows": (
        Attempt(_SOCKET, "missing"),
        replace(_FACTS, kernel="6.10.14-linuxkit"),
    ),
    "no socket, Podman": (Attempt(_SOCKET, "missing"), replace(_FACTS, made_by=PODMAN)),
    "no socket, rootless Docker": (Attempt(_SOCKET, "missing"), replace(_FACTS, rootless=True)),
    "no socket, rootless Podman": (
        Attempt(_SOCKET, "missing"),
        replace(_FACTS, made_by=PODMAN, rootless=True),
    ),
    **{
        trouble: (Attempt(_SOCKET, why.outcome, why.detail, why.hint), _FACTS)
        for trouble, why in _SOCKETS.items()
    },
    "another name in the engine's certificate": (
        Attempt(_GATEWAY, "wrong name", "seen", "--engine-server-name engine.example"),
        _FACTS,
    ),
    "the engine's certificate has expired": (Attempt(_GATEWAY, "certificate expired"), _FACTS),
    "our certificate is another CA's": (
        Attempt(_GATEWAY, client_refused(Tls(Path("/certs"))).outcome),
        _FACTS,
    ),
    "a proxy with no engine behind it (502, 503, 504)": (
        Attempt(_SOCKET, "error", "seen", mending(502, "ping", "", _SOCKET, "nginx")),
        _FACTS,
    ),
    "a proxy for the web (407)": (
        Attempt(_GATEWAY, "error", "seen", mending(407, "ping", "", _GATEWAY, "squid")),
        _FACTS,
    ),
    "an engine below a path (404)": (
        Attempt(_GATEWAY, "error", "seen", mending(404, "ping", "", _GATEWAY, "nginx")),
        _FACTS,
    ),
    "an authorization plugin (401, 403)": (
        Attempt(
            _SOCKET,
            "denied",
            "seen",
            mending(403, "ping", "authorization denied by plugin opa: no", _SOCKET, None),
        ),
        _FACTS,
    ),
}

_ENGINE = Engine(_SOCKET, "Docker", "28.5.2", "1.51")
_COUNTS = replace(
    _FACTS,
    snapshot=Snapshot(
        Identity(_ID, "proven", "layer"),
        inspect={"HostConfig": {"LogConfig": {"Type": "none"}}},
        engine=_ENGINE,
        tried=(Attempt(_SOCKET, "answers"),),
    ),
    reach=Reach(_ENGINE),
)


def _failed(name: Capability, words: str) -> Facts:
    error = EngineAnswerError(f"{name}: {words}", code=500, capability=name)
    return replace(_COUNTS, failed={name: error})


_REQUESTS: dict[str, Facts] = {
    "a proxy that buffers events": replace(_COUNTS, held_back=True, proxy="nginx"),
    "`--log-driver none`": _failed("logs", "configured logging driver does not support reading"),
    "no `ps` on the engine's host": _failed("top", 'exec: "ps": executable file not found'),
}


def fixes() -> Iterator[tuple[str, str]]:
    """What is wrong, and what `doctor` prints for it."""
    for trouble, (attempt, facts) in _PLACES.items():
        snapshot = replace(facts.snapshot, tried=(attempt,))
        yield _fix(trouble, replace(facts, snapshot=snapshot), f"engine {attempt.endpoint}")
    for trouble, facts in _REQUESTS.items():
        yield _fix(trouble, facts, "capability")


def _fix(trouble: str, facts: Facts, name: str) -> tuple[str, str]:
    fix = next(check.fix for check in diagnose(facts) if check.name.startswith(name))
    assert fix is not None, trouble
    return trouble, fix
