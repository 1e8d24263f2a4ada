"""The outcome of it all, and the short way to it: a container that an option names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from selfinspect.engine.access import text
from selfinspect.errors import EngineAnswerError, UnknownContainerError
from selfinspect.model import Candidate, Identity

if TYPE_CHECKING:
    from selfinspect.identity.questions import Prober
    from selfinspect.model import Json

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
