"""An engine that answers, and the version of its API that is spoken with it."""

from __future__ import annotations

import re
from dataclasses import field
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlencode

from selfinspect.engine.api.capabilities import Capabilities, check
from selfinspect.engine.http.transport import Answer, Transport
from selfinspect.engine.quirks import product, proxy
from selfinspect.errors import EngineError, EngineUnsupportedError
from selfinspect.frozen import dataclass
from selfinspect.jsonread import HEAVIEST, decoded, parsed
from selfinspect.model import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from selfinspect.engine.http.stream import Stream
    from selfinspect.engine.http.tls import Tls
    from selfinspect.engine.http.transport import Observe
    from selfinspect.model import Json

_Raw = TypeVar("_Raw", bytes, str)
_Result = TypeVar("_Result")

HIGHEST_API = "1.51"
LOWEST_API = "1.12"
_VERSION = re.compile(r"\d{1,4}\.\d{1,4}", re.ASCII)
_ARRAYS = frozenset({"changes", "history", "list"})
"""What is answered with an array, or with null where that is empty; the rest with an object."""

_KEPT_IN_PART = frozenset({"inspect", "image"})
_HEAVY = 32 * 2**20
"""Bytes of a document of which only a part is kept, see `bounds`."""


def connect(
    endpoint: str,
    *,
    api_version: str | None = None,
    timeout: float = 10.0,
    patience: float | None = None,
    observe: Observe | None = None,
    tls: Tls | None = None,
) -> Connection:
    """Ask who is there and agree on a version of the API.

    Args:
        endpoint: `unix:///path/of.sock` or `tcp://host:port`.
        api_version: speak this one and do not negotiate (`DOCKER_API_VERSION`).
        timeout: seconds for each whole answer.
        patience: the same for the first one, connecting included; None for `timeout`.
        observe: told of each request: its name, the answer's status (0 for none), seconds.
        tls: the certificates, None to speak in the clear.

    Raises:
        EngineUnreachableError: nobody answers there, or not as an engine does.
        EngineAnswerError: somebody answers, and refuses.
    """
    transport = Transport(endpoint, timeout=patience or timeout, observe=observe, tls=tls)
    try:
        engine, before = _greet(transport, api_version)
    except EngineError:
        transport.close()
        raise
    transport.timeout = timeout
    return Connection(transport, engine, before)


def _greet(transport: Transport, api_version: str | None) -> tuple[Engine, str | None]:
    """The engine, and the name of the proxy before it, None where there seems to be none."""
    answer = transport.get("ping", "/_ping")
    check(answer, "ping", transport)
    offered = answer.headers.get("Api-Version", "")
    if not _VERSION.fullmatch(offered):
        raise transport.failed("answers /_ping, but not as an engine does")
    if _version(offered) < _version(LOWEST_API):
        raise transport.failed(
            f"speaks API version {offered}, and {LOWEST_API} is the oldest understood here",
            outcome="API too old",
            hint="update the engine",
        )
    name, version = product(answer.headers)
    spoken = api_version or min(offered, HIGHEST_API, key=_version)
    return Engine(transport.endpoint, name, version, spoken), proxy(answer.headers)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


@dataclass(frozen=True, slots=True)
class Connection:
    """An engine that answered, and the version of the API agreed with it.

    Attributes:
        proxy: what the proxy before the engine calls itself, None where none says its name.
        capabilities: what is let through, as far as it was asked for.
    """

    transport: Transport
    engine: Engine
    proxy: str | None = None
    capabilities: Capabilities = field(default_factory=Capabilities, compare=False, repr=False)

    def get(self, capability: str, path: str, **query: str) -> bytes:
        """The body of a successful GET.

        Raises:
            EngineUnreachableError: no answer.
            EngineAnswerError: an answer that is no success.
        """
        answer = self.transport.get(capability, self.path(path, query))
        check(answer, capability, self.transport)
        return answer.body

    def json(self, capability: str, path: str, **query: str) -> Json:
        """The same, as JSON."""
        return self.decoded(capability, self.get(capability, path, **query))

    def decoded(self, capability: str, body: bytes) -> Json:
        """An answer's JSON.

        Raises:
            EngineUnreachableError: it is none, or not what engines answer.
        """
        # Neither is kept while the next is made, nor by an error: each may be of many MiB.
        heaviest = _HEAVY if capability in _KEPT_IN_PART else HEAVIEST
        text, wrong = _read(decoded, body, heaviest)
        del body
        document, wrong = (None, wrong) if text is None else _read(parsed, text, heaviest)
        del text
        if wrong:
            raise self.transport.failed(
                f"the answer to {capability} is no JSON to be read: {wrong}"
            )
        if capability not in _ARRAYS and not isinstance(document, dict):
            raise self.transport.failed(f"the answer to {capability} is no JSON object")
        if capability in _ARRAYS and not isinstance(document, list | None):
            raise self.transport.failed(f"the answer to {capability} is no JSON array")
        return document

    def path(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """A path of the API with its version before it."""
        return f"/v{self.engine.api_version}{path}" + (f"?{urlencode(query)}" if query else "")

    def stream(
        self,
        capability: str,
        path: str,
        query: Mapping[str, str],
        *,
        patience: float | None = None,
    ) -> Stream:
        """The body of a successful GET, still to be read.

        Args:
            capability: which of our requests it is.
            path: of the API, without its version.
            query: its parameters.
            patience: seconds for the headers, None for as long as any answer may take.

        Raises:
            EngineUnreachableError: no answer.
            EngineAnswerError: an answer that is no success.
        """
        stream = self.transport.stream(capability, self.path(path, query), patience)
        if stream.code != HTTPStatus.OK:
            with stream:
                answer = Answer(stream.code, stream.headers, stream.text())
                check(answer, capability, self.transport)
        return stream

    def top(self, container: str, **query: str) -> Json:
        """The processes of a container.

        Raises:
            EngineUnsupportedError: the engine says nothing: Podman 4 without a `ps` to run.
        """
        body = self.get("top", f"{container_path(container)}/top", **query)
        if body.strip():
            return self.decoded("top", body)
        raise EngineUnsupportedError(
            "top: the engine answered nothing",
            code=HTTPStatus.OK,
            capability="top",
            endpoint=self.engine.endpoint,
        )

    def speaks(self, version: str) -> bool:
        """Whether the version spoken is this one of the API or a later."""
        return _version(self.engine.api_version) >= _version(version)

    def version(self) -> Json:
        """The engine's version, the API versions it speaks, and its machine's system."""
        return self.json("version", "/version")


def _read(
    read: Callable[[_Raw, int], _Result], raw: _Raw, heaviest: int
) -> tuple[_Result | None, str | None]:
    """What is read of an answer, or why it cannot be."""
    try:
        return read(raw, heaviest), None
    except ValueError as error:
        return None, str(error)


def container_path(container: str) -> str:
    """Where a container is in the API; whatever it is called, it stays one segment."""
    return f"/containers/{quote(container, safe='')}"
