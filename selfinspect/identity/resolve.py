"""Evidence and proof make a verdict: which container this is, how sure that is, and why.

`proven`: a proof succeeded. `confirmed`: none could be had, an engine that somebody named knows the
candidate, it runs, container-scoped evidence or the start time speaks for it and nothing against
it. Without an engine, or at one that is not ours, see `verdict`. In any other case: no identity,
with the reason.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.engine.quirks import gives_folders
from selfinspect.errors import IdentityError
from selfinspect.identity.evidence import Evidence
from selfinspect.identity.nonce import OwnProcess
from selfinspect.identity.proof import Examiner
from selfinspect.identity.questions import (
    NO_ENGINE,
    Finding,
    Resolution,
    Unanswered,
    name_of,
    named,
    option,
)
from selfinspect.identity.search import (
    MOST_CONTAINERS,
    NotAmongThemError,
    is_running,
    joined_network,
    search,
    shares_address,
    start_agrees,
    started_with_us,
)
from selfinspect.identity.verdict import (
    by_scope,
    distinct,
    from_kernel,
    refused,
    same,
    shared_reason,
)
from selfinspect.jsonread import text
from selfinspect.model import Candidate, Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from selfinspect.identity.questions import Answer, Prober
    from selfinspect.model import Level, Method, Verdict

__all__ = ["Resolution", "resolve"]

_JOINED = "container:"
_WHOLE = re.compile(r"[0-9a-f]{64}")


def resolve(
    evidence: Evidence,
    prober: Prober | None,
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
        evidence: what the kernel's files say.
        prober: an engine; None where there is none.
        place_named: whether somebody named the place where it listens. What an engine at the
            gateway says counts once the nonce has proven who we are, and not before.
        place_trusted: whether an engine there may speak of others before it has proven who we are.
        claim: the container that `--container` says we are, still to be proven.
        target: `self`; `netns`, the container whose network we share; or a name or an ID.
        process: our process, whose name the nonce borrows.
        clock: monotonic seconds, for the bound of the search.

    Raises:
        EngineUnreachableError: the engine stopped answering.
    """
    of_others = target not in ("self", "netns")
    trusted = place_named and place_trusted
    if of_others and (trusted or prober is None):
        return named(target, prober)
    if prober is None:
        own = Resolution(from_kernel(evidence.candidates, evidence, claim, NO_ENGINE))
    else:
        examiner = Examiner(evidence, prober, process or OwnProcess(), named=place_named)
        own = _self(evidence, examiner, claim, clock)
    proven = own.identity.level == "proven"
    if target == "self" or not (trusted or proven):
        return replace(own, proven=proven)
    found = named(target, prober) if of_others else _netns(evidence, own, prober)
    return replace(found, proven=proven)


def _self(
    evidence: Evidence, examiner: Examiner, claim: str | None, clock: Callable[[], float]
) -> Resolution:
    candidates = evidence.candidates
    if claim is not None:
        candidates = (option(claim, f"--container {claim}"), *candidates)
    found = _examined(candidates, examiner)
    if found is None:
        if "inspect" in examiner.denied:
            return _left(evidence, examiner, claim, "denied", examiner.denied["inspect"].detail)
        if unknown := _foreign(candidates, examiner):
            return _left(evidence, examiner, claim, "stranger", f"it does not know {unknown[:12]}")
        if any(examiner.look(candidate.id).open for candidate in candidates):
            return _unproven(evidence, candidates, examiner, claim)
        try:
            found = search(evidence, examiner, clock)
        except IdentityError as error:
            answer: Answer = "stranger" if isinstance(error, NotAmongThemError) else "unproven"
            return _left(evidence, examiner, claim, answer, error.detail)
    return _settled(candidates, examiner, found, "proven")


def _left(
    evidence: Evidence, examiner: Examiner, claim: str | None, engine: Answer, why: str
) -> Resolution:
    """The verdict that is left without an engine which does not say who we are.

    What it does not know may be known elsewhere. What a proof spoke against is not us: where that
    is what only we have, or all there is, nobody is.
    """
    error = examiner.denied.get("inspect") if engine == "denied" else None
    names = [candidate.id for candidate in evidence.candidates]
    against = {name for name in (*names, claim) if name and _spoken_against(name, examiner)}
    standing = tuple(one for one in evidence.candidates if one.id not in against)
    decisive = claim in against or any(map(examiner.names, against))
    if against and (decisive or not standing):
        judged = _judged(evidence.candidates, examiner)
        said = f"Nothing here names a container that can be this one, and {why}"
        return Resolution(refused(judged, said), engine="unproven", reason=why)
    told = from_kernel(standing, evidence, claim, f"the engine does not tell ({why})")
    return Resolution(told, engine=engine, reason=why, error=error)


def _spoken_against(name: str, examiner: Examiner) -> bool:
    finding = examiner.known(name)
    return finding is not None and finding.verdict == "disproved" and not finding.stranger


def _examined(candidates: tuple[Candidate, ...], examiner: Examiner) -> Finding | None:
    """The first candidate that a proof succeeds on; full IDs before what begins one.

    An engine that does not know what only we have is another's: nothing more is asked there.
    """
    ranked = sorted(
        candidates,
        key=lambda one: (one.source != "option", one.scope != "container", -len(one.id)),
    )
    for candidate in ranked:
        if candidate.scope != "container" and _foreign(candidates, examiner):
            break
        finding = examiner.examine(candidate.id)
        if finding.verdict == "proven":
            return finding
        if "inspect" in examiner.denied:
            break
    return None


def _foreign(candidates: Iterable[Candidate], examiner: Examiner) -> str | None:
    """A whole ID that only we have and the engine does not know; None where there is none."""
    for candidate in candidates:
        finding = examiner.known(candidate.id)
        ours = candidate.scope == "container" and candidate.source != "option"
        if ours and _WHOLE.fullmatch(candidate.id) and finding is not None and finding.stranger:
            return candidate.id
    return None


def _unproven(
    evidence: Evidence,
    candidates: tuple[Candidate, ...],
    examiner: Examiner,
    claim: str | None,
) -> Resolution:
    """The verdict where the engine knows candidates and lets none be proven."""
    claims = [one for one in candidates if one.source == "option"]
    ours, shared = by_scope([one for one in candidates if one.source != "option"])
    names_us = _resolved(ours, examiner)
    names = _resolved(claims, examiner) or names_us or _resolved(shared, examiner)
    supported = bool(claims) or any(map(examiner.vouches, ours))
    if claims and names_us and not names <= names_us:
        why = "The evidence does not name what --container does"
    elif evidence.inside and not claims:
        why = f"We seem to be in a container inside the one that is named: {evidence.inside}"
    elif len(names) != 1:
        why = "The evidence names more than one container, and none could be proven"
    else:
        chosen = examiner.look(names.pop())
        late = start_agrees(evidence, chosen.inspect) is False
        if chosen.open and examiner.named and supported and late and not chosen.seen:
            # Of a machine's copy, or the clock was set: that is no proof, either way.
            started = "the container that the evidence names started at another time there"
            return _left(evidence, examiner, claim, "unproven", started)
        why = _objection(evidence, chosen, examiner, supported=supported) or ""
        if not why:
            method: Method = "option" if claims else "engine"
            return _settled(candidates, examiner, chosen, "confirmed", method)
    return Resolution(refused(_judged(candidates, examiner), why), engine="unproven", reason=why)


def _objection(
    evidence: Evidence, chosen: Finding, examiner: Examiner, *, supported: bool
) -> str | None:
    """What speaks against confirming a candidate that could not be proven."""
    folder = evidence.root.overlay and not evidence.root.whole
    unsure = examiner.names(chosen.id) and not supported
    late = evidence.joined or not started_with_us(evidence, chosen.inspect)
    objections = (
        (
            not chosen.open,
            f"The container that the evidence names cannot be this one: it {chosen.reason}",
        ),
        (not examiner.named, "Nothing proves that this engine started this container"),
        (not is_running(chosen.inspect), "The engine does not say that the container runs"),
        (
            folder and not gives_folders(chosen.inspect),
            "Our / is a folder of a layer: we seem to be in a container inside the one named",
        ),
        (
            unsure,
            "What only we have names that container, and we may be in one inside it",
        ),
        (
            late and not supported,
            "Evidence that containers can share is all there is, and it could not be proven",
        ),
    )
    found = next((why for holds, why in objections if holds), None)
    return found if found or supported else _others(evidence, chosen, examiner)


def _others(evidence: Evidence, chosen: Finding, examiner: Examiner) -> str | None:
    """Why another running container may be us, that has what evidence is left in common."""
    running = examiner.running()
    unknown = "Evidence that containers can share is all there is, and the engine does not tell"
    if isinstance(running, Unanswered) or len(running) > MOST_CONTAINERS:
        return unknown
    for identifier in running:
        other = examiner.look(identifier)
        if other.id is None and not other.stranger:
            return unknown
        if joined_network(other.inspect, chosen.inspect):
            return "Another container has joined the network of the one that the evidence names"
        alike = other.verdict != "disproved" and started_with_us(evidence, other.inspect)
        if other.id != chosen.id and alike:
            return "Another container may be this one: it started at the same time"
    return None


def _netns(evidence: Evidence, own: Resolution, prober: Prober | None) -> Resolution:
    """The container whose network we share; ourselves, where the network is our own."""
    if prober is not None and own.inspect is not None:
        mode = text(own.inspect, "HostConfig", "NetworkMode") or ""
        return named(mode.removeprefix(_JOINED), prober) if mode.startswith(_JOINED) else own
    shared = tuple(one for one in evidence.candidates if one.scope == "network")
    if prober is None or own.engine in ("stranger", "denied"):
        return replace(own, identity=from_kernel(shared, Evidence(), None, own.reason or NO_ENGINE))
    names = distinct(shared)
    if len(names) == 1:
        owner = named(names[0], prober)
        if shares_address(evidence, owner.inspect):
            return owner
    why = "It is not known whose network this is"
    return Resolution(refused(shared, why), engine="unproven", reason=why)


def _settled(
    candidates: tuple[Candidate, ...],
    examiner: Examiner,
    found: Finding,
    level: Level,
    method: Method | None = None,
) -> Resolution:
    """The identity, with every other candidate judged in its light."""
    identifier = found.id or ""
    judged = []
    supported = False
    for candidate in _judged(candidates, examiner):
        if same(candidate.id, identifier) or _resolved([candidate], examiner) == {identifier}:
            verdict: Verdict = "proven" if level == "proven" else "confirmed"
            judged.append(replace(candidate, verdict=verdict, reason=found.reason))
            supported = True
        elif candidate.verdict == "unknown":
            reason = shared_reason(candidate)
            judged.append(replace(candidate, verdict="ignored", reason=reason))
        else:
            judged.append(candidate)
    if not supported:
        where = "among the running containers of the engine"
        judged.append(Candidate(identifier, "search", "container", where, "proven", found.reason))
    identity = Identity(
        identifier, level, method or found.method, name_of(found.inspect), None, tuple(judged)
    )
    return Resolution(identity, found.inspect, "ours")


def _judged(candidates: Iterable[Candidate], examiner: Examiner) -> tuple[Candidate, ...]:
    """The candidates with what the engine said of each, as far as it was asked."""
    return tuple(
        replace(candidate, verdict=finding.verdict, reason=finding.reason)
        if (finding := examiner.known(candidate.id))
        else replace(candidate, reason="not asked about")
        for candidate in candidates
    )


def _resolved(candidates: Iterable[Candidate], examiner: Examiner) -> set[str]:
    """The full IDs of what they name, as far as the engine told them."""
    findings = ((candidate.id, examiner.known(candidate.id)) for candidate in candidates)
    return {(finding.id if finding else None) or name for name, finding in findings}
