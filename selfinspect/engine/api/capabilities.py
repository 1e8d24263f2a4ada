"""What may be asked of an engine, a row each, and what it or a proxy before it answers to that.

A new question is a row in `REQUESTS`; what was refused is remembered per capability.
"""

from __future__ import annotations

import re
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, TypeVar

from selfinspect.engine.quirks import proxy
from selfinspect.errors import (
    EngineAnswerError,
    EngineDeniedError,
    EngineUnsupportedError,
    UnknownContainerError,
    UnknownImageError,
)
from selfinspect.frozen import dataclass
from selfinspect.jsonread import parsed, text
from selfinspect.masking import Masking
from selfinspect.model import CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from selfinspect.engine.http.transport import Answer, Transport
    from selfinspect.errors import EngineUnreachableError
    from selfinspect.model import Access, Capability

Answered = TypeVar("Answered")

RETRY = 600.0
"""Seconds for which a refusal is believed before the engine is asked again."""

_CONTAINER, _IMAGE = "<this container's ID>", "<its image's ID>"
_READ, _SHOWN = 4096, 200
"""How much of an error's text is looked at, and how much of that is shown."""

_VERSION_REFUSED = re.compile(
    r"client version (?P<spoken>[\d.]+) is too (?P<how>old|new)\b.*?(?P<bound>\d+\.\d+)"
)
_PLUGIN = re.compile(r"authorization denied by plugin (?P<name>[^\s:]+)")
_NOBODY_BEHIND = (
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
_MENDED_BY: Mapping[tuple[Capability, int], str] = {
    ("ping", HTTPStatus.NOT_FOUND): (
        "where a proxy serves the engine below a path, name that, too: ENDPOINT/PATH"
    ),
    ("logs", HTTPStatus.NOT_IMPLEMENTED): (
        "start the container with --log-driver local, json-file or journald"
    ),
}
"""What helps where a single request fails in this way."""

_REFUSALS: Mapping[int, type[EngineAnswerError]] = {
    HTTPStatus.UNAUTHORIZED: EngineDeniedError,
    HTTPStatus.FORBIDDEN: EngineDeniedError,
    HTTPStatus.METHOD_NOT_ALLOWED: EngineDeniedError,
    HTTPStatus.NOT_IMPLEMENTED: EngineUnsupportedError,
}


@dataclass(frozen=True, slots=True)
class Request:
    """A question to an engine.

    Attributes:
        path: of the API, without its version; `{}` stands for an ID.
        variable: what lets it through Tecnativa's and linuxserver's proxies; the latter opens
            single paths under `ADVANCED=1`, where `CONTAINERS_ID_STATS=1` is one.
        method: HEAD where only the headers are of interest.
        answer: the JSON of an answer; an empty array may be written as null.
        kept_in_part: whether only a part of a long answer is kept, see `inspect.bounds`.
    """

    path: str
    variable: str
    method: Literal["GET", "HEAD"] = "GET"
    answer: type[dict[str, object] | list[object]] = dict
    kept_in_part: bool = False

    @property
    def of_image(self) -> bool:
        """Whether the ID is an image's."""
        return self.path.startswith("/images/")

    def __str__(self) -> str:
        return f"{self.method} {self.path.format(_IMAGE if self.of_image else _CONTAINER)}"


REQUESTS: Mapping[Capability, Request] = {
    "ping": Request("/_ping", "PING=1"),
    "version": Request("/version", "VERSION=1"),
    "info": Request("/info", "INFO=1"),
    "events": Request("/events", "EVENTS=1"),
    "image": Request("/images/{}/json", "IMAGES=1", kept_in_part=True),
    "history": Request("/images/{}/history", "IMAGES=1", answer=list),
    "list": Request("/containers/json", "CONTAINERS=1", answer=list),
    "inspect": Request("/containers/{}/json", "CONTAINERS=1", kept_in_part=True),
    "archive": Request("/containers/{}/archive", "CONTAINERS=1", "HEAD"),
    "stats": Request("/containers/{}/stats", "CONTAINERS=1"),
    "top": Request("/containers/{}/top", "CONTAINERS=1"),
    "logs": Request("/containers/{}/logs", "CONTAINERS=1"),
    "changes": Request("/containers/{}/changes", "CONTAINERS=1", answer=list),
}


class Capabilities:
    """Which requests an engine allows and which it refuses. Safe to use from several threads.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._allowed: set[Capability] = set()
        self._refused: dict[Capability, tuple[EngineAnswerError, float]] = {}
        self._lock = threading.Lock()

    def states(self) -> Mapping[Capability, Access]:
        """The state of each capability that is shown."""
        with self._lock:
            return {name: self._state(name) for name in CAPABILITIES}

    def refusals(self) -> Mapping[Capability, EngineAnswerError]:
        """The capabilities that are refused, each with the answer of the engine or a proxy."""
        with self._lock:
            return {name: error for name, (error, _) in self._refused.items()}

    def allowed(self, capability: Capability) -> None:
        """Remember that a request was answered."""
        with self._lock:
            self._refused.pop(capability, None)
            self._allowed.add(capability)

    def refused(self, capability: Capability, error: EngineAnswerError) -> None:
        """Remember that a request was refused; any other error says nothing of what is allowed."""
        if isinstance(error, EngineDeniedError | EngineUnsupportedError):
            with self._lock:
                self._allowed.discard(capability)
                self._refused[capability] = (error.copy(), self._clock() + RETRY)

    def ask(self, capability: Capability, question: Callable[[], Answered]) -> Answered:
        """The answer to a question, unless it was refused a short while ago.

        Raises:
            EngineAnswerError: it is refused, or was.
        """
        with self._lock:
            error, until = self._refused.get(capability, (None, 0.0))
        if error is not None and self._clock() < until:
            raise error.copy()
        try:
            answer = question()
        except EngineAnswerError as refusal:
            self.refused(capability, refusal)
            raise
        self.allowed(capability)
        return answer

    def _state(self, name: Capability) -> Access:
        if name in self._refused:
            denied = isinstance(self._refused[name][0], EngineDeniedError)
            return "denied" if denied else "unsupported"
        return "allowed" if name in self._allowed else "unknown"


def check(
    answer: Answer, capability: Capability, transport: Transport, masking: Masking | None = None
) -> None:
    """Return where the answer is a success.

    Args:
        answer: the whole of it.
        capability: which of our requests was answered.
        transport: has the endpoint.
        masking: hides what is secret of what an error says; None as long as no secret is known.

    Raises:
        EngineUnreachableError: what answers is not an engine, or has no API version that we have.
        EngineAnswerError: the engine answers with an error.
    """
    if answer.code in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
        return
    said, own = _message(answer.body, masking or Masking())
    # An engine's own words are JSON: what a proxy says in its stead is a page, or a line.
    between = None if own else proxy(answer.headers)
    who = f"the proxy {between}" if between else "the engine"
    detail = f"{capability}: {who} answered {answer.code}" + (f": {said}" if said else "")
    if answer.code < HTTPStatus.BAD_REQUEST:
        raise transport.failed(detail, quotes=True)
    version = _VERSION_REFUSED.search(said)
    if answer.code == HTTPStatus.BAD_REQUEST and version:
        raise _version_refused(transport, version)
    kind = _REFUSALS.get(answer.code, EngineAnswerError)
    if answer.code == HTTPStatus.NOT_FOUND:
        kind = UnknownImageError if REQUESTS[capability].of_image else UnknownContainerError
    raise kind(
        detail,
        code=answer.code,
        capability=capability,
        endpoint=transport.endpoint,
        hint=mending(answer.code, capability, said, transport.endpoint, between),
    )


def _version_refused(transport: Transport, version: re.Match[str]) -> EngineUnreachableError:
    """The error of an API version that the engine does not have, or no longer."""
    spoken, bound, old = version["spoken"], version["bound"], version["how"] == "old"
    hint = f"unset DOCKER_API_VERSION={spoken}, so that it is negotiated, or set it to {bound}"
    if old:
        hint = (
            "unset DOCKER_API_VERSION, or, where it is not set, use a selfinspect that speaks"
            f" {bound}"
        )
    return transport.failed(
        f"the engine requires API version {bound} or {'later' if old else 'earlier'}, and was"
        f" asked in {spoken}",
        outcome="API too old" if old else "API too new",
        hint=hint,
    )


def _message(body: bytes, masking: Masking) -> tuple[str, bool]:
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
    return masking.text(message[:_READ])[:_SHOWN], own


def mending(
    code: int, capability: Capability, said: str, endpoint: str, proxy: str | None
) -> str | None:
    """What a person does about an error status, None where nothing general can be said.

    Args:
        code: its status.
        capability: which of our requests was answered.
        said: the text of the answer.
        endpoint: where the engine was asked.
        proxy: the name of the proxy that answered, None where an engine did.
    """
    if plugin := _PLUGIN.search(said):
        return (
            f"let the engine's authorization plugin {plugin['name']} allow {REQUESTS[capability]}"
        )
    if _REFUSALS.get(code) is EngineDeniedError:
        return allowing(capability)
    if code == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return f"{endpoint} is a proxy for the web: name the engine itself, with --engine"
    if proxy is not None and code in _NOBODY_BEHIND:
        return (
            f"{proxy} answers, and the engine behind it does not: systemctl start docker, and let"
            f" {proxy} lead to its socket"
        )
    return _MENDED_BY.get((capability, code), "").replace("ENDPOINT", endpoint) or None


def allowing(capability: Capability) -> str:
    """How a person allows a request: a proxy's variable, or the path for one that takes paths."""
    request = REQUESTS[capability]
    return (
        f"set {request.variable} on the proxy in front of the engine (Tecnativa, linuxserver);"
        f" on another, allow {request}"
    )
