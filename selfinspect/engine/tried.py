"""What came of each place where an engine was looked for, and what follows from it. Pure.

`MEANINGS` has what each outcome means. What mends one depends on what was seen: it comes with the
error, as its hint, but for the few that have the same fix wherever they are found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from selfinspect.errors import (
    EngineAnswerError,
    EngineDeniedError,
    EngineError,
    EngineUnreachableError,
)
from selfinspect.frozen import dataclass
from selfinspect.model import Attempt, EngineFailure, Unusable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.engine.locate import NamedBy, Place
    from selfinspect.model import AttemptOutcome

STRANGER: Final = "does not know this container"
NO_TARGET: Final = "does not know the target"
UNPROVEN: Final = "not proven to be this container's"
"""Each of `Unusable`, by a name."""

_MENDED_BY: Mapping[NamedBy, str] = {
    "option": "name the engine that started this container, or none: --engine off",
    "DOCKER_HOST": "unset DOCKER_HOST, which leads to another engine, or use --engine off",
    "context": "set DOCKER_CONTEXT=default: the current context leads to another engine; or use"
    " --engine off",
    "mount": "mount the socket of the engine that started this container, or use --engine off",
    "network": "mount the socket of the engine that started this container, or name it with"
    " --engine; --engine off uses none",
}
_MOUNT = (
    "mount it with -v /var/run/docker.sock:/var/run/docker.sock (root on the host; safer"
    " ways: `selfinspect help security`)"
)
_NEW_CERTIFICATE = "deploy/tls/certificates.sh DIR {host}, then restart the engine"
_OUR_CERTIFICATE = (
    "docker run -v DIR/client:/certs:ro -e DOCKER_CERT_PATH=/certs …, where"
    " deploy/tls/certificates.sh made DIR for the engine"
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an outcome means.

    Attributes:
        hopeless: only another container or configuration mends it: asking soon is in vain.
        absent: there is nothing at all where an engine was looked for.
        nobody: at a place that nobody named it only says that no engine is there.
        fix: the command that mends it whatever was seen, with the endpoint's `{host}`.
    """

    hopeless: bool = False
    absent: bool = False
    nobody: bool = False
    fix: str | None = None


_SOMEBODY = Meaning()
_HOPELESS = Meaning(hopeless=True)
_ABSENT = Meaning(hopeless=True, absent=True)
_NOBODY = Meaning(nobody=True)

MEANINGS: Mapping[AttemptOutcome, Meaning] = {
    "missing": _ABSENT,
    "unsupported": _ABSENT,
    "denied": _HOPELESS,
    "stale": _HOPELESS,
    "folder": _HOPELESS,
    "refused": _NOBODY,
    "timeout": _NOBODY,
    "unknown name": _NOBODY,
    "no engine": _NOBODY,
    "too large": _SOMEBODY,
    "API too old": _SOMEBODY,
    "API too new": _SOMEBODY,
    "TLS wanted": _SOMEBODY,
    "no TLS": _SOMEBODY,
    "TLS failed": _SOMEBODY,
    "no certificates": _SOMEBODY,
    "wrong name": Meaning(fix=_NEW_CERTIFICATE),
    "certificate expired": Meaning(fix=_NEW_CERTIFICATE),
    "wrong CA": Meaning(fix=_OUR_CERTIFICATE),
    "no client certificate": Meaning(fix=_OUR_CERTIFICATE),
    "client certificate expired": Meaning(fix=_OUR_CERTIFICATE),
    "client certificate refused": Meaning(fix=_OUR_CERTIFICATE),
    "error": _SOMEBODY,
    "answers": _SOMEBODY,
    STRANGER: _SOMEBODY,
    NO_TARGET: _SOMEBODY,
    UNPROVEN: _SOMEBODY,
}


def attempt(place: Place, error: EngineError) -> Attempt:
    """A place and the error that came of it."""
    return Attempt(place.endpoint, _outcome(error), error.detail, error.hint, place.guessed)


def unusable(place: Place, outcome: Unusable, reason: str | None) -> Attempt:
    """A place where an engine answers that is not this container's, or was not proven to be."""
    said = f"is {outcome}" if outcome == UNPROVEN else outcome
    detail = f"{place.endpoint}: the engine there {said}" + (f" ({reason})" if reason else "")
    hint = _MENDED_BY[place.named_by]
    if outcome == NO_TARGET:
        hint = "--target takes the name or the ID of a container of that engine"
    return Attempt(place.endpoint, outcome, detail, hint, place.guessed)


def unquoted(error: EngineError) -> EngineError:
    """The same without the words of the answer, for a place that nobody named."""
    if isinstance(error, EngineAnswerError):
        return error.copy(detail=f"{error.capability}: answered {error.code}", hint=None)
    if isinstance(error, EngineUnreachableError) and error.quotes:
        return EngineUnreachableError(
            f"{error.endpoint}: what answers there does not answer as an engine does",
            endpoint=error.endpoint,
            outcome=error.outcome,
        )
    return error


def matters(place: Place, error: EngineError) -> bool:
    """Whether an error says more than that nobody is at a place which nobody named."""
    return not (place.guessed and MEANINGS[_outcome(error)].nobody)


def failure(tried: tuple[Attempt, ...], failures: list[EngineError]) -> EngineFailure:
    """Why there is no engine: of several reasons the one that a person can act on.

    Args:
        tried: every place and what came of it.
        failures: the errors among these that matter.
    """
    if not tried:
        return EngineFailure("the engine is switched off", "start the agent without --engine off")
    answering = [one for kind in get_args(Unusable) for one in tried if one.outcome == kind]
    named = [one for one in answering if not one.guessed]
    there = [error for error in failures if _outcome(error) != "missing"]
    if named or (answering and not there):
        chosen = named[0] if named else next(one for one in tried if one in answering)
        return EngineFailure(chosen.detail or f"{chosen.endpoint}: {chosen.said}", chosen.hint)
    if not there:
        sockets = [one.endpoint.removeprefix("unix://") for one in tried if not one.guessed]
        return EngineFailure(f"no engine socket at {', '.join(sockets)}", _MOUNT)
    worst = next((error for error in there if _outcome(error) == "denied"), there[0])
    return EngineFailure(worst.detail, worst.hint, denied=isinstance(worst, EngineDeniedError))


def no_target(name: str) -> EngineFailure:
    """Why there is nothing new of the container that is to be reported on: it is not there."""
    return EngineFailure(
        f"the engine has no container {name}",
        "--target takes the name or the ID of a container of that engine; it is looked up again as"
        " soon as there is one of that name",
        no_target=True,
    )


def _outcome(error: EngineError) -> AttemptOutcome:
    if isinstance(error, EngineUnreachableError):
        return error.outcome
    return "denied" if isinstance(error, EngineDeniedError) else "error"
