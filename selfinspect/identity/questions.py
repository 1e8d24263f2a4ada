"""What may be asked of an engine about candidates, and what becomes of its answers.

The outcome of it all, and the short way to it: a container that an option names.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypeVar

from selfinspect.engine.api.capabilities import Capabilities
from selfinspect.errors import (
    EngineAnswerError,
    UnknownContainerError,
)
from selfinspect.jsonread import text
from selfinspect.model import Candidate, Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from selfinspect.engine.inspect.listings import Process
    from selfinspect.model import Capability, Engine, Json, Method, Verdict

Answered = TypeVar("Answered")


class Prober(Protocol):
    """What may be asked of an engine before the identity stands.

    Each method raises UnknownContainerError, EngineDeniedError or another EngineAnswerError where
    the engine answers that, and EngineUnreachableError where it does not answer.
    """

    @property
    def engine(self) -> Engine:
        """Who is asked."""
        ...

    def inspect(self, container: str) -> Json:
        """A container's inspect document."""
        ...

    def processes(self, container: str, *, namespaces: bool) -> Sequence[Process]:
        """A container's processes, with their mount namespaces where those are asked for."""
        ...

    def stamp(self, container: str, path: str) -> str | None:
        """When a file of a container was modified, RFC 3339; None where there is no such file."""
        ...

    def running(self) -> Mapping[str, int]:
        """The full IDs of the running containers, and when each was created, Unix seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Why the engine gave no answer, and the HTTP status with which it said so."""

    reason: str
    code: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What the engine's answers say of one candidate.

    Attributes:
        verdict: `proven`, `disproved`, or `unknown` where no proof could be had.
        id: the full ID, None where the engine knows no such container or does not tell.
        stranger: the engine does not know it.
        seen: our name is among its processes, whose namespaces nobody tells.
    """

    verdict: Verdict
    reason: str
    id: str | None = None
    method: Method | None = None
    inspect: Json = None
    stranger: bool = False
    seen: bool = False

    @property
    def open(self) -> bool:
        """Whether the engine knows it and nothing is decided yet."""
        return self.verdict == "unknown" and self.id is not None


class Questions:
    """Asks about candidates: what is refused of one is not asked of the others either."""

    def __init__(self) -> None:
        self._capabilities = Capabilities()

    @property
    def denied(self) -> Mapping[Capability, EngineAnswerError]:
        """The capabilities that were refused, each with the answer of the engine or a proxy."""
        return self._capabilities.refusals()

    def ask(
        self, capability: Capability, question: Callable[[], Answered]
    ) -> Answered | Unanswered:
        """The answer, or why there is none.

        Raises:
            UnknownContainerError: to `inspect` alone, the engine does not know the container.
        """
        try:
            return self._capabilities.ask(capability, question)
        except EngineAnswerError as error:
            if capability == "inspect" and isinstance(error, UnknownContainerError):
                raise
            return Unanswered(error.detail, error.code)


NO_ENGINE = "no engine can be asked"


Answer: TypeAlias = Literal["ours", "stranger", "unproven", "denied", "none"]
"""What an engine turned out to be: `ours` knows the container that is to be reported on;
a `stranger` does not know this one; an `unproven` one knows some, and nothing proves which is
this one; one that `denied` the questions cannot say; `none` was there to be asked."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """The verdict, and the inspect document of the container it names, where one was had.

    Attributes:
        engine: what the engine turned out to be. Unless it is ours, the verdict is what is left
            without it.
        reason: why it is not ours.
        error: its answer where it denied the questions.
    """

    identity: Identity
    inspect: Json = None
    engine: Answer = "none"
    reason: str | None = None
    error: EngineAnswerError | None = None


def named(name: str, prober: Prober | None) -> Resolution:
    """Another container, as the engine knows it."""
    candidate = option(name, f"--target {name}")
    if prober is None:
        return Resolution(_nobody(candidate, f"Only an engine can tell about {name}: {NO_ENGINE}"))
    try:
        inspect = prober.inspect(name)
    except UnknownContainerError as error:
        why = f"The engine does not know {name}: {error.detail}"
        return Resolution(_nobody(candidate, why), engine="stranger", reason=why)
    except EngineAnswerError as error:
        why = f"The engine does not tell about {name}: {error.detail}"
        return Resolution(_nobody(candidate, why), engine="denied", reason=why, error=error)
    identifier = text(inspect, "Id")
    if identifier is None:
        why = f"The engine's answer about {name} has no ID"
        return Resolution(_nobody(candidate, why), engine="unproven", reason=why)
    chosen = replace(candidate, id=identifier, verdict="confirmed", reason="the engine knows it")
    identity = Identity(identifier, "confirmed", "engine", name_of(inspect), None, (chosen,))
    return Resolution(identity, inspect, "ours")


def option(name: str, evidence: str) -> Candidate:
    """What an option says."""
    return Candidate(name, "option", "container", evidence)


def _nobody(candidate: Candidate, reason: str) -> Identity:
    return Identity(None, None, None, None, reason, (replace(candidate, reason=reason),))


def name_of(inspect: Json) -> str | None:
    """The container's name, without the engine's slash."""
    return (text(inspect, "Name") or "").removeprefix("/") or None
