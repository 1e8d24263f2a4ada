"""Evidence and proof make a verdict: which container this is, how sure that is, and why.

`proven`: a proof succeeded. `confirmed`: none could be had, the engine knows the candidate, it
runs, container-scoped evidence or the start time speaks for it and nothing against it. Without
an engine, or the answer of one, see `verdict`. In any other case: no identity, with the reason.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.engine.access import text
from selfinspect.errors import IdentityError
from selfinspect.identity.compare import shares_address, start_matches
from selfinspect.identity.evidence import Evidence
from selfinspect.identity.process import OwnProcess
from selfinspect.identity.proof import Examiner
from selfinspect.identity.questions import Finding, Unanswered
from selfinspect.identity.resolution import NO_ENGINE, Resolution, name_of, named, option
from selfinspect.identity.search import MOST_CONTAINERS, search
from selfinspect.identity.verdict import (
    by_scope,
    distinct,
    from_kernel,
    refused,
    same,
    shared_reason,
)
from selfinspect.model import Candidate, Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from selfinspect.identity.questions import Prober
    from selfinspect.model import Level, Method, Verdict

__all__ = ["Resolution", "resolve"]

_JOINED = "container:"


def resolve(
    evidence: Evidence,
    prober: Prober | None,
    *,
    claim: str | None = None,
    target: str = "self",
    process: OwnProcess | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Resolution:
    """Say which container is to be reported on.

    Args:
        evidence: what the kernel's files say.
        prober: an engine; None where there is none.
        claim: the container that `--container` says we are, still to be proven.
        target: `self`; `netns`, the container whose network we share; or a name or an ID.
        process: our process, whose name the nonce borrows.
        clock: monotonic seconds, for the bound of the search.

    Raises:
        EngineUnreachableError: the engine stopped answering.
    """
    if target not in ("self", "netns"):
        return named(target, prober)
    if prober is None:
        own = Resolution(from_kernel(evidence.candidates, evidence, claim, NO_ENGINE))
    else:
        own = _self(evidence, Examiner(evidence, prober, process or OwnProcess()), claim, clock)
    return own if target == "self" else _netns(evidence, own, prober)


def _self(
    evidence: Evidence, examiner: Examiner, claim: str | None, clock: Callable[[], float]
) -> Resolution:
    candidates = evidence.candidates
    if claim is not None:
        candidates = (option(claim, f"--container {claim}"), *candidates)
    found = _examined(candidates, examiner)
    if found is not None:
        return _settled(candidates, examiner, found, "proven")
    if "inspect" in examiner.denied:
        return _untold(evidence, examiner, claim, examiner.denied["inspect"])
    if any(examiner.look(candidate.id).open for candidate in candidates):
        return _unproven(evidence, candidates, examiner)
    try:
        found = search(evidence, examiner, clock)
    except IdentityError as error:
        unanswered, _ = by_scope(_standing(evidence.candidates, examiner))
        if not unanswered:
            why = f"Nothing here names a container that can be this one, and {error.detail}"
            return Resolution(refused(_judged(candidates, examiner), why))
        return _untold(evidence, examiner, claim, error.detail)
    return _settled(candidates, examiner, found, "proven")


def _untold(evidence: Evidence, examiner: Examiner, claim: str | None, why: str) -> Resolution:
    """The kernel's word, where the engine says nothing about what the evidence names."""
    standing = _standing(evidence.candidates, examiner)
    why = f"the engine does not tell ({why})"
    return Resolution(from_kernel(standing, evidence, claim, why))


def _examined(candidates: tuple[Candidate, ...], examiner: Examiner) -> Finding | None:
    """The first candidate that a proof succeeds on; full IDs before what begins one."""
    ranked = sorted(
        candidates,
        key=lambda one: (one.source != "option", one.scope != "container", -len(one.id)),
    )
    for candidate in ranked:
        finding = examiner.examine(candidate.id)
        if finding.verdict == "proven":
            return finding
        if "inspect" in examiner.denied:
            break
    return None


def _unproven(
    evidence: Evidence, candidates: tuple[Candidate, ...], examiner: Examiner
) -> Resolution:
    """The verdict where the engine knows candidates and lets none be proven."""
    judged = _judged(candidates, examiner)
    claims = [one for one in candidates if one.source == "option"]
    ours, shared = by_scope([one for one in candidates if one.source != "option"])
    names = _resolved(ours, examiner) or _resolved(shared, examiner)
    if claims:
        names_us = _resolved(ours, examiner)
        names = _resolved(claims, examiner)
        if names_us and not names <= names_us:
            return Resolution(refused(judged, "The evidence does not name what --container does"))
    if len(names) != 1:
        why = "The evidence names more than one container, and none could be proven"
        return Resolution(refused(judged, why))
    chosen = examiner.look(names.pop())
    supported = bool(ours or claims)
    if objection := _objection(evidence, chosen, examiner, supported=supported):
        return Resolution(refused(judged, objection))
    return _settled(candidates, examiner, chosen, "confirmed", "option" if claims else "engine")


def _objection(
    evidence: Evidence, chosen: Finding, examiner: Examiner, *, supported: bool
) -> str | None:
    """What speaks against confirming a candidate that could not be proven."""
    if not chosen.open:
        return f"The container that the evidence names cannot be this one: it {chosen.reason}"
    if text(chosen.inspect, "State", "Status") not in ("running", "paused"):
        return "The engine does not say that the container runs"
    started = start_matches(evidence, chosen.inspect)
    if started is False:
        return "PID 1 here and the container that the evidence names started at different times"
    if supported:
        return None
    if not started or evidence.joined:
        return "Evidence that containers can share is all there is, and it could not be proven"
    return _joiners(chosen, examiner)


def _joiners(chosen: Finding, examiner: Examiner) -> str | None:
    """Why the owner of our network may not be us: somebody joined it, or that cannot be told."""
    unknown = "Evidence that containers can share is all there is, and the engine does not tell"
    running = examiner.running()
    if isinstance(running, Unanswered) or len(running) > MOST_CONTAINERS:
        return unknown
    for identifier in running:
        mode = text(examiner.look(identifier).inspect, "HostConfig", "NetworkMode") or ""
        if mode.startswith(_JOINED) and same(mode.removeprefix(_JOINED), chosen.id or ""):
            return "Another container has joined the network of the one that the evidence names"
    return None


def _netns(evidence: Evidence, own: Resolution, prober: Prober | None) -> Resolution:
    """The container whose network we share; ourselves, where the network is our own."""
    if prober is not None and own.inspect is not None:
        mode = text(own.inspect, "HostConfig", "NetworkMode") or ""
        return named(mode.removeprefix(_JOINED), prober) if mode.startswith(_JOINED) else own
    shared = tuple(one for one in evidence.candidates if one.scope == "network")
    if prober is None:
        return Resolution(from_kernel(shared, Evidence(), None, NO_ENGINE))
    names = distinct(shared)
    if len(names) == 1:
        owner = named(names[0], prober)
        if shares_address(evidence, owner.inspect):
            return owner
    return Resolution(refused(shared, "It is not known whose network this is"))


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
    return Resolution(identity, found.inspect)


def _judged(candidates: Iterable[Candidate], examiner: Examiner) -> tuple[Candidate, ...]:
    """The candidates with what the engine said of each, as far as it was asked."""
    return tuple(
        replace(candidate, verdict=finding.verdict, reason=finding.reason)
        if (finding := examiner.known(candidate.id))
        else replace(candidate, reason="not asked about")
        for candidate in candidates
    )


def _standing(candidates: Iterable[Candidate], examiner: Examiner) -> tuple[Candidate, ...]:
    judged = _judged(candidates, examiner)
    return tuple(candidate for candidate in judged if candidate.verdict != "disproved")


def _resolved(candidates: Iterable[Candidate], examiner: Examiner) -> set[str]:
    """The full IDs of what they name, as far as the engine told them."""
    findings = ((candidate.id, examiner.known(candidate.id)) for candidate in candidates)
    return {(finding.id if finding else None) or name for name, finding in findings}
