"""Which container this is, by which evidence; and the engine, with the limits of our access."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

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
Capability: TypeAlias = Literal[
    "ping",
    "version",
    "info",
    "events",
    "image",
    "history",
    "list",
    "inspect",
    "archive",
    "stats",
    "top",
    "logs",
    "changes",
]
"""What an engine is asked for; `engine.api.capabilities.REQUESTS` has a row for each."""

CAPABILITIES: tuple[Capability, ...] = (
    "inspect",
    "stats",
    "events",
    "top",
    "logs",
    "changes",
    "image",
    "info",
)
"""Those whose state is shown."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A place where an engine was looked for, and the outcome in a word or two.

    `detail` is the outcome in a sentence and `hint` what a person can do about it, None where the
    engine answered. `guessed` marks a place that is neither configured nor mounted: the gateway.
    """

    endpoint: str
    outcome: str
    detail: str | None = field(default=None, compare=False)
    hint: str | None = field(default=None, compare=False)
    guessed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine that answers, and the API version spoken with it."""

    endpoint: str
    product: str
    version: str | None
    api_version: str

    @property
    def is_podman(self) -> bool:
        """Whether it is Podman, whose events, cgroups and figures differ."""
        return self.product == "Podman"


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
    """Why the engine does not answer at present, and what a person can do about it."""

    detail: str
    hint: str | None = None
    denied: bool = False
