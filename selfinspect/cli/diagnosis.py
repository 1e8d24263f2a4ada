"""The checks of `doctor`: what was found, and the command that fixes what is wrong. Pure."""

from __future__ import annotations

import re
from dataclasses import field
from pathlib import PurePosixPath
from shlex import quote
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import urlsplit

from selfinspect.engine.api.capabilities import allowing
from selfinspect.engine.http.socket_file import group_of
from selfinspect.engine.quirks import DOCKER, unbuffered
from selfinspect.engine.tried import MEANINGS
from selfinspect.frozen import dataclass
from selfinspect.jsonread import text
from selfinspect.model import SHORT_ID
from selfinspect.supervise.users import USUAL_SOCKETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selfinspect.engine.quirks import Quirks
    from selfinspect.errors import EngineError
    from selfinspect.model import (
        Access,
        Attempt,
        Capability,
        Engine,
        Identity,
        Mount,
        Reach,
        Snapshot,
    )

Status: TypeAlias = Literal["pass", "warn", "fail"]
Cgroup: TypeAlias = Literal["cgroup v1", "cgroup v2"]

_PROXY = "put a proxy between: deploy/socket-proxy has one that lets this container's reads through"
_AS_AGENT = "docker exec --user UID <container> selfinspect doctor, with the UID of --agent-user"
_CLOSED = frozenset({"refused", "timeout"})
_ABSENT, _MISSING, _THERE = range(3)
_LEAST_SPACE = 2**20
_NO_LOG = re.compile(r"log(ging)? driver")
_ENGINES_OWN = ("docker.sock", "podman.sock")
_ENGINES_PATH = re.compile(
    r"(/var)?/run/(docker\.sock|podman/podman\.sock|user/\d+/(docker\.sock|podman/podman\.sock))"
)
"""Where engines listen by default, as root and as somebody else."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    `fix` is what a person types or sets; None where nothing is wrong or nothing can be done.
    """

    name: str
    status: Status
    seen: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class AgentsView:
    """What the agent, which may be another user than we are, has found.

    Attributes:
        identity: which container this is.
        reach: the engine that answers it, None where none does.
    """

    identity: Identity
    reach: Reach | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found.

    Attributes:
        snapshot: identity, engine and the endpoints tried.
        reach: the engine that answered, None where none did.
        failed: the requests that this engine did not answer, and why.
        held_back: whether a proxy holds back live events, but not those of the past.
        proxy: what the proxy before the engine calls itself, None where none does.
        kernel: the release of the kernel, which names Docker Desktop's VM.
        made_by: the ways of the engine that made this container.
        rootless: whether a user's own engine made this container, not root's.
        rootless_engine: whether the engine that answered says that it is another user's than root.
        without_cgroups: whether that engine gives its containers no cgroups.
        warnings: what is wrong with variables that are ignored.
        agent: the address of this container's agent, None where it is unknown.
        agent_answers: whether it answers there.
        agents: what it has found; asked for where we may not reach the engine.
        agent_silent: whether it was asked for that, and did not say.
        cgroup: the cgroup version whose figures can be read, None where none can.
        uri_folder: where the agent writes its address.
        uri_folder_writable: whether it can, or has done so already.
        journal: the folder in which it keeps events.
        journal_writable: whether it can.
        journal_owner: the user whose folder that is.
        journal_mount: the type of what is mounted there, None where nothing is.
        journal_read_only: whether that folder's file system is.
        journal_space: bytes that are free there.
        read_only: whether the root file system is read-only.
        uid: our user, and most likely the agent's.
    """

    snapshot: Snapshot
    reach: Reach | None
    agent: str | None
    agent_answers: bool
    cgroup: Cgroup | None
    uri_folder: str
    uri_folder_writable: bool
    journal: str
    journal_writable: bool
    journal_space: int
    read_only: bool
    uid: int
    failed: Mapping[Capability, EngineError] = field(default_factory=dict)
    held_back: bool = False
    proxy: str | None = None
    kernel: str = ""
    made_by: Quirks = DOCKER
    rootless: bool = False
    rootless_engine: bool = False
    without_cgroups: bool = False
    warnings: tuple[str, ...] = ()
    agents: AgentsView | None = None
    agent_silent: bool = False
    journal_owner: int | None = None
    journal_mount: str | None = None
    journal_read_only: bool = False


def diagnose(facts: Facts) -> tuple[Check, ...]:
    """Every check, each after those that it depends on."""
    return (
        *(Check("environment", "warn", each) for each in facts.warnings),
        _identity(facts),
        *_endpoints(facts),
        *_connection(facts),
        *(_capabilities(facts) if facts.snapshot.engine or _agents_reach(facts) else ()),
        _figures(facts, engine=bool(facts.snapshot.engine or _agents_reach(facts))),
        _agent(facts),
        _address(facts),
        _journal(facts),
    )


def _agents_reach(facts: Facts) -> Reach | None:
    """The engine that the agent has where we have none."""
    return facts.agents.reach if facts.agents and facts.snapshot.engine is None else None


def _identity(facts: Facts) -> Check:
    snapshot = facts.snapshot
    identity = snapshot.identity
    if facts.agents and _agents_reach(facts) and (found := facts.agents.identity).id:
        seen = f"{found.id[:SHORT_ID]}, {found.level} by {found.method}, as the agent has it"
        return Check("identity", "pass", seen)
    if identity.id is None:
        fix = "docker run --env SELFINSPECT_CONTAINER=NAME …"
        return Check("identity", "fail", identity.reason or "nothing names a container", fix)
    seen = f"{identity.id[:SHORT_ID]}, {identity.level} by {identity.method}"
    if identity.level in ("proven", "confirmed"):
        return Check("identity", "pass", seen)
    if snapshot.self is not None and snapshot.self.id is None:
        seen = f"{seen}, and used nowhere: {identity.reason}"
        fix = "docker run --env SELFINSPECT_ASSUME=1 … if no container shares another's network"
        return Check("identity", "warn", seen, fix)
    return Check("identity", "warn", f"{seen}: only an engine can prove it")


def _endpoints(facts: Facts) -> Iterator[Check]:
    """Each endpoint at which an engine was looked for.

    Without a usable engine one endpoint fails, the one that needs the least to work; the others
    are warnings. Beside a usable engine an absent one passes.
    """
    snapshot = facts.snapshot
    if not snapshot.tried:
        yield Check("engine", "pass", "switched off: only the kernel's files are read")
    agents = _agents_reach(facts)
    usable = snapshot.engine is not None or agents is not None
    nearest = None if usable else max(snapshot.tried, key=_nearness, default=None)
    for attempt in snapshot.tried:
        name = f"engine {attempt.endpoint}"
        seen = (attempt.detail or attempt.said).removeprefix(f"{attempt.endpoint}: ")
        if attempt.outcome == "answers":
            yield Check(name, "pass", _engine_name(snapshot.engine))
        elif agents is not None and attempt.endpoint == agents.engine.endpoint:
            reached = f"the agent reaches it: {_engine_name(agents.engine)}"
            yield Check(name, "pass", f"{seen}; {reached}")
        elif attempt.outcome == "denied" and facts.agent_silent:
            unknown = "whether the agent, if it is another user, reaches it is not seen from here"
            yield Check(name, "warn", f"{seen}; {unknown}", _AS_AGENT)
        elif attempt is nearest:
            yield Check(name, "fail", seen, _fix(attempt, facts))
        elif _nearness(attempt) < _THERE:
            fix = None if usable or attempt.outcome not in _CLOSED else attempt.hint
            yield Check(name, "pass" if usable else "warn", seen, fix)
        else:
            yield Check(name, "warn", seen, _fix(attempt, facts))


def _nearness(attempt: Attempt) -> int:
    """How little an endpoint needs to work: the larger, the less.

    A gateway that does not listen needs the most: mounting a socket is simpler.
    """
    means = MEANINGS[attempt.outcome]
    if attempt.guessed and (means.nobody or means.absent):
        return _ABSENT
    return _MISSING if means.absent else _THERE


def _fix(attempt: Attempt, facts: Facts) -> str | None:
    """The command that fixes it where there is one, else the hint that came with the outcome."""
    if attempt.outcome == "missing":
        return _mount(attempt.endpoint.removeprefix("unix://"), facts)
    if attempt.outcome == "stale":
        own = facts.snapshot.self
        container = ((own and own.id) or "<container>")[:SHORT_ID]  # never an assumed one
        return (attempt.hint or "").replace("restart this container", f"docker restart {container}")
    if fix := MEANINGS[attempt.outcome].fix:
        given = re.search(r"--engine-server-name (?:'[^']*'|\S)+", attempt.hint or "")
        other = f"; or {given[0]}" if given and attempt.outcome == "wrong name" else ""
        return fix.format(host=urlsplit(attempt.endpoint).hostname) + other
    return attempt.hint or "mount the socket of the engine that started this container"


def _mount(path: str, facts: Facts) -> str:
    """The command that mounts the engine's socket, Docker's or Podman's."""
    unit = facts.made_by.socket_unit
    if unit and path in USUAL_SOCKETS:
        source, user = ("/run/podman/podman.sock", "")
        if facts.rootless:
            source, user = ("$XDG_RUNTIME_DIR/podman/podman.sock", " --user")
        run = f"podman run -v {source}:/run/podman/podman.sock"
        return f"systemctl{user} enable --now {unit} && {run} …"
    if facts.rootless and path in USUAL_SOCKETS:
        return f"docker run -v $XDG_RUNTIME_DIR/docker.sock:{quote(path)} …"
    return f"docker run -v {quote(f'{path}:{path}')} --group-add {group_of(path, facts.kernel)} …"


def _engine_name(engine: Engine | None) -> str:
    return f"{engine.product} {engine.version}, API {engine.api_version}" if engine else "answers"


def _connection(facts: Facts) -> Iterator[Check]:
    """How safe the way to the engine is: over the network, or through a mounted socket."""
    reach, own = facts.reach, facts.snapshot.self
    if reach is None:
        return
    endpoint = reach.engine.endpoint
    if reach.encrypted:
        yield Check("encryption", "pass", "TLS")
    elif reach.encrypted is False:
        seen = (
            "none: whoever is on this network can read along, impersonate the engine (ARP), and"
            " become root on the engine's host through it"
        )
        yield Check("encryption", "warn", seen, "deploy/tls/certificates.sh DIR, then TLS on 2376")
    path = endpoint.removeprefix("unix://")
    for mount in (own.mounts or ()) if own else ():
        if (source := _engines_own(mount, path)) is not None:
            becomes = "root on the host"
            if facts.rootless_engine:
                becomes = "the user on the host whose rootless engine it is"
            seen = (
                f"{source} is mounted: if it is the engine's own socket, any code in this"
                f" container can become {becomes}"
            )
            yield Check("socket", "warn", seen, _PROXY)
            return


def _engines_own(mount: Mount, path: str) -> str | None:
    """The path on the host of the engine's socket, if a mount brings it to where we connect.

    A socket mounted by itself is recognised by its name. One in a mounted folder is recognised by
    an engine's default path: a proxy's folder may hold a socket of that name, too.
    """
    if not mount.source:
        return None
    # /var/run is a link to /run nearly everywhere.
    if mount.destination.removeprefix("/var") == path.removeprefix("/var"):
        return mount.source if PurePosixPath(mount.source).name in _ENGINES_OWN else None
    for folder in (mount.destination, mount.destination.replace("/run", "/var/run", 1)):
        if path.startswith(f"{folder.rstrip('/')}/"):
            source = f"{mount.source.rstrip('/')}/{path.removeprefix(folder).lstrip('/')}"
            return source if _ENGINES_PATH.fullmatch(source) else None
    return None


def _capabilities(facts: Facts) -> Iterator[Check]:
    """The requests that are allowed, and each that is not or fails, in the engine's own words."""
    reach = facts.reach or _agents_reach(facts)
    if reach is None:
        return
    accesses = reach.capabilities
    amiss: set[Capability] = {"events"} if facts.held_back else set()
    amiss |= facts.failed.keys()
    amiss |= {name for name, access in accesses.items() if access in ("denied", "unsupported")}
    if allowed := sorted({name for name in accesses if accesses[name] == "allowed"} - amiss):
        yield Check("capabilities", "pass", f"allowed: {', '.join(allowed)}")
    for name in sorted(amiss):
        seen, fix = _refused(name, accesses.get(name), facts)
        yield Check(f"capability {name}", "warn", seen, fix)


def _refused(name: Capability, access: Access | None, facts: Facts) -> tuple[str, str | None]:
    """What became of a request that is not allowed or fails, and what a person can do about it."""
    error = facts.failed.get(name)
    if access == "denied":
        seen = f"denied: {error.detail}" if error else "denied by a proxy"
        return seen, (error and error.hint) or allowing(name)
    if name == "events" and facts.held_back:
        return (
            f"{facts.proxy or 'a proxy'} before the engine holds back live events: they are asked"
            " for every 10 s while somebody listens, else once a minute"
        ), unbuffered(facts.proxy)
    if error is None:
        return "this engine has no such endpoint", None
    return error.detail.removeprefix(f"{error.endpoint}: "), _request_fix(name, error, facts)


def _request_fix(name: Capability, error: EngineError, facts: Facts) -> str | None:
    """What a person can do about a request that fails, None where that is unknown."""
    if name == "top" and '"ps"' in error.detail:
        return "on the engine's host: apt-get install procps, or the package that has ps"
    if name == "logs" and _NO_LOG.search(error.detail):
        driver = text(facts.snapshot.inspect, "HostConfig", "LogConfig", "Type")
        return f"{facts.made_by.logging} …" + (
            f", in place of --log-driver {quote(driver)}" if driver else ""
        )
    return error.hint


def _figures(facts: Facts, *, engine: bool) -> Check:
    if facts.without_cgroups:
        seen = "of the network alone: this engine gives its containers no cgroups"
        fix = "boot the host with cgroup v2, where systemd gives a rootless engine its own"
        return Check("figures", "warn", seen, fix)
    cgroup = facts.cgroup
    if cgroup is not None:
        events = "" if cgroup == "cgroup v2" else "; memory events are unsupported"
        return Check("figures", "pass", f"from the kernel, {cgroup}{events}")
    if engine:
        return Check("figures", "pass", "from the engine: this container's cgroup is not mounted")
    fix = "docker run --cgroupns private …"
    return Check("figures", "fail", "none: this container's cgroup is not mounted", fix)


def _agent(facts: Facts) -> Check:
    if facts.agent is None:
        seen = "not found: every verb looks for itself"
        return Check("agent", "warn", seen, 'ENTRYPOINT ["selfinspect", "run", "--"]')
    if facts.agent_answers:
        return Check("agent", "pass", f"answers at {facts.agent}")
    if facts.agent.startswith("https:"):
        seen = f"listens only at {facts.agent}: clients in this container do not speak TLS"
        return Check("agent", "warn", seen, "selfinspect run --listen 127.0.0.1:10310 --listen …")
    seen = f"{facts.agent} does not answer"
    return Check("agent", "fail", seen, "docker logs <container> says why it ended")


def _address(facts: Facts) -> Check:
    folder = facts.uri_folder
    if facts.uri_folder_writable:
        return Check("address", "pass", f"{folder}/uri can be written, for a docker exec to read")
    why = "the root file system is read-only" if facts.read_only else "it can't be written"
    seen = f"no {folder}/uri, so a docker exec does not find the agent: {why}"
    return Check("address", "warn", seen, f"docker run --tmpfs {quote(folder)}:uid={facts.uid} …")


def _to_write(folder: str, facts: Facts) -> str:
    """How a folder that something is mounted on becomes the agent's to write."""
    if facts.journal_read_only:
        return f"docker run -v NAME:{quote(folder)} …, without :ro"
    if facts.journal_mount == "tmpfs":  # empty again, and root's, after each start
        return f"docker run --tmpfs {quote(folder)}:uid={facts.uid} …"
    own = f"docker exec --user 0 <container> chown -R {facts.uid} {quote(folder)}"
    return f"{own} && docker restart <container>"


def _journal(facts: Facts) -> Check:
    folder, lost = facts.journal, "events are kept in memory, and lost when the agent ends"
    if facts.journal_writable and facts.journal_space >= _LEAST_SPACE:
        return Check("journal", "pass", f"events are kept in {folder}")
    if facts.journal_writable:
        seen = f"{lost}: the disk of {folder} is full"
        return Check("journal", "warn", seen, f"df {quote(folder)}")
    if facts.read_only and not facts.journal_mount:
        fix = f"docker run -v NAME:{quote(folder)} …"
        return Check("journal", "warn", f"{lost}: the root file system is read-only", fix)
    if facts.agent_answers and facts.journal_owner not in (None, 0, facts.uid):
        seen = f"{folder} belongs to uid {facts.journal_owner}, which may be the agent's user"
        return Check("journal", "warn", seen, _AS_AGENT)
    if facts.journal_mount:
        seen = f"{lost}: {folder} is a mount, which can't be written"
        return Check("journal", "warn", seen, _to_write(folder, facts))
    fix = f"RUN install -d -o {facts.uid} -m 0700 {quote(folder)}"
    return Check("journal", "warn", f"{lost}: {folder} can't be written", fix)
