"""Which container this is, by which evidence; and the engine, with the limits of our access."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from selfinspect.errors import Outcome
from selfinspect.frozen import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

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


SHORT_ID = 12
"""Digits of an ID that are enough for people and engines."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A container ID that was found somewhere, and the verdict on it.

    `id` is 64 lower-case hex digits, or a shorter name that only an engine can resolve.
    `evidence` is the text in which it was found; `reason` explains the verdict.
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
    """How sure the identity is, as `/v1/self` shows it."""

    level: Level
    method: Method


Access: TypeAlias = Literal["allowed", "denied", "unsupported", "unknown"]
_Shown: TypeAlias = Literal["inspect", "stats", "events", "top", "logs", "changes", "image", "info"]
Capability: TypeAlias = _Shown | Literal["ping", "version", "history", "list", "archive"]
"""The requests to an engine; `engine.api.capabilities.REQUESTS` has a row for each."""

CAPABILITIES: tuple[Capability, ...] = get_args(_Shown)
"""Those whose state `/v1/engine` shows."""


Unusable: TypeAlias = Literal[
    "does not know this container", "does not know the target", "not proven to be this container's"
]
"""The outcome at an engine that answers and is not used."""

AttemptOutcome: TypeAlias = Outcome | Unusable | Literal["answers", "error"]
"""The outcome at a place: an engine that answers, used or not; an error status; no answer."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A place where an engine was looked for, and the outcome in a word or two.

    `detail` is the outcome in a sentence and `hint` what a person can do about it, None where the
    engine answered. `guessed` marks a place that is neither configured nor mounted: the gateway.
    """

    endpoint: str
    outcome: AttemptOutcome
    detail: str | None = field(default=None, compare=False)
    hint: str | None = field(default=None, compare=False)
    guessed: bool = field(default=False, compare=False)

    @property
    def said(self) -> str:
        """The outcome as it is listed: an error status in the engine's own words."""
        return self.detail or self.outcome if self.outcome == "error" else self.outcome


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine that answers, and the API version spoken with it."""

    endpoint: str
    product: str
    version: str | None
    api_version: str


@dataclass(frozen=True, slots=True)
class Reach:
    """An engine that answers, and how far our access to it goes.

    `encrypted` is None for a Unix socket, whose traffic stays on the machine. `capabilities` has
    those that were used so far.
    """

    engine: Engine
    encrypted: bool | None = None
    min_api_version: str | None = None
    os: str | None = None
    kernel: str | None = None
    capabilities: Mapping[Capability, Access] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineFailure:
    """Why the engine gives no answer at present, and what a person can do about it.

    `denied`: it answers, and denies us that. `no_target`: it answers, and has no container of the
    name that is to be reported on.
    """

    detail: str
    hint: str | None = None
    denied: bool = False
    no_target: bool = False
