"""What came of the places where an engine was looked for. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.engine.outcomes import meaning
from selfinspect.errors import EngineDeniedError, EngineError, EngineUnreachableError
from selfinspect.model import Attempt, EngineFailure

if TYPE_CHECKING:
    from selfinspect.engine.locate import Place

STRANGER = "does not know this container"
_MOUNT = (
    "mount the engine's socket, or a proxy's, with -v /var/run/docker.sock:/var/run/docker.sock"
    " (root on the host: see Security in the README)"
)


def tells(place: Place, error: EngineError) -> bool:
    """Whether a failure says more than that nobody is at a place which nobody named."""
    return not (place.guessed and meaning(outcome(error)).nobody)


def failure(tried: tuple[Attempt, ...], failures: list[EngineError]) -> EngineFailure:
    """Why there is no engine: of several reasons the one that a person can act on."""
    if not tried:
        return EngineFailure("the engine is switched off", "start the agent without --engine off")
    if any(attempt.outcome == STRANGER for attempt in tried):
        return EngineFailure(
            "the engine that answers does not know this container",
            "mount the socket of the engine that started it, or name it with --container",
        )
    there = [error for error in failures if outcome(error) != "missing"]
    if not there:
        sockets = [one.endpoint.removeprefix("unix://") for one in tried if not one.guessed]
        hosts = [one.endpoint for one in tried if one.guessed]
        nor = f", and nobody answers at {', '.join(hosts)}" if hosts else ""
        return EngineFailure(f"there is no engine's socket at {', '.join(sockets)}{nor}", _MOUNT)
    worst = next((error for error in there if outcome(error) == "denied"), there[0])
    return EngineFailure(worst.detail, worst.hint, denied=isinstance(worst, EngineDeniedError))


def no_target(name: str) -> EngineFailure:
    """Why there is nothing new of a container that is to be reported on: it is not there."""
    return EngineFailure(
        f"the engine has no container {name}",
        "it is looked up again as soon as there is one of that name",
    )


def outcome(error: EngineError) -> str:
    """An attempt's end in a word or two."""
    if isinstance(error, EngineUnreachableError):
        return error.outcome
    return "denied" if isinstance(error, EngineDeniedError) else error.detail


def attempt(place: Place, error: EngineError) -> Attempt:
    """A place and what came of it."""
    return Attempt(place.endpoint, outcome(error), error.detail, error.hint, place.guessed)
