"""What an engine, or a proxy before it, lets us ask: learnt from its answers, per capability.

What an answer's status means: success, or one of our errors with the engine's own words.
"""

from __future__ import annotations

import re
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from selfinspect.engine.quirks import mending, proxy
from selfinspect.errors import (
    EngineAnswerError,
    EngineDeniedError,
    EngineUnsupportedError,
    UnknownContainerError,
    UnknownImageError,
)
from selfinspect.jsonread import parsed, text
from selfinspect.masking import Masking
from selfinspect.model import CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from selfinspect.engine.http.transport import Answer, Transport
    from selfinspect.errors import EngineUnreachableError
    from selfinspect.model import Access

Answered = TypeVar("Answered")

RETRY = 600.0
"""Seconds for which a refusal is believed before the engine is asked again."""


class Capabilities:
    """The refusals of one engine, remembered. Safe to use from several threads.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._allowed: set[str] = set()
        self._refused: dict[str, tuple[EngineAnswerError, float]] = {}
        self._lock = threading.Lock()

    def states(self) -> Mapping[str, Access]:
        """Each capability, and what is known of it."""
        with self._lock:
            return {name: self._state(name) for name in CAPABILITIES}

    def ask(self, capability: str, question: Callable[[], Answered]) -> Answered:
        """The answer to a question, unless it was refused a short while ago.

        Raises:
            EngineAnswerError: it is refused, or was.
        """
        with self._lock:
            error, until = self._refused.get(capability, (None, 0.0))
        if error is not None and self._clock() < until:
            raise _again(error)
        try:
            answer = question()
        except (EngineDeniedError, EngineUnsupportedError) as error:
            with self._lock:
                self._allowed.discard(capability)
                self._refused[capability] = (_again(error), self._clock() + RETRY)
            raise
        with self._lock:
            self._refused.pop(capability, None)
            self._allowed.add(capability)
        return answer

    def _state(self, name: str) -> Access:
        if name in self._refused:
            denied = isinstance(self._refused[name][0], EngineDeniedError)
            return "denied" if denied else "unsupported"
        return "allowed" if name in self._allowed else "unknown"


def _again(error: EngineAnswerError) -> EngineAnswerError:
    """A new error that says the same, without the other's traceback."""
    return type(error)(
        error.detail,
        code=error.code,
        capability=error.capability,
        endpoint=error.endpoint,
        hint=error.hint,
    )


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
