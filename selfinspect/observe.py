"""One look at ourselves: evidence, engine, proof and inspect, made into one snapshot."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from selfinspect import times
from selfinspect.documents import engine_missing, refused
from selfinspect.engine.access import text
from selfinspect.engine.cgroup_path import cgroup_path
from selfinspect.engine.client import Client
from selfinspect.engine.contacts import contacts
from selfinspect.engine.describe import describe, without_engine
from selfinspect.engine.extras import Extras
from selfinspect.engine.health_check import command_line
from selfinspect.engine.inquiry import Inquiry
from selfinspect.engine.prober import Prober
from selfinspect.engine.product import named
from selfinspect.engine.tried import STRANGER, attempt, failure, no_target, tells
from selfinspect.errors import EngineError
from selfinspect.identity.evidence import gather
from selfinspect.identity.resolve import Resolution, resolve
from selfinspect.kernel.identity_files import read_identity_files
from selfinspect.kernel.reader import CgroupReader
from selfinspect.masking import Masking, masked_again
from selfinspect.model import Attempt, Identity, Reach, Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.engine.connection import Connection
    from selfinspect.engine.transport import Observe
    from selfinspect.identity.evidence import Evidence
    from selfinspect.kernel.identity_files import IdentityFiles
    from selfinspect.model import Json, Run, Self
    from selfinspect.settings import Settings

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
        inspect: our inspect document as the engine sent it, unmasked.
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
    first = Observation(Snapshot(NOT_KNOWN_YET), Masking(settings.reveal))
    tried: list[Attempt] = []
    failures: list[EngineError] = []
    found: Resolution | None = None
    # A container's network alone is probed: another's, or a machine's, is somebody else's.
    contained = bool(evidence.candidates or files.dockerenv_mtime or files.containerenv)
    guess = settings.engine == "auto" and own_root and contained
    for place, answered in contacts(settings, environ, observe_request, guess=guess):
        try:
            if isinstance(answered, EngineError):
                raise answered
            with ExitStack() as unless_it_counts:
                connection = answered
                unless_it_counts.callback(connection.transport.close)
                found = resolve(
                    evidence, Prober(connection), claim=settings.container, target=settings.target
                )
                if place.if_proven and found.identity.level != "proven":
                    found = Resolution(NOT_KNOWN_YET)
                if found.identity.id is not None and found.inspect is not None:
                    observation = _with_engine(first, connection, found, tuple(tried))
                    unless_it_counts.pop_all()
                    return observation
                first = _without_client(first, connection, found)
                if found.identity.id is not None:
                    # Known from the kernel alone: the engine denied the rest, and says so again.
                    Client(connection, found.identity.id).inspect()
        except EngineError as error:
            if tells(place, error):
                failures.append(error)
            tried.append(attempt(place, error))
        else:
            tried.append(Attempt(place.endpoint, STRANGER, guessed=place.guessed))
    if found is None or found.identity is NOT_KNOWN_YET:
        found = resolve(evidence, None, claim=settings.container, target=settings.target)
    own = _alone(settings, found.identity, files.hostname.strip() or None)
    failed = no_target(settings.target) if first.missing else failure(tuple(tried), failures)
    snapshot = Snapshot(found.identity, self=own, tried=tuple(tried), failure=failed)
    return replace(first, snapshot=snapshot)


def _gathered(files: IdentityFiles, environ: Mapping[str, str], *, own_root: bool) -> Evidence:
    """The evidence of our own files, or of a tree that is mounted here."""
    if own_root:
        return gather(files, environ)
    # HOSTNAME is the name of where we run; PID 1 may be the machine's.
    evidence = gather(files, {**environ, "HOSTNAME": ""})
    return replace(evidence, started_at=None, own_pids=None)


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
            parent=text(last.inspect, "HostConfig", "CgroupParent") or "",
            podman=engine.is_podman,
        )
        if driver
        else None,
    )
    if snapshot.self is None:
        return found
    return _described(found, last.inspect, snapshot.self.inspected_at)


def gone(last: Observation) -> Observation:
    """The same of a container that was removed; asks nothing."""
    own = last.snapshot.self
    if own is None or own.state == GONE:
        return last
    return replace(last, snapshot=replace(last.snapshot, self=replace(own, state=GONE)))


def with_previous_run(observation: Observation, run: Run | None) -> Observation:
    """The same, telling of the last run that is over."""
    snapshot = observation.snapshot
    if snapshot.self is None or snapshot.self.previous_run == run:
        return observation
    own = replace(snapshot.self, previous_run=run)
    return replace(observation, snapshot=replace(snapshot, self=own))


def _with_engine(
    first: Observation, connection: Connection, found: Resolution, tried: tuple[Attempt, ...]
) -> Observation:
    inspect, container = found.inspect, found.identity.id or ""
    client = Client(connection, container)
    # It was let through before there was a client.
    connection.capabilities.ask("inspect", lambda: inspect)
    extras = Extras(
        {
            "info": client.info,
            "image": lambda: client.image(text(inspect, "Image") or ""),
            "version": connection.version,
        }
    )
    tried = (*tried, Attempt(connection.engine.endpoint, "answers"))
    mode = text(inspect, "HostConfig", "NetworkMode") or ""
    observation = replace(
        first,
        snapshot=Snapshot(found.identity, engine=connection.engine, tried=tried),
        masking=first.masking.learn(inspect),
        client=client,
        own_network=mode != "host" and not mode.startswith("container:"),
        connection=connection,
        inspect=inspect,
        extras=extras,
    )
    extras.wait()
    return _described(filled_in(observation), inspect)


def _without_client(first: Observation, connection: Connection, found: Resolution) -> Observation:
    """What is known of an engine that answers and shows us no container."""
    if found.missing:
        return replace(first, connection=connection, missing=True)
    if found.identity.id is None:
        return first
    extras = Extras({"version": connection.version})
    extras.wait()
    return replace(first, connection=connection, release=extras["version"])


def _described(last: Observation, inspect: Json, inspected_at: str | None = None) -> Observation:
    """The observation with an inspect document, of now or of then: masked, read into our own."""
    engine = last.snapshot.engine
    if engine is None:
        raise ValueError("an inspect document comes from an engine")
    masked = masked_again(last.masking, inspect, last.inspect, last.snapshot.inspect)
    identity = replace(
        last.snapshot.identity, name=(text(masked, "Name") or "").removeprefix("/") or None
    )
    own = describe(
        masked,
        identity=identity,
        engine=engine,
        image=last.image,
        inspected_at=inspected_at or times.rfc3339(time.time_ns()),
    )
    snapshot = replace(last.snapshot, identity=identity, self=own, inspect=masked, failure=None)
    return replace(last, snapshot=snapshot, inspect=inspect)


def _alone(settings: Settings, identity: Identity, hostname: str | None) -> Self | None:
    """Our own document as the kernel has it; None where it is not known who we are."""
    if identity.id is None:
        return None
    limits = CgroupReader(settings.root).limits() if settings.target == "self" else None
    return without_engine(identity, hostname=hostname, limits=limits)
