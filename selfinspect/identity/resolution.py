"""The outcome of it all, and the short way to it: a container that an option names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from selfinspect.engine.access import text
from selfinspect.errors import EngineAnswerError, UnknownContainerError
from selfinspect.model import Candidate, Identity

if TYPE_CHECKING:
    from selfinspect.identity.questions import Prober
    from selfinspect.model import Json

NO_ENGINE = "no engine can be asked"


@dataclass(frozen=True, slots=True)
class Resolution:
    """The verdict, and the inspect document of the container it names, where one was had.

    `missing` says that the engine knows no container of the name that was asked for.
    """

    identity: Identity
    inspect: Json = None
    missing: bool = False


def named(name: str, prober: Prober | None) -> Resolution:
    """Another container, as the engine knows it."""
    candidate = option(name, f"--target {name}")
    if prober is None:
        return Resolution(_nobody(candidate, f"Only an engine can tell about {name}: {NO_ENGINE}"))
    try:
        inspect = prober.inspect(name)
    except EngineAnswerError as error:
        reason = f"The engine does not tell about {name}: {error.detail}"
        if isinstance(error, UnknownContainerError):
            reason = f"The engine has no container {name}"
            return Resolution(_nobody(candidate, reason), missing=True)
        return Resolution(_nobody(candidate, reason))
    identifier = text(inspect, "Id")
    if identifier is None:
        return Resolution(_nobody(candidate, f"The engine's answer about {name} has no ID"))
    chosen = replace(candidate, id=identifier, verdict="confirmed", reason="the engine knows it")
    identity = Identity(identifier, "confirmed", "engine", name_of(inspect), None, (chosen,))
    return Resolution(identity, inspect)


def option(name: str, evidence: str) -> Candidate:
    """What an option says."""
    return Candidate(name, "option", "container", evidence)


def _nobody(candidate: Candidate, reason: str) -> Identity:
    return Identity(None, None, None, None, reason, (replace(candidate, reason=reason),))


def name_of(inspect: Json) -> str | None:
    """The container's name, without the engine's slash."""
    return (text(inspect, "Name") or "").removeprefix("/") or None
