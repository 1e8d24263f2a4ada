"""What came of the places where an engine was looked for. Pure.

What the end of asking an endpoint means: whether somebody is there, and whether waiting helps.

One table; what mends an end is said where it is found out, with what was seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from selfinspect.errors import (
    EngineAnswerError,
    EngineDeniedError,
    EngineError,
    EngineUnreachableError,
)
from selfinspect.frozen import dataclass
from selfinspect.model import Attempt, EngineFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.engine.locate import NamedBy, Place
    from selfinspect.errors import Outcome

Unusable: TypeAlias = Literal[
    "does not know this container", "does not know the target", "not proven to be this container's"
]
STRANGER: Final = "does not know this container"
NO_TARGET: Final = "does not know the target"
UNPROVEN: Final = "not proven to be this container's"
"""Outcomes at an engine that answers and is not used."""

_MENDED_BY: Mapping[NamedBy, str] = {
    "option": "name the engine that started this container, or none: --engine off",
    "DOCKER_HOST": "unset DOCKER_HOST, which leads to another engine, or say --engine off",
    "context": "set DOCKER_CONTEXT=default, for the present context leads to another engine, or say"
    " --engine off",
    "mount": "mount the socket of the engine that started this container, or say --engine off",
    "network": "mount the socket of the engine that started this container, or name it with"
    " --engine; --engine off asks nobody",
}
_ANSWERING: tuple[Unusable, ...] = (STRANGER, NO_TARGET, UNPROVEN)
_MOUNT = (
    "mount the engine's socket, or a proxy's, with -v /var/run/docker.sock:/var/run/docker.sock"
    " (root on the host: see `selfinspect help security`)"
)


def tells(place: Place, error: EngineError) -> bool:
    """Whether a failure says more than that nobody is at a place which nobody named."""
    return not (place.guessed and meaning(outcome(error)).nobody)


def failure(tried: tuple[Attempt, ...], failures: list[EngineError]) -> EngineFailure:
    """Why there is no engine: of several reasons the one that a person can act on."""
    if not tried:
        return EngineFailure("the engine is switched off", "start the agent without --engine off")
    for kind in _ANSWERING:
        for one in tried:
            if one.outcome == kind and not one.guessed:
                return EngineFailure(one.detail or f"{one.endpoint}: {one.outcome}", one.hint)
    there = [error for error in failures if outcome(error) != "missing"]
    answering = [one for one in tried if one.outcome in _ANSWERING]
    if not there and answering:
        return EngineFailure(str(answering[0].detail), answering[0].hint)
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
        "--target takes the name or the ID of a container of that engine; it is looked up again as"
        " soon as there is one of that name",
    )


def outcome(error: EngineError) -> str:
    """An attempt's end in a word or two."""
    if isinstance(error, EngineUnreachableError):
        return error.outcome
    return "denied" if isinstance(error, EngineDeniedError) else error.detail


def attempt(place: Place, error: EngineError) -> Attempt:
    """A place and what came of it."""
    return Attempt(place.endpoint, outcome(error), error.detail, error.hint, place.guessed)


def unquoted(error: EngineError) -> EngineError:
    """The same without a word of who answered, for a place that nobody named."""
    if not isinstance(error, EngineAnswerError):
        return error
    return type(error)(
        f"{error.capability}: answered {error.code}",
        code=error.code,
        capability=error.capability,
        endpoint=error.endpoint,
        hint=error.hint,
    )


def unusable(place: Place, outcome: Unusable, reason: str | None) -> Attempt:
    """A place where an engine answers that is not this container's, or not known to be."""
    said = f"is {outcome}" if outcome == UNPROVEN else outcome
    detail = f"{place.endpoint}: the engine there {said}"
    hint = _MENDED_BY[place.named_by]
    if outcome == NO_TARGET:
        hint = "--target takes the name or the ID of a container of that engine"
    if reason:
        detail = f"{detail} ({reason})"
    return Attempt(place.endpoint, outcome, detail, hint, place.guessed)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an outcome means.

    Attributes:
        hopeless: only another container or configuration mends it: asking soon is in vain.
        absent: there is nothing at all where an engine was looked for.
        nobody: at a place that nobody named it says no more than that no engine is there.
    """

    hopeless: bool = False
    absent: bool = False
    nobody: bool = False


_SOMEBODY = Meaning()

MEANINGS: Mapping[Outcome, Meaning] = {
    "missing": Meaning(hopeless=True, absent=True),
    "unsupported": Meaning(hopeless=True, absent=True),
    "denied": Meaning(hopeless=True),
    "stale": Meaning(hopeless=True),
    "folder": Meaning(hopeless=True),
    "refused": Meaning(nobody=True),
    "timeout": Meaning(nobody=True),
    "unknown name": Meaning(nobody=True),
    "no engine": Meaning(nobody=True),
    "API too old": _SOMEBODY,
    "API too new": _SOMEBODY,
    "TLS wanted": _SOMEBODY,
    "no TLS": _SOMEBODY,
    "TLS failed": _SOMEBODY,
    "wrong name": _SOMEBODY,
    "wrong CA": _SOMEBODY,
    "certificate expired": _SOMEBODY,
    "no certificates": _SOMEBODY,
    "no client certificate": _SOMEBODY,
    "client certificate expired": _SOMEBODY,
    "client certificate refused": _SOMEBODY,
}


def meaning(outcome: str) -> Meaning:
    """What an outcome means; an answer in an engine's own words comes from somebody."""
    return _BY_WORD.get(outcome, _SOMEBODY)


_BY_WORD: Mapping[str, Meaning] = {str(outcome): each for outcome, each in MEANINGS.items()}
