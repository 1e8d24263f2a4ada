"""Which container this is, how sure that is, and why: evidence and proof make a verdict.

`proven`: a proof succeeded. `confirmed`: no proof could be had, but an engine that somebody named
has the candidate, it runs, container-scoped evidence or the start time supports it, and nothing
contradicts it. Without an engine, or at one that is not ours, see `verdict`. In any other case:
no identity, and the reason.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from selfinspect.engine.quirks import gives_folders
from selfinspect.errors import EngineAnswerError, IdentityError, UnknownContainerError
from selfinspect.frozen import dataclass
from selfinspect.identity.evidence import Evidence
from selfinspect.identity.findings import (
    Finding,
    is_running,
    joined_network,
    name_of,
    network_owner,
    shares_address,
    start_agrees,
    started_with_us,
)
from selfinspect.identity.proof import FULL_ID, Examiner, OwnProcess
from selfinspect.identity.search import MOST_CONTAINERS, NotAmongThemError, search
from selfinspect.identity.verdict import (
    by_scope,
    distinct,
    from_kernel,
    no_identity,
    same,
    shared_reason,
)
from selfinspect.jsonread import text
from selfinspect.model import SHORT_ID, Candidate, Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from selfinspect.engine.api.client import Prober
    from selfinspect.model import Json, Level, Method, Verdict

_NO_ENGINE = "no engine can be asked"
_SHARED_ONLY = "There is only evidence that containers can share, and "

Relation: TypeAlias = Literal["ours", "stranger", "unproven", "denied", "none"]
"""What an engine turned out to be: `ours` has the container that is to be reported on; a `stranger`
does not have this one; an `unproven` one has candidates, and nothing proves which of them is this
one; one that `denied` the questions cannot say; `none`: there was no engine to ask."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """The verdict, and the inspect document of the container that it names, if there is one.

    Attributes:
        engine: what the engine turned out to be. Unless it is ours, the verdict is the one
            without it.
        reason: why it is not ours.
        error: its answer, where it denied the questions.
        proven: whether it is proven that we are a container of that engine.
    """

    identity: Identity
    inspect: Json = None
    engine: Relation = "none"
    reason: str | None = None
    error: EngineAnswerError | None = None
    proven: bool = False


def resolve(
    evidence: Evidence,
    api: Prober | None,
    *,
    place_named: bool = True,
    place_trusted: bool = True,
    claim: str | None = None,
    target: str = "self",
    process: OwnProcess | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Resolution:
    """Say which container is to be reported on.

    Args:
        evidence: from the kernel's files.
        api: an engine's, None where there is none.
        place_named: whether somebody named the place where the engine listens. What one at the
            gateway says counts once the nonce has proven who we are, and not before.
        place_trusted: whether what an engine there says of other containers counts before it has
            proven who we are.
        claim: the container that `--container` says we are, still to be proven.
        target: `self`; `netns`, the container whose network we share; or a name or an ID.
        process: ours, whose name the nonce replaces.
        clock: monotonic seconds, for the bound of the search.

    Raises:
        EngineUnreachableError: the engine stopped answering.
    """
    of_others = target not in ("self", "netns")
    trusted = place_named and place_trusted
    if of_others and (trusted or api is None):
        return _named(target, api)
    if api is None:
        own = Resolution(from_kernel(evidence, claim, _NO_ENGINE))
    else:
        examiner = Examiner(evidence, api, process or OwnProcess(), named=place_named)
        own = _Case(examiner, claim).decided(clock)
    proven = own.identity.level == "proven"
    if target == "self" or not (trusted or proven):
        return replace(own, proven=proven)
    found = _named(target, api) if of_others else _netns(evidence, own, api)
    return replace(found, proven=proven)


def _named(name: str, api: Prober | None) -> Resolution:
    """Another container, as the engine reports it."""
    candidate = _option(name, f"--target {name}")

    def nobody(why: str, engine: Relation, error: EngineAnswerError | None = None) -> Resolution:
        identity = Identity(None, None, None, None, why, (replace(candidate, reason=why),))
        return Resolution(identity, None, engine, why, error)

    if api is None:
        return nobody(f"Only an engine can resolve {name}, and {_NO_ENGINE}", "none")
    try:
        inspect = api.inspect(name)
    except UnknownContainerError as error:
        return nobody(f"The engine has no container {name}: {error.detail}", "stranger")
    except EngineAnswerError as error:
        return nobody(f"{name} cannot be inspected: {error.detail}", "denied", error)
    identifier = text(inspect, "Id")
    if identifier is None:
        return nobody(f"The engine's answer about {name} has no ID", "unproven")
    chosen = replace(
        candidate, id=identifier, verdict="confirmed", reason="the engine has this container"
    )
    identity = Identity(identifier, "confirmed", "engine", name_of(inspect), None, (chosen,))
    return Resolution(identity, inspect, "ours")


def _netns(evidence: Evidence, own: Resolution, api: Prober | None) -> Resolution:
    """The container whose network we share; ourselves, where the network is our own."""
    if api is not None and own.inspect is not None:
        owner = network_owner(own.inspect)
        return _named(owner, api) if owner else own
    shared = tuple(one for one in evidence.candidates if one.scope == "network")
    if api is None or own.engine in ("stranger", "denied"):
        kernels = from_kernel(Evidence(shared), None, own.reason or _NO_ENGINE)
        return replace(own, identity=kernels)
    names = distinct(shared)
    if len(names) == 1:
        found = _named(names[0], api)
        if shares_address(evidence, found.inspect):
            return found
    why = "The container that owns this network could not be determined"
    return Resolution(no_identity(shared, why), engine="unproven", reason=why)


class _Case:
    """The case of ourselves before one engine: its candidates, and the verdict.

    Args:
        examiner: asks the engine.
        claim: the container that `--container` says we are.
    """

    def __init__(self, examiner: Examiner, claim: str | None) -> None:
        self._examiner = examiner
        self._evidence = examiner.evidence
        self._claim = claim
        claims = () if claim is None else (_option(claim, f"--container {claim}"),)
        self._candidates = (*claims, *self._evidence.candidates)

    def decided(self, clock: Callable[[], float]) -> Resolution:
        """The verdict: by proof of a candidate, by confirmation, by search, else without it."""
        examiner = self._examiner
        found = self._proven_candidate()
        if found is None:
            if "inspect" in examiner.denied:
                return self._without("denied", examiner.denied["inspect"].detail)
            if missing := self._missing():
                return self._without("stranger", f"it has no container {missing[:SHORT_ID]}")
            if any(examiner.look(candidate.id).open for candidate in self._candidates):
                return self._confirmed()
            try:
                found = search(examiner, clock)
            except IdentityError as error:
                elsewhere = isinstance(error, NotAmongThemError)
                return self._without("stranger" if elsewhere else "unproven", error.detail)
        return self._settled(found, "proven")

    def _proven_candidate(self) -> Finding | None:
        """The first candidate that a proof succeeds on; whole IDs before beginnings of one.

        An engine without a container that container-scoped evidence names is another's: nothing
        more is asked there.
        """
        ranked = sorted(
            self._candidates,
            key=lambda one: (one.source != "option", one.scope != "container", -len(one.id)),
        )
        for candidate in ranked:
            if candidate.scope != "container" and self._missing():
                break
            finding = self._examiner.examine(candidate.id)
            if finding.verdict == "proven":
                return finding
            if "inspect" in self._examiner.denied:
                break
        return None

    def _missing(self) -> str | None:
        """A whole, container-scoped ID that the engine does not have, None for no such ID."""
        for one in self._evidence.candidates:
            finding = self._examiner.found(one.id)
            whole = one.scope == "container" and FULL_ID.fullmatch(one.id)
            if whole and finding is not None and finding.stranger:
                return one.id
        return None

    def _without(self, engine: Relation, why: str) -> Resolution:
        """The verdict without an engine that does not say who we are.

        Another engine may have what this one has not. But what a proof spoke against is not us:
        where container-scoped evidence names that, or nothing else is named, there is no identity.
        """
        examiner, claim = self._examiner, self._claim
        error = examiner.denied.get("inspect") if engine == "denied" else None
        against = {one.id for one in self._candidates if self._disproved(one.id)}
        left = tuple(one for one in self._evidence.candidates if one.id not in against)
        decisive = claim in against or any(map(examiner.names, against))
        if against and (decisive or not left):
            judged = self._judged(self._evidence.candidates)
            none = f"No evidence names a container that can be this one, and {why}"
            return Resolution(no_identity(judged, none), engine="unproven", reason=why)
        cannot = f"the engine cannot identify this container ({why})"
        identity = from_kernel(replace(self._evidence, candidates=left), claim, cannot)
        return Resolution(identity, engine=engine, reason=why, error=error)

    def _disproved(self, name: str) -> bool:
        finding = self._examiner.found(name)
        return finding is not None and finding.verdict == "disproved" and not finding.stranger

    def _confirmed(self) -> Resolution:
        """The verdict where the engine has candidates and none can be proven."""
        evidence, examiner = self._evidence, self._examiner
        claims = [one for one in self._candidates if one.source == "option"]
        ours, shared = by_scope([one for one in self._candidates if one.source != "option"])
        names_us = self._ids(ours)
        names = self._ids(claims) or names_us or self._ids(shared)
        supported = bool(claims) or any(map(examiner.vouches, ours))
        if claims and names_us and not names <= names_us:
            why = "--container names another container than the evidence does"
        elif evidence.inside and not claims:
            nested = "We seem to be in a container nested inside the one that is named"
            why = f"{nested}: {evidence.inside}"
        elif len(names) != 1:
            why = "The evidence names more than one container, and none could be proven"
        else:
            chosen = examiner.look(names.pop())
            late = start_agrees(evidence, chosen.inspect) is False
            if chosen.open and examiner.named and supported and late and not chosen.seen:
                # Of a machine's copy, or the clock was set: that is no proof, either way.
                return self._without(
                    "unproven", "its container that the evidence names started at another time"
                )
            objection = self._objection(chosen, supported=supported)
            if objection is None:
                return self._settled(chosen, "confirmed", "option" if claims else "engine")
            why = objection
        return Resolution(
            no_identity(self._judged(self._candidates), why), engine="unproven", reason=why
        )

    def _objection(self, chosen: Finding, *, supported: bool) -> str | None:
        """What contradicts confirming a candidate that could not be proven."""
        evidence, examiner = self._evidence, self._examiner
        folder = evidence.root.overlay and not evidence.root.whole
        unsure = examiner.names(chosen.id) and not supported
        late = evidence.joined or not started_with_us(evidence, chosen.inspect)
        objections = (
            (
                not chosen.open,
                f"We cannot be the container that the evidence names: {chosen.reason}",
            ),
            (not examiner.named, "Nothing proves that this engine is ours"),
            (not is_running(chosen.inspect), "The engine does not report the container as running"),
            (
                folder and not gives_folders(chosen.inspect),
                "Our / is a folder of a layer: we seem to be in a container nested inside that one",
            ),
            (unsure, "We may be in a container nested inside the one that is named"),
            (late and not supported, f"{_SHARED_ONLY}no proof could be had"),
        )
        found = next((why for holds, why in objections if holds), None)
        return found if found or supported else self._other(chosen)

    def _other(self, chosen: Finding) -> str | None:
        """Why we may be another running container, to which the shared evidence fits as well."""
        running = self._examiner.running()
        unlisted = f"{_SHARED_ONLY}the engine does not list the other containers"
        if isinstance(running, EngineAnswerError) or len(running) > MOST_CONTAINERS:
            return unlisted
        for identifier in running:
            other = self._examiner.look(identifier)
            if other.id is None and not other.stranger:
                return unlisted
            if joined_network(other.inspect, chosen.inspect):
                return "Another container has joined the network of the one that is named"
            alike = other.verdict != "disproved" and started_with_us(self._evidence, other.inspect)
            if other.id != chosen.id and alike:
                return "We may be another container, which started at the same time"
        return None

    def _settled(self, found: Finding, level: Level, method: Method | None = None) -> Resolution:
        """The identity, with every other candidate judged in its light."""
        identifier = found.id or ""
        judged = []
        supported = False
        for candidate in self._judged(self._candidates):
            if same(candidate.id, identifier) or self._ids([candidate]) == {identifier}:
                verdict: Verdict = "proven" if level == "proven" else "confirmed"
                judged.append(replace(candidate, verdict=verdict, reason=found.reason))
                supported = True
            elif candidate.verdict == "unknown":
                reason = shared_reason(candidate)
                judged.append(replace(candidate, verdict="ignored", reason=reason))
            else:
                judged.append(candidate)
        if not supported:
            where = "in the engine's list of running containers"
            judged.append(
                Candidate(identifier, "search", "container", where, "proven", found.reason)
            )
        identity = Identity(
            identifier, level, method or found.method, name_of(found.inspect), None, tuple(judged)
        )
        return Resolution(identity, found.inspect, "ours")

    def _judged(self, candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
        """The candidates with the verdict on each, as far as the engine was asked."""
        return tuple(
            replace(candidate, verdict=finding.verdict, reason=finding.reason)
            if (finding := self._examiner.found(candidate.id))
            else replace(candidate, reason="the engine was not asked about it")
            for candidate in candidates
        )

    def _ids(self, candidates: Iterable[Candidate]) -> set[str]:
        """The whole IDs of what they name, as far as the engine reported them."""
        findings = ((candidate.id, self._examiner.found(candidate.id)) for candidate in candidates)
        return {(finding.id if finding else None) or name for name, finding in findings}


def _option(name: str, evidence: str) -> Candidate:
    """The candidate that an option names."""
    return Candidate(name, "option", "container", evidence)
