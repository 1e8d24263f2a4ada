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

    from selfinspect.model import Json, Method, Verdict

Answer = TypeVar("Answer")


class Prober(Protocol):
    """What may be asked of an engine before the identity stands.

    Each method raises UnknownContainerError, EngineDeniedError or another EngineAnswerError where
    the engine answers that, and EngineUnreachableError where it does not answer.
    """

    def inspect(self, container: str) -> Json:
        """A container's inspect document."""
        ...

    def commands(self, container: str) -> Sequence[str]:
        """The name of each of a container's processes."""
        ...

    def stamp(self, container: str, path: str) -> str | None:
        """When a file of a container was modified, RFC 3339; None where there is no such file."""
        ...

    def mount_namespaces(self, container: str) -> Mapping[str, str]:
        """The inode of the mount namespace of each of its processes, by the engine's PIDs."""
        ...

    def running(self) -> Mapping[str, int]:
        """The full IDs of the running containers, and when each was created, Unix seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Why the engine gave no answer."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What the engine's answers say of one candidate.

    Attributes:
        verdict: `proven`, `disproved`, or `unknown` where no proof could be had.
        id: the full ID, None where the engine knows no such container or does not tell.
        stranger: the engine does not know it.
    """

    verdict: Verdict
    reason: str
    id: str | None = None
    method: Method | None = None
    inspect: Json = None
    stranger: bool = False

    @property
    def open(self) -> bool:
        """Whether the engine knows it and nothing is decided yet."""
        return self.verdict == "unknown" and self.id is not None


class Questions:
    """Asks, and remembers what is denied: that holds for every candidate."""

    def __init__(self) -> None:
        self.denied: dict[str, str] = {}

    def ask(self, capability: str, question: Callable[[], Answer]) -> Answer | Unanswered:
        """The answer, or why there is none.

        Raises:
            UnknownContainerError: to `inspect` alone, the engine does not know the container.
        """
        if capability in self.denied:
            return Unanswered(self.denied[capability])
        try:
            return question()
        except UnknownContainerError as error:
            if capability == "inspect":
                raise
            return Unanswered(error.detail)
        except EngineAnswerError as error:
            if isinstance(error, EngineDeniedError | EngineUnsupportedError):
                self.denied[capability] = error.detail
            return Unanswered(error.detail)
