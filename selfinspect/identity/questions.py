"""What may be asked of an engine about candidates, and what becomes of its answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from selfinspect.errors import (
    EngineAnswerError,
    EngineDeniedError,
    EngineUnsupportedError,
    UnknownContainerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from selfinspect.engine.processes import Process
    from selfinspect.model import Engine, Json, Method, Verdict

Answer = TypeVar("Answer")


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
    """Asks, and remembers what is denied: that holds for every candidate."""

    def __init__(self) -> None:
        self.denied: dict[str, EngineAnswerError] = {}

    def ask(self, capability: str, question: Callable[[], Answer]) -> Answer | Unanswered:
        """The answer, or why there is none.

        Raises:
            UnknownContainerError: to `inspect` alone, the engine does not know the container.
        """
        if capability in self.denied:
            return _unanswered(self.denied[capability])
        try:
            return question()
        except UnknownContainerError as error:
            if capability == "inspect":
                raise
            return _unanswered(error)
        except EngineAnswerError as error:
            if isinstance(error, EngineDeniedError | EngineUnsupportedError):
                self.denied[capability] = error
            return _unanswered(error)


def _unanswered(error: EngineAnswerError) -> Unanswered:
    return Unanswered(error.detail, error.code)
