"""What an answer's status means: success, or one of our errors with the engine's own words."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from selfinspect.engine.access import parsed, text
from selfinspect.engine.proxies import allowing
from selfinspect.errors import (
    EngineAnswerError,
    EngineDeniedError,
    EngineUnsupportedError,
    UnknownContainerError,
)
from selfinspect.masking import Masking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.engine.transport import Answer, Transport

_REFUSALS: Mapping[int, type[EngineAnswerError]] = {
    HTTPStatus.UNAUTHORIZED: EngineDeniedError,
    HTTPStatus.FORBIDDEN: EngineDeniedError,
    HTTPStatus.METHOD_NOT_ALLOWED: EngineDeniedError,
    HTTPStatus.NOT_FOUND: UnknownContainerError,
    HTTPStatus.NOT_IMPLEMENTED: EngineUnsupportedError,
}
_READ, _SHOWN = 4096, 200
"""How much of an error's text is looked at, and how much of that is shown."""

_VERSION_REFUSED = re.compile(
    r"client version (?P<spoken>[\d.]+) is too (?P<how>old|new)\b.*?(?P<bound>\d+\.\d+)"
)


def check(answer: Answer, capability: str, transport: Transport) -> None:
    """Nothing, where the answer is a success.

    Raises:
        EngineUnreachableError: who answers is no engine, or speaks no version that we do.
        EngineAnswerError: the engine answers, and refuses.
    """
    if answer.code in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
        return
    said = _message(answer.body)
    detail = f"{capability}: the engine answered {answer.code}" + (f": {said}" if said else "")
    if answer.code < HTTPStatus.BAD_REQUEST:
        raise transport.failed(detail)
    version = _VERSION_REFUSED.search(said)
    if answer.code == HTTPStatus.BAD_REQUEST and version:
        bound = f"{'at least' if version['how'] == 'old' else 'at most'} {version['bound']}"
        raise transport.failed(
            f"the engine wants API version {bound}, and was spoken to in {version['spoken']}",
            outcome=f"API too {version['how']}",
            hint="unset DOCKER_API_VERSION, or, where it is not set, use a selfinspect that speaks"
            f" {version['bound']}",
        )
    kind = _REFUSALS.get(answer.code, EngineAnswerError)
    raise kind(
        detail,
        code=answer.code,
        capability=capability,
        endpoint=transport.endpoint,
        hint=allowing(capability) if kind is EngineDeniedError else None,
    )


def _message(body: bytes) -> str:
    """What an error says: `{"message": …}` of an engine; a proxy's own text, shortened; masked."""
    try:
        message = text(parsed(body), "message")
    except ValueError:
        message = None
    if message is None:
        shown = body[:_READ].decode(errors="replace")
        message = re.sub(r"(?:<[^>]*>|\s)+", " ", shown).strip()
    return Masking().text(message[:_READ])[:_SHOWN]
