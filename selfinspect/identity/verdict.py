"""The verdict that the kernel's evidence allows without an engine, and verdicts in words. Pure.

Container-scoped evidence that agrees is `observed`, network-scoped evidence alone `assumed`. Twelve
hex digits of a hostname are the beginning of an ID that only an engine can complete (and how
machines are named after their network cards): alone they are not enough.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.model import SHORT_ID, Identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selfinspect.identity.evidence import Evidence
    from selfinspect.model import Candidate, Level, Method

_SETTLE = "Where an engine can be reached, `--container ID` settles it"
_JOINED = "Our network is another container's, and it is all the evidence there is"
_OURS = "only this container's own cgroup and files name it"
_ITS_PROCESS = "our PID 1 runs in it"
_UNSURE = "our cgroup continues below its ID: we may be in a container nested inside it"
_SHARED = "only evidence that containers can share names it: we may have joined its network"
_CLAIMED = "named by --container, and not confirmed by evidence of our own"
_WHOLE = re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}-[0-9]{8,10}")
_ETC = frozenset({"hostname-file", "hosts-file", "resolv-file"})


def same(one: str, other: str) -> bool:
    """Whether two IDs, either of which may be the beginning of one, are the same."""
    return one.startswith(other) or other.startswith(one)


def distinct(candidates: Iterable[Candidate]) -> list[str]:
    """The IDs that they name; the beginning of an ID counts as that ID."""
    ids = sorted({candidate.id for candidate in candidates}, key=len, reverse=True)
    kept: list[str] = []
    for identifier in ids:
        if not any(longer.startswith(identifier) for longer in kept):
            kept.append(identifier)
    return kept


def by_scope(
    candidates: Sequence[Candidate],
) -> tuple[tuple[Candidate, ...], tuple[Candidate, ...]]:
    """The container-scoped ones, and those of the namespaces that containers can share.

    Of the latter without a short hostname that contradicts all three of an engine's files in
    `/etc`: those have the whole ID, and a hostname stays when a container is recreated.
    """
    ours = tuple(candidate for candidate in candidates if candidate.scope == "container")
    shared = tuple(candidate for candidate in candidates if candidate.scope != "container")
    in_etc = {one.source: one.id for one in shared if one.source in _ETC}
    names = set(in_etc.values())
    if len(in_etc) == len(_ETC) and len(names) == 1:
        [name] = names
        shared = tuple(
            one
            for one in shared
            if one.source != "hostname" or len(one.id) > SHORT_ID or same(one.id, name)
        )
    return ours, shared


def no_identity(candidates: Sequence[Candidate], why: str) -> Identity:
    """No identity: the reason says why, which evidence names what, and how to settle it."""
    sources: dict[str, list[str]] = {}
    for one in candidates:
        sources.setdefault(one.id, []).append(one.source)
    named = "; ".join(
        f"{', '.join(dict.fromkeys(by))} {'name' if len(by) > 1 else 'names'} {name[:SHORT_ID]}"
        for name, by in sources.items()
    )
    return Identity(
        None,
        None,
        None,
        reason=". ".join(filter(None, (why, named, _SETTLE))),
        candidates=tuple(
            replace(candidate, reason=candidate.reason or "not enough by itself")
            for candidate in candidates
        ),
    )


def from_kernel(evidence: Evidence, claim: str | None, why: str) -> Identity:
    """The identity without an engine.

    Args:
        evidence: without the candidates that an engine disproved.
        claim: the container that `--container` names.
        why: why no engine has the last word.
    """
    candidates = evidence.candidates
    ours, shared = by_scope(candidates)
    if evidence.own_pids:
        ours += tuple(candidate for candidate in shared if candidate.scope == "pid")
    if evidence.joined:
        shared = tuple(candidate for candidate in shared if candidate.scope != "network")
    firm = [name for name in distinct(ours) if name not in evidence.unsure]
    if claim is not None:
        return _claimed(evidence, claim, firm, why)
    if evidence.inside is not None:
        nested = "We seem to be in a container nested inside the one that our cgroup names"
        return no_identity(candidates, f"{nested}: {evidence.inside}, and {why}")
    names = distinct(ours) or distinct(shared)
    if len(names) != 1 or not _WHOLE.fullmatch(names[0]):
        lack = _JOINED if evidence.joined and not names else _lack(names)
        return no_identity(candidates, f"{lack}, and {why}")
    if firm:
        by_process = all(candidate.scope == "pid" for candidate in ours)
        reason = _ITS_PROCESS if by_process else _OURS
        return _chosen(candidates, names[0], "observed", "kernel", reason)
    return _chosen(candidates, names[0], "assumed", "kernel", _UNSURE if ours else _SHARED)


def _lack(names: Sequence[str]) -> str:
    if not names:
        return "No evidence names a container"
    if len(names) == 1:
        return "A hostname is only the beginning of an ID"
    return f"The evidence names {len(names)} containers"


def _claimed(evidence: Evidence, claim: str, firm: list[str], why: str) -> Identity:
    candidates = evidence.candidates
    meant = [name for name in distinct(candidates) if name.startswith(claim)]
    whole = claim if _WHOLE.fullmatch(claim) else None
    if len(claim) >= SHORT_ID and len(meant) == 1 and _WHOLE.fullmatch(meant[0]):
        whole = meant[0]
    if whole is None:
        return no_identity(candidates, f"Only an engine can resolve --container {claim}, and {why}")
    if firm == [whole] and evidence.inside is None:
        return _chosen(candidates, whole, "observed", "kernel", _OURS)
    if whole in evidence.outer or (firm and whole not in firm):
        wrong = f"--container {claim[:SHORT_ID]} contradicts the evidence, and {why}"
        return no_identity(candidates, wrong)
    return _chosen(candidates, whole, "assumed", "option", _CLAIMED)


def _chosen(
    candidates: Sequence[Candidate], name: str, level: Level, method: Method, reason: str
) -> Identity:
    return Identity(
        name,
        level,
        method,
        reason=reason,
        candidates=tuple(
            replace(candidate, verdict="chosen", reason=reason)
            if same(candidate.id, name)
            else replace(candidate, verdict="ignored", reason=shared_reason(candidate))
            for candidate in candidates
        ),
    )


def shared_reason(candidate: Candidate) -> str:
    """Why evidence that names another container than ours does not contradict."""
    if candidate.scope == "container":
        return "it names another container than ours"
    if candidate.source == "hostname":
        return "a hostname may be shared, stale or made up"
    return f"we may share its {candidate.scope} namespace"
