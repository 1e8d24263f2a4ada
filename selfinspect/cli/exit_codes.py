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
    from selfinspect.errors import SelfinspectError


class ExitCode(IntEnum):
    """The exit codes of every verb but `run`, which exits as its command does."""

    OK = 0
    """It worked."""
    NO = 1
    """The answer is no: unhealthy, not found, timed out."""
    USAGE = 2
    """An option or an argument is wrong."""
    NO_IDENTITY = 3
    """It is not known which container this is."""
    ENGINE_UNREACHABLE = 4
    """No engine gives a usable answer."""
    DENIED = 5
    """The engine, or a proxy before it, refuses."""


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
