"""Verdicts in words, and the one that the kernel's evidence alone allows.

Without an engine, container-scoped evidence that agrees is `observed`, network-scoped evidence
alone `assumed`. Twelve hex digits of a hostname are the beginning of an ID that only an engine
can complete (and how machines are named after their network cards): alone they are no answer.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.model import Identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selfinspect.identity.evidence import Evidence
    from selfinspect.model import Candidate, Level, Method

SETTLE = "`--container ID` settles it where an engine can be asked"

_JOINED = "Our network is another container's, and all evidence is of the network"
_OURS = "only this container's own files and cgroup name it"
_ITS_PROCESS = "our PID 1 runs in it"
_UNSURE = "our cgroup goes on behind its ID: we may be in a container inside it"
_SHARED = "only what containers can share names it: it is another's if we joined that one's network"
_CLAIMED = "claimed with --container, and nothing of ours alone confirms it"
_WHOLE = re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}-[0-9]{8,10}")
_ETC = frozenset({"hostname-file", "hosts-file", "resolv-file"})
_SHORT = 12
_SHORTEST_CLAIM = 12


def same(one: str, other: str) -> bool:
    """Whether two IDs, either of which may be the beginning of one, are the same."""
    return one.startswith(other) or other.startswith(one)


def distinct(candidates: Iterable[Candidate]) -> list[str]:
    """The IDs that they name, a prefix counting with what it begins."""
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

    Of the latter without a short hostname that contradicts all three files of an engine's in
    `/etc`: whoever wrote those knew the whole ID, and a hostname stays behind when a container is
    made again.
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
            if one.source != "hostname" or len(one.id) > _SHORT or same(one.id, name)
        )
    return ours, shared


def refused(candidates: Sequence[Candidate], why: str) -> Identity:
    """No identity: which evidence said what, why that is not enough, and how to settle it."""
    said = "; ".join(
        f"{', '.join(dict.fromkeys(one.source for one in candidates if one.id == name))}"
        f" {'name' if sum(one.id == name for one in candidates) > 1 else 'names'} {name[:_SHORT]}"
        for name in dict.fromkeys(candidate.id for candidate in candidates)
    )
    reason = ". ".join(filter(None, (why, said, SETTLE)))
    left = (
        candidate if candidate.reason else replace(candidate, reason="not enough by itself")
        for candidate in candidates
    )
    return Identity(None, None, None, reason=reason, candidates=tuple(left))


def from_kernel(
    candidates: Sequence[Candidate], evidence: Evidence, claim: str | None, why: str
) -> Identity:
    """The identity where no engine can be asked.

    Args:
        candidates: the evidence's, without what an engine disproved.
        evidence: what else is known: whether our network is another's, or a container in ours.
        claim: what `--container` says.
        why: why there is no engine to ask.
    """
    ours, shared = by_scope(candidates)
    if evidence.own_pids:
        ours += tuple(candidate for candidate in shared if candidate.scope == "pid")
    if evidence.joined:
        shared = tuple(candidate for candidate in shared if candidate.scope != "network")
    firm = [name for name in distinct(ours) if name not in evidence.unsure]
    if claim is not None:
        return _claimed(candidates, evidence, claim, firm, why)
    if evidence.inside is not None:
        said = (
            f"We seem to be in a container inside the one that our cgroup names: {evidence.inside}"
        )
        return refused(candidates, f"{said}, and {why}")
    names = distinct(ours) or distinct(shared)
    if len(names) != 1 or not _WHOLE.fullmatch(names[0]):
        lack = _JOINED if evidence.joined and not names else _lack(names)
        return refused(candidates, f"{lack}, and {why}")
    if firm:
        by_process = all(candidate.scope == "pid" for candidate in ours)
        reason = _ITS_PROCESS if by_process else _OURS
        return _chosen(candidates, names[0], "observed", "kernel", reason)
    return _chosen(candidates, names[0], "assumed", "kernel", _UNSURE if ours else _SHARED)


def _lack(names: Sequence[str]) -> str:
    if not names:
        return "Nothing here names a container"
    if len(names) == 1:
        return "A hostname is only the beginning of an ID"
    return f"The evidence names {len(names)} containers"


def _claimed(
    candidates: Sequence[Candidate], evidence: Evidence, claim: str, firm: list[str], why: str
) -> Identity:
    known = [name for name in distinct(candidates) if claim and name.startswith(claim)]
    whole = claim if _WHOLE.fullmatch(claim) else None
    if len(claim) >= _SHORTEST_CLAIM and len(known) == 1 and _WHOLE.fullmatch(known[0]):
        whole = known[0]
    if whole is None:
        return refused(
            candidates, f"Only an engine can tell what --container {claim} is, and {why}"
        )
    if firm == [whole] and evidence.inside is None:
        return _chosen(candidates, whole, "observed", "kernel", _OURS)
    if whole in evidence.outer or (firm and whole not in firm):
        said = f"--container {claim[:_SHORT]} is not what the evidence names, and {why}"
        return refused(candidates, said)
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
    """Why evidence for another container than ours is no contradiction."""
    if candidate.scope == "container":
        return "of a container that we are not"
    if candidate.source == "hostname":
        return "a hostname may be shared, stale or made up"
    return f"we may share its {candidate.scope} namespace"
