"""From what was seen to what is well, what is not, and the one command that mends it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import urlsplit

from selfinspect.engine.api.capabilities import allowing
from selfinspect.engine.http.failures import group_of
from selfinspect.engine.quirks import DOCKER, unbuffered
from selfinspect.engine.tried import MEANINGS
from selfinspect.errors import EngineDeniedError, EngineUnsupportedError
from selfinspect.jsonread import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selfinspect.engine.quirks import Quirks
    from selfinspect.errors import EngineError
    from selfinspect.model import Access, Attempt, Capability, Mount, Reach, Snapshot

Status: TypeAlias = Literal["pass", "warn", "fail"]

_PROXY = "put a proxy between: deploy/socket-proxy has one that lets this container's reads through"
_CLOSED = frozenset({"refused", "timeout"})
_THERE = 2
_SHORT = 12
_USUAL = ("/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock")
_SPACE = 2**20
_NO_LOG = re.compile(r"log(ging)? driver")
_ENGINES_OWN = ("docker.sock", "podman.sock")
_ENGINES_PATH = re.compile(
    r"(/var)?/run/(docker\.sock|podman/podman\.sock|user/\d+/(docker\.sock|podman/podman\.sock))"
)
"""Where engines listen by default, as root and as somebody else."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    `fix` is what a person types or sets to mend it, None where nothing is to be mended.
    """

    name: str
    status: Status
    seen: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen.

    Attributes:
        snapshot: identity, engine and the places tried.
        reach: the engine that answered, None where none did.
        failed: what that engine was asked for and did not answer, and why.
        held_back: whether a proxy holds back events as they happen; those of the past come.
        proxy: what the proxy before the engine calls itself, None where none does.
        kernel: the release of the kernel, which tells a VM of macOS or Windows from a host.
        made_by: the ways of the engine that made this container.
        rootless: whether root in here is somebody else on the host.
        warnings: what was wrong with variables that are passed over.
        agent: where this container's agent is said to be, None where nothing says it.
        agent_answers: whether it answers there.
        cgroup: the cgroup version whose figures can be read, None where none can.
        uri_folder: where the agent leaves its address.
        uri_folder_writable: whether it can.
        journal: the folder in which it keeps events.
        journal_writable: whether it can.
        journal_space: bytes that are free there.
        read_only: whether the root file system is read-only.
        uid: who we are, and the agent most likely, too.
    """

    snapshot: Snapshot
    reach: Reach | None
    agent: str | None
    agent_answers: bool
    cgroup: str | None
    uri_folder: str
    uri_folder_writable: bool
    journal: str
    journal_writable: bool
    journal_space: int
    read_only: bool
    uid: int
    failed: Mapping[str, EngineError] = field(default_factory=dict)
    held_back: bool = False
    proxy: str | None = None
    kernel: str = ""
    made_by: Quirks = DOCKER
    rootless: bool = False
    warnings: tuple[str, ...] = ()


def diagnose(facts: Facts) -> tuple[Check, ...]:
    """Every check, in the order in which one depends on another."""
    return (
        *(Check("environment", "warn", each) for each in facts.warnings),
        _identity(facts.snapshot),
        *_places(facts),
        *_way(facts),
        *(_capabilities(facts) if facts.snapshot.engine else ()),
        _figures(facts.cgroup, engine=facts.snapshot.engine is not None),
        _agent(facts),
        _address(facts),
        _journal(facts),
    )


def _identity(snapshot: Snapshot) -> Check:
    identity = snapshot.identity
    if identity.id is None:
        fix = "docker run --env SELFINSPECT_CONTAINER=NAME …"
        return Check("identity", "fail", identity.reason or "nothing names a container", fix)
    seen = f"{identity.id[:12]}, {identity.level} by {identity.method}"
    if identity.level in ("proven", "confirmed"):
        return Check("identity", "pass", seen)
    if snapshot.self is not None and snapshot.self.id is None:
        seen = f"{seen}, and used nowhere: {identity.reason}"
        fix = "docker run --env SELFINSPECT_ASSUME=1 … if no container shares another's network"
        return Check("identity", "warn", seen, fix)
    return Check("identity", "warn", f"{seen}: only an engine can prove it")


def _places(facts: Facts) -> Iterator[Check]:
    """Each place that an engine was looked for at.

    Where none counts, one place fails: the one at which the least is amiss. What is merely absent
    is of no matter beside an engine that counts.
    """
    snapshot = facts.snapshot
    if not snapshot.tried:
        yield Check("engine", "pass", "switched off: the kernel alone is asked")
    counts = snapshot.engine is not None
    nearest = None if counts else max(snapshot.tried, key=_nearness, default=None)
    for attempt in snapshot.tried:
        name = f"engine {attempt.endpoint}"
        seen = (attempt.detail or attempt.said).removeprefix(f"{attempt.endpoint}: ")
        if attempt.outcome == "answers":
            yield Check(name, "pass", _answering(snapshot))
        elif attempt is nearest:
            yield Check(name, "fail", seen, _fix(attempt, facts))
        elif _nearness(attempt) < _THERE:
            fix = None if counts or attempt.outcome not in _CLOSED else attempt.hint
            yield Check(name, "pass" if counts else "warn", seen, fix)
        else:
            yield Check(name, "warn", seen, _fix(attempt, facts))


def _nearness(attempt: Attempt) -> int:
    """How little is amiss: a place that nobody named and where nobody is, a missing file, the rest.

    A gateway need not listen: where it does not, a mount is the shorter way.
    """
    means = MEANINGS[attempt.outcome]
    if attempt.guessed and (means.nobody or means.absent):
        return 0
    return 1 if means.absent else _THERE


def _fix(attempt: Attempt, facts: Facts) -> str | None:
    """The command where one mends it, else the hint that came with the outcome."""
    own = facts.snapshot.self
    container = ((own and own.id) or "<container>")[:_SHORT]  # never one that is only assumed
    if attempt.outcome == "missing":
        return _mount(attempt.endpoint.removeprefix("unix://"), facts)
    if attempt.outcome == "stale":
        return (attempt.hint or "").replace("restart this container", f"docker restart {container}")
    if fix := MEANINGS[attempt.outcome].fix:
        given = re.search(r"--engine-server-name \S+", attempt.hint or "")
        other = f"; or {given[0]}" if given and attempt.outcome == "wrong name" else ""
        return fix.format(host=urlsplit(attempt.endpoint).hostname) + other
    return attempt.hint or "mount the socket of the engine that started this container"


def _mount(path: str, facts: Facts) -> str:
    """How a container gets the socket of the engine that makes it, in that engine's words."""
    unit = facts.made_by.socket_unit
    if unit and path in _USUAL:
        source, user = ("/run/podman/podman.sock", "")
        if facts.rootless:
            source, user = ("$XDG_RUNTIME_DIR/podman/podman.sock", " --user")
        run = f"podman run -v {source}:/run/podman/podman.sock"
        return f"systemctl{user} enable --now {unit} && {run} …"
    return f"docker run -v {path}:{path} --group-add {group_of(path, facts.kernel)} …"


def _answering(snapshot: Snapshot) -> str:
    engine = snapshot.engine
    return f"{engine.product} {engine.version}, API {engine.api_version}" if engine else "answers"


def _way(facts: Facts) -> Iterator[Check]:
    """What lies between us and the engine: a wire, or a mounted file."""
    reach, own = facts.reach, facts.snapshot.self
    if reach is None:
        return
    endpoint = reach.engine.endpoint
    if reach.encrypted:
        yield Check("encryption", "pass", "TLS")
    elif reach.encrypted is False:
        seen = (
            "who is on this network can read along, answer in the engine's place (ARP), and ask"
            " the engine for root on its host"
        )
        yield Check("encryption", "warn", seen, "deploy/tls/certificates.sh DIR, then TLS on 2376")
    path = endpoint.removeprefix("unix://")
    for mount in (own.mounts or ()) if own else ():
        if (source := _engines_own(mount, path)) is not None:
            seen = f"{source} is mounted: if it is the engine's own, it is root on the host"
            yield Check("socket", "warn", f"{seen} for whoever runs code in here", _PROXY)
            return


def _engines_own(mount: Mount, path: str) -> str | None:
    """Where on the host a mount has the engine's own socket, that we ask through; None if nowhere.

    Mounted alone, by its name; with the folder it is in, where engines have theirs: a proxy's
    folder has a socket of that name, too.
    """
    if not mount.source:
        return None
    if _same(mount.destination, path):
        return mount.source if PurePosixPath(mount.source).name in _ENGINES_OWN else None
    for folder in (mount.destination, mount.destination.replace("/run", "/var/run", 1)):
        if path.startswith(f"{folder.rstrip('/')}/"):
            source = f"{mount.source.rstrip('/')}/{path.removeprefix(folder).lstrip('/')}"
            return source if _ENGINES_PATH.fullmatch(source) else None
    return None


def _same(one: str, other: str) -> bool:
    """Whether two paths name one socket: `/var/run` is a link to `/run` nearly everywhere."""
    return one.removeprefix("/var") == other.removeprefix("/var")


def _capabilities(facts: Facts) -> Iterator[Check]:
    """What the engine lets us ask, and each request that fails, with the engine's own words."""
    if facts.reach is None:
        return
    by_access: dict[Access, list[Capability]] = {}
    for name, access in facts.reach.capabilities.items():
        by_access.setdefault(access, []).append(name)
    failed = {
        name: error
        for name, error in facts.failed.items()
        if not isinstance(error, EngineDeniedError | EngineUnsupportedError)
    }
    amiss = {*failed, *(("events",) if facts.held_back else ())}
    if allowed := sorted({*by_access.get("allowed", ())} - amiss):
        yield Check("capabilities", "pass", f"allowed: {', '.join(allowed)}")
    for name in sorted(by_access.get("denied", ())):
        yield _denied(name, facts.failed.get(name))
    for name in sorted(by_access.get("unsupported", ())):
        refusal = facts.failed.get(name)
        seen = refusal.detail if refusal else "this engine has no such endpoint"
        mends = _mending(name, refusal, facts) if refusal else None
        yield Check(f"capability {name}", "warn", seen, mends)
    if facts.held_back:
        yield _events_held_back(facts.proxy)
    for request, error in sorted(failed.items()):
        said = error.detail.removeprefix(f"{error.endpoint}: ")
        yield Check(f"capability {request}", "warn", said, _mending(request, error, facts))


def _denied(name: Capability, refusal: EngineError | None) -> Check:
    seen = f"denied: {refusal.detail}" if refusal else "denied by a proxy"
    fix = refusal.hint if refusal and refusal.hint else allowing(name)
    return Check(f"capability {name}", "warn", seen, fix)


def _events_held_back(proxy: str | None) -> Check:
    seen = (
        f"{proxy or 'a proxy'} before the engine holds back what happens: it is asked for"
        " every 10 s while somebody listens, else once a minute"
    )
    return Check("capability events", "warn", seen, unbuffered(proxy))


def _mending(name: str, error: EngineError, facts: Facts) -> str | None:
    """What a person can do about a request that fails, None where nobody can say."""
    if name == "top" and '"ps"' in error.detail:
        return "on the engine's host: apt-get install procps, or what brings ps there"
    if name == "logs" and _NO_LOG.search(error.detail):
        driver = text(facts.snapshot.inspect, "HostConfig", "LogConfig", "Type")
        return f"{facts.made_by.logging} …" + (
            f", in place of --log-driver {driver}" if driver else ""
        )
    return error.hint


def _figures(cgroup: str | None, *, engine: bool) -> Check:
    if cgroup is not None:
        short = "" if cgroup == "cgroup v2" else "; short memory is not announced (unsupported)"
        return Check("figures", "pass", f"from the kernel, {cgroup}{short}")
    if engine:
        return Check("figures", "pass", "from the engine: no cgroup of ours is mounted")
    fix = "docker run --cgroupns private …"
    return Check("figures", "fail", "there are none: no cgroup of ours is mounted", fix)


def _agent(facts: Facts) -> Check:
    if facts.agent is None:
        seen = "none was found: each verb looks for itself"
        return Check("agent", "warn", seen, 'ENTRYPOINT ["selfinspect", "run", "--"]')
    if facts.agent_answers:
        return Check("agent", "pass", f"answers at {facts.agent}")
    if facts.agent.startswith("https:"):
        seen = f"it listens at {facts.agent} alone: clients in this container speak no TLS"
        return Check("agent", "warn", seen, "selfinspect run --listen 127.0.0.1:10310 --listen …")
    return Check("agent", "fail", f"{facts.agent} does not answer", "docker restart <container>")


def _address(facts: Facts) -> Check:
    folder = facts.uri_folder
    if facts.uri_folder_writable:
        return Check("address", "pass", f"{folder}/uri can be written, for a docker exec to read")
    why = "the root file system is read-only" if facts.read_only else "the folder can't be written"
    seen = f"a docker exec does not find the agent: {why}, so there is no {folder}/uri"
    return Check("address", "warn", seen, f"docker run --tmpfs {folder}:uid={facts.uid} …")


def _journal(facts: Facts) -> Check:
    folder, lost = facts.journal, "events are held in memory, and lost when the agent ends"
    if facts.journal_writable and facts.journal_space >= _SPACE:
        return Check("journal", "pass", f"events are kept in {folder}")
    if facts.journal_writable:
        return Check("journal", "warn", f"{lost}: the disk of {folder} is full", f"df {folder}")
    if facts.read_only:
        fix = f"docker run -v NAME:{folder} …"
        return Check("journal", "warn", f"{lost}: the root file system is read-only", fix)
    fix = f"RUN install -d -o {facts.uid} -m 0700 {folder}"
    return Check("journal", "warn", f"{lost}: {folder} can't be written", fix)
