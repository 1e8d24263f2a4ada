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

    from selfinspect.model import Candidate, Level, Method

SETTLE = "`--container ID` settles it"

_JOINED = "Our network is another container's, and all evidence is of the network"
_OURS = "what only we have names it"
_WHOLE = re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}-[0-9]{8,10}")
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
    """The container-scoped ones, and those of the namespaces that containers can share."""
    ours = tuple(candidate for candidate in candidates if candidate.scope == "container")
    shared = tuple(candidate for candidate in candidates if candidate.scope != "container")
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
    candidates: Sequence[Candidate], claim: str | None, why: str, *, joined: bool = False
) -> Identity:
    """The identity where no engine can be asked.

    Args:
        candidates: the evidence, without what an engine disproved.
        claim: what `--container` says.
        why: why there is no engine to ask.
        joined: whether our network is known to be another container's.
    """
    ours, shared = by_scope(candidates)
    if joined:
        shared = tuple(candidate for candidate in shared if candidate.scope != "network")
    names = distinct(ours)
    if claim is not None:
        return _claimed(candidates, claim, names, why)
    names = names or distinct(shared)
    if len(names) != 1 or not _WHOLE.fullmatch(names[0]):
        lack = _JOINED if joined and not names else _lack(names)
        return refused(candidates, f"{lack}, and {why}")
    if ours:
        return _chosen(candidates, names[0], "observed", "kernel", _OURS)
    if any(candidate.scope == "pid" for candidate in shared):
        return _chosen(candidates, names[0], "observed", "kernel", "PID 1 is in it")
    reason = "all that there is; true unless this namespace is another container's"
    return _chosen(candidates, names[0], "assumed", "kernel", reason)


def _lack(names: Sequence[str]) -> str:
    if not names:
        return "Nothing here names a container"
    if len(names) == 1:
        return "A hostname is only the beginning of an ID"
    return f"The evidence names {len(names)} containers"


def _claimed(candidates: Sequence[Candidate], claim: str, names: list[str], why: str) -> Identity:
    known = [name for name in distinct(candidates) if claim and name.startswith(claim)]
    whole = claim if _WHOLE.fullmatch(claim) else None
    if len(claim) >= _SHORTEST_CLAIM and len(known) == 1 and _WHOLE.fullmatch(known[0]):
        whole = known[0]
    if whole is None:
        return refused(
            candidates, f"Only an engine can tell what --container {claim} is, and {why}"
        )
    if names == [whole]:
        return _chosen(candidates, whole, "observed", "kernel", _OURS)
    if names and whole not in names:
        said = f"--container {claim[:_SHORT]} is not what the evidence names, and {why}"
        return refused(candidates, said)
    return _chosen(candidates, whole, "assumed", "option", "claimed with --container")


def _chosen(
    candidates: Sequence[Candidate], name: str, level: Level, method: Method, reason: str
) -> Identity:
    return Identity(
        name,
        level,
        method,
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
