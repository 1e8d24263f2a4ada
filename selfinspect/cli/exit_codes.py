"""What an exit code says."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from selfinspect.errors import (
    BadRequestError,
    EngineDeniedError,
    EngineError,
    EngineUnsupportedError,
    IdentityError,
    UnknownContainerError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.errors import SelfinspectError


class ExitCode(IntEnum):
    """The exit codes of every verb but `run`, which exits as its command does."""

    OK = 0
    NO = 1
    USAGE = 2
    NO_IDENTITY = 3
    ENGINE_UNREACHABLE = 4
    DENIED = 5


MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.OK: "It worked.",
    ExitCode.NO: "The answer is no: unhealthy, not found, timed out.",
    ExitCode.USAGE: "An option or an argument is wrong.",
    ExitCode.NO_IDENTITY: "It is not known which container this is.",
    ExitCode.ENGINE_UNREACHABLE: "No engine gives a usable answer.",
    ExitCode.DENIED: "The engine, or a proxy before it, refuses.",
}


def exits(*codes: ExitCode, no: str = "") -> dict[ExitCode, str]:
    """What these exit codes of a verb say, in order; `no` is what 1 does, if it can say that."""
    said = {ExitCode.NO: no} if no else {}
    return said | {code: MEANINGS[code] for code in codes}


def exit_code(error: SelfinspectError) -> ExitCode:
    """The exit code that an error ends with."""
    match error:
        case IdentityError():
            return ExitCode.NO_IDENTITY
        case EngineDeniedError():
            return ExitCode.DENIED
        case EngineUnsupportedError() | UnknownContainerError():
            return ExitCode.NO
        case EngineError():
            return ExitCode.ENGINE_UNREACHABLE
        case BadRequestError():
            return ExitCode.USAGE
        case _:
            return ExitCode.NO
