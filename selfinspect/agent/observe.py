"""One look at ourselves: evidence, engine, proof and inspect, made into one snapshot."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from selfinspect import times
from selfinspect.documents import engine_missing, refused
from selfinspect.engine.api.client import Client, Prober
from selfinspect.engine.api.extras import Extras
from selfinspect.engine.api.inquiry import Inquiry
from selfinspect.engine.contacts import contacts
from selfinspect.engine.inspect.bounds import bounded
from selfinspect.engine.inspect.describe import command_line, describe, health_check, without_engine
from selfinspect.engine.inspect.limits import cgroup_path
from selfinspect.engine.quirks import named
from selfinspect.engine.tried import (
    NO_TARGET,
    STRANGER,
    UNPROVEN,
    attempt,
    failure,
    no_target,
    tells,
    unquoted,
    unusable,
)
from selfinspect.errors import EngineAnswerError, EngineError
from selfinspect.identity.evidence import gather
from selfinspect.identity.resolve import Resolution, resolve
from selfinspect.jsonread import text
from selfinspect.kernel.identity_files import read_identity_files
from selfinspect.kernel.reader import CgroupReader
from selfinspect.masking import Masking, masked_again
from selfinspect.model import Attempt, Identity, Reach, Snapshot, Stop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.engine.api.connection import Connection
    from selfinspect.engine.http.transport import Observe
    from selfinspect.engine.locate import Place
    from selfinspect.engine.tried import Unusable
    from selfinspect.identity.evidence import Evidence
    from selfinspect.identity.questions import Answer
    from selfinspect.kernel.identity_files import IdentityFiles
    from selfinspect.model import Json, Kubernetes, MemoryEvents, Run, Self, Stopping
    from selfinspect.settings import Settings

_WEIGHT: Mapping[Answer, int] = {"stranger": 0, "denied": 1, "unproven": 2}
"""Of several engines that are not ours, whose verdict is kept: a doubt outweighs a stranger."""

GONE = "gone"
"""The state of a container that was removed, until there is another of its name."""

NOT_KNOWN_YET = Identity(None, None, None, reason="the identity is still being resolved")


@dataclass(frozen=True, slots=True)
class Observation:
    """What one look found.

    Attributes:
        snapshot: the same for everyone who asks.
        masking: what is a secret of this container.
        client: whom to ask further, None where no engine knows us.
        image: the inspect document of our image, None where it is not known.
        cgroup_path: our cgroup as the host sees it, None where it is not known.
        own_network: false where our network is the host's or another container's.
        info: what the engine says of itself and its machine, None where it does not tell.
        connection: the engine that answers, even where it denies us the rest.
        release: what that engine says of its version, None where it does not tell.
        inspect: our inspect document as the engine sent it, as far as it is kept, unmasked.
        extras: brings image, info and release, None where no engine knows us.
        missing: whether the engine has no container of the name that is to be reported on.
    """

    snapshot: Snapshot
    masking: Masking
    client: Client | None = None
    image: Json = None
    cgroup_path: str | None = None
    own_network: bool = True
    info: Json = None
    connection: Connection | None = None
    release: Json = None
    inspect: Json = field(default=None, repr=False)
    extras: Extras | None = None
    missing: bool = False

    @property
    def health_check(self) -> str | None:
        """The command of our health check, unmasked; None where there is none."""
        return command_line(self.inspect)

    def close(self) -> None:
        """Close the connections to the engine that are idle."""
        if self.client is not None:
            self.client.connection.transport.close()


def observe(
    settings: Settings, environ: Mapping[str, str], *, observe_request: Observe | None = None
) -> Observation:
    """Find out which container this is, and all that can be known of it.

    Args:
        settings: where to look.
        environ: read for `HOSTNAME`, the engine's variables and the runtime's folder.
        observe_request: told of each request to the engine: which, its status, its seconds.
    """
    files = read_identity_files(settings.root)
    own_root = settings.root == Path("/")
    evidence = _gathered(files, environ, own_root=own_root)
    # A container's network alone is probed: another's, or a machine's, is somebody else's.
    contained = bool(evidence.candidates or files.dockerenv_mtime or files.containerenv)
    guess = settings.engine == "auto" and own_root and contained
    look = _Look(settings, evidence)
    for place, answered in contacts(settings, environ, observe_request, guess=guess):
        if (observation := look.at(place, answered)) is not None:
            return observation
    return look.alone(files.hostname.strip() or None)


class _Look:
    """One place after another where an engine may be, until one of them is ours."""

    def __init__(self, settings: Settings, evidence: Evidence) -> None:
        self._settings = settings
        self._evidence = evidence
        pod = evidence.kubernetes if settings.target == "self" else None
        snapshot = Snapshot(NOT_KNOWN_YET, kubernetes=pod)
        self._first = Observation(snapshot, Masking(settings.reveal))
        self._tried: list[Attempt] = []
        self._failures: list[EngineError] = []
        self._left: Resolution | None = None

    def at(self, place: Place, answered: Connection | EngineError) -> Observation | None:
        """What is known of us with the engine at a place, None where it is not ours."""
        try:
            if isinstance(answered, EngineError):
                raise answered
            with ExitStack() as unless_it_counts:
                unless_it_counts.callback(answered.transport.close)
                observation = self._asked(place, answered)
                if observation is not None:
                    unless_it_counts.pop_all()
                return observation
        except EngineError as error:
            told = unquoted(error) if place.guessed else error
            if tells(place, told):
                self._failures.append(told)
            self._tried.append(attempt(place, told))
            return None

    def alone(self, hostname: str | None) -> Observation:
        """What is known of us where no engine is ours."""
        settings, tried = self._settings, tuple(self._tried)
        left = self._left or resolve(
            self._evidence, None, claim=settings.container, target=settings.target
        )
        known = self._first.snapshot
        own = _alone(settings, left.identity, hostname, known.kubernetes)
        missing = self._first.missing
        failed = no_target(settings.target) if missing else failure(tried, self._failures)
        snapshot = replace(known, identity=left.identity, self=own, tried=tried, failure=failed)
        return replace(self._first, snapshot=snapshot)

    def _asked(self, place: Place, connection: Connection) -> Observation | None:
        found = resolve(
            self._evidence,
            Prober(connection),
            place_named=not place.guessed,
            claim=self._settings.container,
            target=self._settings.target,
        )
        proven = found.identity.level == "proven"
        believed = not place.guessed and (proven or place.named_by != "context")
        if found.engine == "ours" and (proven or believed):
            return _with_engine(self._first, connection, found, tuple(self._tried))
        # What is said at a place that nobody named, and that proves nothing, is not kept.
        if believed:
            if self._left is None or _WEIGHT[found.engine] > _WEIGHT[self._left.engine]:
                self._left = found
            if found.error is not None:
                self._first = _denied_by(self._first, connection, found.error)
        if found.error is not None:
            raise found.error
        outcome: Unusable = UNPROVEN
        if found.engine == "stranger":
            of_others = self._settings.target not in ("self", "netns")
            outcome = NO_TARGET if of_others else STRANGER
            if of_others and believed:
                self._first = replace(self._first, connection=connection, missing=True)
        self._tried.append(unusable(place, outcome, found.reason if believed else None))
        return None


def _denied_by(first: Observation, connection: Connection, error: EngineAnswerError) -> Observation:
    """The same, with an engine that denies us what we are, and perhaps not the rest."""

    def denied() -> Json:
        raise error

    with suppress(EngineAnswerError):
        connection.capabilities.ask("inspect", denied)
    extras = Extras({"version": connection.version})
    extras.wait()
    return replace(first, connection=connection, release=extras["version"])


def _gathered(files: IdentityFiles, environ: Mapping[str, str], *, own_root: bool) -> Evidence:
    """The evidence of our own files, or of a tree that is mounted here."""
    if own_root:
        return gather(files, environ)
    # HOSTNAME is the name of where we run; PID 1 and /etc may be the machine's.
    evidence = gather(files, {**environ, "HOSTNAME": ""})
    return replace(
        evidence, started_at=None, hostname_written=None, own_pids=evidence.own_pids or None
    )


def reach(observation: Observation) -> Reach | None:
    """The engine that answered, and what is known of our access to it; asks it nothing."""
    connection, release = observation.connection, observation.release
    if connection is None:
        return None
    transport = connection.transport
    return Reach(
        connection.engine,
        encrypted=None if transport.local else transport.encrypted,
        min_api_version=text(release, "MinAPIVersion"),
        os=text(release, "Os"),
        kernel=text(release, "KernelVersion"),
        capabilities=connection.capabilities.states(),
    )


def inquiry(observation: Observation) -> Inquiry:
    """Whom to ask for more than is known already.

    Raises:
        IdentityError: it is not known who is to be asked about.
        EngineError: no engine knows us, or it denies us that.
    """
    snapshot = observation.snapshot
    if snapshot.self is None:
        raise refused(snapshot)
    if observation.client is None:
        raise engine_missing(snapshot)
    return Inquiry(observation.client, observation.masking, snapshot.inspect)


def look_again(last: Observation) -> Observation:
    """The same container's inspect, asked for anew.

    Raises:
        EngineError: the engine gave no answer.
        ValueError: the last look found no engine.
    """
    if last.client is None:
        raise ValueError("there was no engine to ask again")
    found = _described(last, last.client.inspect())
    if found.extras is not None:
        found.extras.ask()
    return filled_in(found)


def filled_in(last: Observation) -> Observation:
    """The same, with what the engine has said beside the inspect document; asks it nothing."""
    extras, client, snapshot = last.extras, last.client, last.snapshot
    if extras is None or client is None or snapshot.engine is None:
        return last
    told = (extras["image"], extras["info"], extras["version"])
    if told == (last.image, last.info, last.release):
        return last
    image, info, release = told
    engine = named(snapshot.engine, release)
    connection = replace(client.connection, engine=engine)
    driver = text(info, "CgroupDriver")
    inspect = last.inspect if snapshot.inspect is None else snapshot.inspect
    found = replace(
        last,
        snapshot=replace(snapshot, engine=engine),
        client=replace(client, connection=connection),
        connection=connection,
        image=image,
        info=info,
        release=release,
        cgroup_path=cgroup_path(
            client.id,
            driver=driver,
            parent=text(inspect, "HostConfig", "CgroupParent") or "",
            podman=engine.is_podman,
        )
        if driver
        else None,
    )
    own = snapshot.self
    if own is None:
        return found
    return _read(found, snapshot.inspect, own.truncated or {}, own.inspected_at)


def gone(last: Observation) -> Observation:
    """The same of a container that was removed; asks nothing."""
    own = last.snapshot.self
    if own is None or own.state == GONE:
        return last
    return replace(last, snapshot=replace(last.snapshot, self=replace(own, state=GONE)))


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known of the container beside a look: it comes from elsewhere, at its own time.

    Attributes:
        previous_run: the last run that is over.
        stopping: the stop under way, of which PID 1 has said.
        stop_timeout: seconds by the option, where the container does not say.
        memory_events: how often memory was short, as the kernel counts.
    """

    previous_run: Run | None = None
    stopping: Stopping | None = None
    stop_timeout: float | None = None
    memory_events: MemoryEvents | None = None


def with_beside(observation: Observation, beside: Beside) -> Observation:
    """The same observation, its document with what is known beside the look."""
    snapshot = observation.snapshot
    if snapshot.self is None:
        return observation
    own = replace(
        snapshot.self,
        previous_run=beside.previous_run,
        stop=_stop(snapshot.self.stop, beside.stop_timeout),
        stopping=beside.stopping,
        memory_events=beside.memory_events,
    )
    if own == snapshot.self:
        return observation
    return replace(observation, snapshot=replace(snapshot, self=own))


def _stop(stop: Stop | None, seconds: float | None) -> Stop | None:
    """How the container is stopped, with the option's timeout where nobody else says one."""
    if seconds is None or (stop is not None and stop.timeout_seconds is not None):
        return stop
    return replace(stop or Stop(), timeout_seconds=round(seconds), source="option")


def _with_engine(
    first: Observation, connection: Connection, found: Resolution, tried: tuple[Attempt, ...]
) -> Observation:
    inspect, container = found.inspect, found.identity.id or ""
    client = Client(connection, container)
    # It was let through before there was a client.
    connection.capabilities.ask("inspect", lambda: inspect)
    extras = Extras(
        {
            "info": lambda: bounded(client.info())[0],
            "image": lambda: bounded(client.image(text(inspect, "Image") or ""))[0],
            "version": connection.version,
        }
    )
    tried = (*tried, Attempt(connection.engine.endpoint, "answers"))
    mode = text(inspect, "HostConfig", "NetworkMode") or ""
    observation = replace(
        first,
        snapshot=replace(
            first.snapshot, identity=found.identity, engine=connection.engine, tried=tried
        ),
        masking=first.masking.learn(inspect),
        client=client,
        own_network=mode != "host" and not mode.startswith("container:"),
        connection=connection,
        inspect=inspect,
        extras=extras,
    )
    extras.wait()
    return _described(filled_in(observation), inspect)


def _described(last: Observation, inspect: Json) -> Observation:
    """The observation with a new inspect document: masked, and read into our own."""
    inspect, truncated = bounded(inspect)
    masked = masked_again(last.masking, inspect, last.inspect, last.snapshot.inspect)
    if truncated and isinstance(masked, dict):
        masked = {**masked, "truncated": dict(truncated)}
    # What had to be cut is large: no more of it is kept unmasked than is asked for.
    kept = health_check(inspect) if truncated else inspect
    snapshot = replace(last.snapshot, failure=None)
    now = times.rfc3339(time.time_ns())
    return _read(replace(last, snapshot=snapshot, inspect=kept), masked, truncated, now)


def _read(
    last: Observation, masked: Json, truncated: Mapping[str, int], inspected_at: str | None
) -> Observation:
    """The observation with our own document, read from a masked inspect document of that time."""
    engine = last.snapshot.engine
    if engine is None or inspected_at is None:
        raise ValueError("an inspect document comes from an engine")
    name = (text(masked, "Name") or "").removeprefix("/") or None
    identity = replace(last.snapshot.identity, name=name)
    own = describe(
        masked,
        identity=identity,
        engine=engine,
        image=last.image,
        info=last.info,
        inspected_at=inspected_at,
        kubernetes=last.snapshot.kubernetes,
        truncated=truncated,
    )
    snapshot = replace(last.snapshot, identity=identity, self=own, inspect=masked)
    return replace(last, snapshot=snapshot)


def _alone(
    settings: Settings, identity: Identity, hostname: str | None, kubernetes: Kubernetes | None
) -> Self | None:
    """Our own document as the kernel has it; None where it is not known who we are."""
    if identity.id is None:
        return None
    limits = CgroupReader(settings.root).limits() if settings.target == "self" else None
    return without_engine(
        identity, hostname=hostname, limits=limits, kubernetes=kubernetes, assume=settings.assume
    )
