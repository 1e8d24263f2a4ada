"""One look at this container: evidence, engine, proof and inspect, made into one observation."""

from __future__ import annotations

import time
from dataclasses import field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from selfinspect import times
from selfinspect.agent.state import GONE, UNRESOLVED, Observation
from selfinspect.documents import engine_missing, standing
from selfinspect.engine.api.client import Client, Inquiry, Prober
from selfinspect.engine.api.extras import Extras
from selfinspect.engine.contacts import contacts
from selfinspect.engine.inspect.bounds import bounded
from selfinspect.engine.inspect.describe import describe, health_check, without_engine
from selfinspect.engine.inspect.limits import cgroup_path, specification
from selfinspect.engine.quirks import gives_cgroups, named, quirks_of
from selfinspect.engine.tried import (
    NO_TARGET,
    STRANGER,
    UNPROVEN,
    attempt,
    failure,
    matters,
    no_target,
    unquoted,
    unusable,
)
from selfinspect.errors import EngineError
from selfinspect.frozen import dataclass
from selfinspect.identity.evidence import gather
from selfinspect.identity.resolve import Relation, Resolution, resolve
from selfinspect.jsonread import text
from selfinspect.kernel.identity_files import read_identity_files
from selfinspect.kernel.reader import CgroupReader
from selfinspect.masking import Masking, masked_again
from selfinspect.model import Attempt, Reach, Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.agent.state import State
    from selfinspect.engine.api.connection import Connection
    from selfinspect.engine.http.transport import Observe
    from selfinspect.engine.locate import Place
    from selfinspect.errors import EngineAnswerError
    from selfinspect.identity.evidence import Evidence
    from selfinspect.kernel.identity_files import IdentityFiles
    from selfinspect.model import Json, Unusable
    from selfinspect.settings import Settings

_WEIGHT: Mapping[Relation, int] = {"stranger": 0, "denied": 1, "unproven": 2}
"""Which answer is kept of several engines that are not ours: a doubt outweighs a stranger."""


def observe(
    settings: Settings,
    environ: Mapping[str, str],
    last: Observation | None = None,
    *,
    observe_request: Observe | None = None,
) -> Observation:
    """Find out which container this is, and what the engine and the kernel say of it.

    Args:
        settings: where to look.
        environ: read for `HOSTNAME`, the engine's variables and the runtime's folder.
        last: what was found before, None at first.
        observe_request: called for each request to the engine: which, its status, its seconds.
    """
    files = read_identity_files(settings.root)
    own_root = settings.root == Path("/")
    evidence = _gathered(files, environ, own_root=own_root)
    # A container's network alone is probed: another's, or a machine's, is somebody else's.
    contained = bool(evidence.candidates or files.dockerenv_mtime or files.containerenv)
    guess = settings.engine == "auto" and own_root and contained
    look = _Look(settings, evidence, last)
    for place, answered in contacts(settings, environ, observe_request, guess=guess):
        if (observation := look.at(place, answered)) is not None:
            return observation
    return look.alone(files.hostname.strip() or None)


class _Look:
    """Tries one place after another where an engine may be, until one has this container."""

    def __init__(self, settings: Settings, evidence: Evidence, last: Observation | None) -> None:
        self._settings = settings
        self._evidence = evidence
        self._target = _target(settings, last)
        pod = evidence.kubernetes if settings.target == "self" else None
        snapshot = Snapshot(UNRESOLVED, kubernetes=pod)
        self._first = Observation(snapshot, Masking(settings.reveal))
        self._tried: list[Attempt] = []
        self._failures: list[EngineError] = []
        self._left: Resolution | None = None

    def at(self, place: Place, answered: Connection | EngineError) -> Observation | None:
        """The observation with the engine at a place, None where that engine is not ours."""
        observation = None
        try:
            if isinstance(answered, EngineError):
                raise answered
            observation = self._asked(place, answered)
        except EngineError as error:
            shown = unquoted(error) if place.guessed else error
            if matters(place, shown):
                self._failures.append(shown)
            self._tried.append(attempt(place, shown))
        finally:
            if observation is None and not isinstance(answered, EngineError):
                answered.transport.close()
        return observation

    def alone(self, hostname: str | None) -> Observation:
        """The observation where no engine is ours: our document has what the kernel says."""
        settings, first, tried = self._settings, self._first, tuple(self._tried)
        left = self._left or resolve(
            self._evidence, None, claim=settings.container, target=settings.target
        )
        own = None
        if left.identity.id is not None:
            own = without_engine(
                left.identity,
                hostname=hostname,
                limits=CgroupReader(settings.root).limits() if settings.target == "self" else None,
                kubernetes=first.snapshot.kubernetes,
                assume=settings.assume,
            )
        failed = no_target(settings.target) if first.missing else failure(tried, self._failures)
        snapshot = replace(
            first.snapshot, identity=left.identity, self=own, tried=tried, failure=failed
        )
        return replace(first, snapshot=snapshot)

    def _asked(self, place: Place, connection: Connection) -> Observation | None:
        found = self._resolved(place, connection)
        trusted = not place.guessed and place.named_by != "context"
        believed = trusted or (found.proven and not place.guessed)
        if found.engine == "ours" and (trusted or found.proven):
            return _with_engine(self._first, connection, found, tuple(self._tried))
        # An answer at a place that nobody named, and that proves nothing, is not kept.
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
            of_others = of_others and (trusted or found.proven)
            outcome = NO_TARGET if of_others else STRANGER
            if of_others:
                self._first = replace(self._first, connection=connection, missing=True)
        self._tried.append(unusable(place, outcome, found.reason if believed else None))
        return None

    def _resolved(self, place: Place, connection: Connection) -> Resolution:
        """What an engine says of us, or of the container that is to be reported on."""
        ask = partial(
            resolve,
            self._evidence,
            Prober(connection),
            place_named=not place.guessed,
            place_trusted=place.named_by != "context",
            claim=self._settings.container,
        )
        if self._target is not None:
            # Until it is removed it stays the one, whatever its name is by now.
            found = ask(target=self._target)
            if found.engine != "stranger":
                return found
        return ask(target=self._settings.target)


def _target(settings: Settings, last: Observation | None) -> str | None:
    """The ID of the other container that was reported on last, None where it was removed."""
    if settings.target in ("self", "netns") or last is None or last.client is None:
        return None
    own = last.snapshot.self
    return None if own is None or own.state == GONE else last.client.id


def _gathered(files: IdentityFiles, environ: Mapping[str, str], *, own_root: bool) -> Evidence:
    """The evidence of our own files, or of a tree that is mounted here."""
    if own_root:
        return gather(files, environ)
    # HOSTNAME is the name of where we run; PID 1 and /etc may be the machine's.
    evidence = gather(files, {**environ, "HOSTNAME": ""})
    return replace(
        evidence, started_at=None, hostname_written=None, own_pids=evidence.own_pids or None
    )


def _with_engine(
    first: Observation, connection: Connection, found: Resolution, tried: tuple[Attempt, ...]
) -> Observation:
    inspect, container = found.inspect, found.identity.id or ""
    masking = first.masking.learn(inspect)
    connection = replace(connection, masking=masking)
    client = Client(connection, container)
    connection.capabilities.allowed("inspect")  # to the prober
    extras = Extras(
        {
            "info": lambda: bounded(client.info())[0],
            "image": lambda: bounded(client.image(text(inspect, "Image") or ""))[0],
            "version": lambda: connection.json("version"),
        }
    )
    tried = (*tried, Attempt(connection.engine.endpoint, "answers"))
    mode = text(inspect, "HostConfig", "NetworkMode") or ""
    observation = replace(
        first,
        snapshot=replace(
            first.snapshot, identity=found.identity, engine=connection.engine, tried=tried
        ),
        masking=masking,
        client=client,
        own_network=mode != "host" and not mode.startswith("container:"),
        connection=connection,
        inspect=inspect,
        extras=extras,
        missing=False,
    )
    extras.wait()
    seen = filled_in(observation)
    return _described(seen, _masked(seen, inspect))


def _denied_by(first: Observation, connection: Connection, error: EngineAnswerError) -> Observation:
    """The same, with an engine that denies us inspect, and perhaps not the rest."""
    connection.capabilities.refused("inspect", error)
    extras = Extras({"version": lambda: connection.json("version")})
    extras.wait()
    return replace(first, connection=connection, release=extras["version"])


def reach(observation: Observation) -> Reach | None:
    """The engine that answered, and our access to it as far as it was tried; asks it nothing."""
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
    """What asks the engine for more than the snapshot has.

    Raises:
        IdentityError: the container is unresolved.
        EngineError: no engine has this container, or it denies us inspect.
    """
    snapshot = observation.snapshot
    standing(snapshot)
    if observation.client is None:
        raise engine_missing(snapshot)
    return Inquiry(observation.client, observation.masking, snapshot.inspect)


def inspect_again(state: State, client: Client) -> Observation:
    """Ask for the same container's inspect document again, and swap it in.

    Raises:
        EngineError: the engine gave no answer.
    """
    # Masked before the lock: a large document takes a second. Nobody else writes what that reads.
    document = _masked(state.observation, client.inspect())
    now = state.change(lambda last: filled_in(_described(last, document)))
    if now.extras is not None:
        now.extras.ask()
    return now


def filled_in(last: Observation) -> Observation:
    """The same, with what the engine has returned beside inspect by now; asks it nothing."""
    extras, client, snapshot = last.extras, last.client, last.snapshot
    if extras is None or client is None or snapshot.engine is None:
        return last
    complete = extras.complete  # before the answers: one may come meanwhile
    image, info, release = extras["image"], extras["info"], extras["version"]
    if (image, info, release) == (last.image, last.info, last.release):
        return _complete(last, extras) if complete else last
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
        has_cgroup=None if info is None else gives_cgroups(info),
        cgroup_path=cgroup_path(
            client.id,
            driver=driver,
            parent=text(inspect, "HostConfig", "CgroupParent") or "",
            quirks=quirks_of(engine),
        )
        if driver
        else None,
    )
    if complete:
        found = _complete(found, extras)
    own = snapshot.self
    if own is None:
        return found
    return _read(found, snapshot.inspect, own.truncated or {}, own.inspected_at)


def _complete(last: Observation, extras: Extras) -> Observation:
    return replace(last, extras=None, refused=extras.failures())


@dataclass(frozen=True, slots=True)
class _Document:
    """A new inspect document: masked, what of it is kept unmasked, what was cut, and when."""

    masked: Json
    kept: Json = field(repr=False)
    truncated: Mapping[str, int]
    inspected_at: str


def _masked(last: Observation, inspect: Json) -> _Document:
    inspect, truncated = bounded(inspect)
    masked = masked_again(last.masking, inspect, last.inspect, last.snapshot.inspect)
    if truncated and isinstance(masked, dict):
        masked = {**masked, "truncated": dict(truncated)}
    # What had to be cut is large: no more of it is kept unmasked than is asked for.
    kept = health_check(inspect) if truncated else inspect
    return _Document(masked, kept, truncated, times.rfc3339(time.time_ns()))


def _described(last: Observation, document: _Document) -> Observation:
    """The observation with a new inspect document, read into our own."""
    snapshot = replace(last.snapshot, failure=None)
    last = replace(last, snapshot=snapshot, inspect=document.kept)
    return _read(last, document.masked, document.truncated, document.inspected_at)


def _read(
    last: Observation, masked: Json, truncated: Mapping[str, int], inspected_at: str | None
) -> Observation:
    """The observation with our document, read from a masked inspect document of that time."""
    engine = last.snapshot.engine
    if engine is None or inspected_at is None:
        raise ValueError("an inspect document comes from an engine")
    name = (text(masked, "Name") or "").removeprefix("/") or None
    identity = replace(last.snapshot.identity, name=name)
    limited = last.has_cgroup is not False
    own = describe(
        masked,
        identity=identity,
        engine=engine,
        image=last.image,
        info=last.info,
        inspected_at=inspected_at,
        kubernetes=last.snapshot.kubernetes,
        truncated=truncated,
        limited=limited,
    )
    snapshot = replace(last.snapshot, identity=identity, self=own, inspect=masked)
    configured = specification(masked) if limited else None
    return replace(last, snapshot=snapshot, specification=configured)
