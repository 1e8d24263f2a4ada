"""Which container this is: evidence and verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Source: TypeAlias = Literal[
    "option",
    "cgroup",
    "cgroup-mount",
    "containerenv",
    "secrets-mount",
    "hostname-file",
    "hosts-file",
    "resolv-file",
    "shm-mount",
    "hostname",
    "cpuset",
    "ecs",
    "search",
]
Scope: TypeAlias = Literal["container", "network", "ipc", "pid"]
Verdict: TypeAlias = Literal["proven", "confirmed", "disproved", "unknown", "chosen", "ignored"]
Level: TypeAlias = Literal["proven", "confirmed", "observed", "assumed"]
Method: TypeAlias = Literal["layer", "stamp", "nonce", "engine", "kernel", "option"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A container ID that stands somewhere, and what came of it.

    `id` is 64 lower-case hex digits, or a shorter name that only an engine can resolve.
    `evidence` is the text in which it stood; `reason` says why the verdict is what it is.
    """

    id: str
    source: Source
    scope: Scope
    evidence: str
    verdict: Verdict = "unknown"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which container this is, how sure that is, and why."""

    id: str | None
    level: Level | None
    method: Method | None
    name: str | None = None
    reason: str | None = None
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class IdentitySummary:
    """How sure the identity is, as the document about ourselves carries it."""

    level: Level
    method: Method
