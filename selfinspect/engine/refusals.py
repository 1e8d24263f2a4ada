"""What an answer's status means: success, or one of our errors with the engine's own words."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from selfinspect.engine.access import parsed, text
from selfinspect.engine.product import proxy
from selfinspect.engine.proxies import mending
from selfinspect.errors import (
    EngineAnswerError,
    EngineDeniedError,
    EngineUnsupportedError,
    UnknownContainerError,
    UnknownImageError,
)
from selfinspect.masking import Masking

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.engine.transport import Answer, Transport
    from selfinspect.errors import EngineUnreachableError

_REFUSALS: Mapping[int, type[EngineAnswerError]] = {
    HTTPStatus.UNAUTHORIZED: EngineDeniedError,
    HTTPStatus.FORBIDDEN: EngineDeniedError,
    HTTPStatus.METHOD_NOT_ALLOWED: EngineDeniedError,
    HTTPStatus.NOT_IMPLEMENTED: EngineUnsupportedError,
}
_OF_IMAGES = frozenset({"image", "history"})
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
    said, own = _message(answer.body)
    # An engine's own words are JSON: what a proxy says in its stead is a page, or a line.
    between = None if own else proxy(answer.headers)
    who = f"the proxy {between}" if between else "the engine"
    detail = f"{capability}: {who} answered {answer.code}" + (f": {said}" if said else "")
    if answer.code < HTTPStatus.BAD_REQUEST:
        raise transport.failed(detail)
    version = _VERSION_REFUSED.search(said)
    if answer.code == HTTPStatus.BAD_REQUEST and version:
        raise _version_refused(transport, version)
    kind = _kind(answer.code, capability)
    raise kind(
        detail,
        code=answer.code,
        capability=capability,
        endpoint=transport.endpoint,
        hint=mending(answer.code, capability, said, transport.endpoint, between),
    )


def _kind(code: int, capability: str) -> type[EngineAnswerError]:
    """Which error a status is; what is missing depends on what was asked for."""
    if code != HTTPStatus.NOT_FOUND:
        return _REFUSALS.get(code, EngineAnswerError)
    return UnknownImageError if capability in _OF_IMAGES else UnknownContainerError


def _version_refused(transport: Transport, version: re.Match[str]) -> EngineUnreachableError:
    """The error of a version of the API that the engine does not speak, or no longer."""
    spoken, bound = version["spoken"], version["bound"]
    if version["how"] == "old":
        return transport.failed(
            f"the engine wants API version at least {bound}, and was spoken to in {spoken}",
            outcome="API too old",
            hint="unset DOCKER_API_VERSION, or, where it is not set, use a selfinspect that speaks"
            f" {bound}",
        )
    return transport.failed(
        f"the engine wants API version at most {bound}, and was spoken to in {spoken}",
        outcome="API too new",
        hint=f"unset DOCKER_API_VERSION={spoken}, so that it is negotiated, or set it to {bound}",
    )


def _message(body: bytes) -> tuple[str, bool]:
    """What an error says, shortened and masked, and whether those are an engine's own words.

    `{"message": …}` is an engine's; all else is a proxy's, or a very old engine's.
    """
    try:
        message = text(parsed(body), "message")
    except ValueError:
        message = None
    own = message is not None
    if message is None:
        shown = body[:_READ].decode(errors="replace")
        message = re.sub(r"(?:<[^>]*>|\s)+", " ", shown).strip()
    return Masking().text(message[:_READ])[:_SHOWN], own
