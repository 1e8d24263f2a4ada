"""A connection to an engine that answered, in a version of the API that both have."""

from __future__ import annotations

import re
from dataclasses import field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from selfinspect.engine.api.capabilities import REQUESTS, Capabilities, check
from selfinspect.engine.http.transport import Answer, Transport
from selfinspect.engine.quirks import product, proxy
from selfinspect.errors import EngineError, EngineUnsupportedError
from selfinspect.frozen import dataclass
from selfinspect.jsonread import HEAVIEST, TooHeavyError, decoded, parsed
from selfinspect.masking import Masking
from selfinspect.model import Engine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.engine.http.stream import Stream
    from selfinspect.engine.http.tls import Tls
    from selfinspect.engine.http.transport import Observe
    from selfinspect.model import Capability, Json

HIGHEST_API = "1.51"
LOWEST_API = "1.12"
_VERSION = re.compile(r"\d{1,4}\.\d{1,4}", re.ASCII)
_TOO_LARGE = (
    "no more of an answer is read, so that no engine can fill this container's memory; fewer"
    " mounts, labels or variables make it smaller"
)
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
    """Connect to an engine, and agree on a version of the API.

    Args:
        endpoint: `unix:///path/of.sock` or `tcp://host:port`.
        api_version: speak this one and do not negotiate (`DOCKER_API_VERSION`).
        timeout: seconds for each whole answer.
        patience: the same for the first one, connecting included; None for `timeout`.
        observe: called for each request: its name, the answer's status (0 for none), seconds.
        tls: the certificates, None for no encryption.

    Raises:
        EngineUnreachableError: no answer, or not as an engine does.
        EngineAnswerError: an answer that is not a success.
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
    answer = transport.answer("ping", "/_ping")
    check(answer, "ping", transport)
    offered = answer.headers.get("Api-Version", "")
    if not _VERSION.fullmatch(offered):
        raise transport.failed("answers /_ping, but not as an engine does")
    if _version(offered) < _version(LOWEST_API):
        raise transport.failed(
            f"speaks API version {offered}, and {LOWEST_API} is the oldest supported here",
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
        proxy: the name of the proxy before the engine, None where none is seen.
        capabilities: what is allowed, as far as it was asked for.
        masking: what is hidden of what an error says.
    """

    transport: Transport
    engine: Engine
    proxy: str | None = None
    capabilities: Capabilities = field(default_factory=Capabilities, compare=False, repr=False)
    masking: Masking = field(default_factory=Masking, compare=False, repr=False)

    def get(self, capability: Capability, of: str = "", **query: str) -> bytes:
        """The body of a successful answer.

        Args:
            capability: which request it is.
            of: the container or the image that is asked about.
            query: the request's parameters.

        Raises:
            EngineUnreachableError: no answer.
            EngineAnswerError: an answer that is not a success.
        """
        answer = self.answer(capability, of, **query)
        check(answer, capability, self.transport, self.masking)
        return answer.body

    def answer(self, capability: Capability, of: str, **query: str) -> Answer:
        """The whole answer, whatever its status."""
        method = REQUESTS[capability].method
        return self.transport.answer(capability, self._path(capability, of, query), method)

    def json(self, capability: Capability, of: str = "", **query: str) -> Json:
        """The JSON of a successful answer.

        Raises:
            EngineUnreachableError: no answer, or not what engines answer.
            EngineAnswerError: an answer that is not a success.
        """
        return self.decoded(capability, self.get(capability, of, **query))

    def decoded(self, capability: Capability, body: bytes) -> Json:
        """An answer's JSON.

        Raises:
            EngineUnreachableError: it is not JSON, or not what engines answer.
            EngineUnsupportedError: an empty answer to `top`.
        """
        if capability == "top" and not body.strip():  # Podman 4, without a `ps` to run
            raise EngineUnsupportedError(
                "top: the engine answered nothing",
                code=HTTPStatus.OK,
                capability=capability,
                endpoint=self.engine.endpoint,
            )
        request = REQUESTS[capability]
        heaviest = _HEAVY if request.kept_in_part else HEAVIEST
        text, document, wrong = "", None, None
        try:
            text = decoded(body, heaviest)
            body = b""
            document = parsed(text, heaviest)
        except TooHeavyError as error:
            what = f"the answer to {capability} is too large: {error} once it is read"
            wrong = self.transport.failed(what, outcome="too large", hint=_TOO_LARGE)
        except ValueError as error:
            what = f"the answer to {capability} cannot be read as JSON: {error}"
            wrong = self.transport.failed(what)
        # Neither is kept while the next is made, nor by an error: each may be of many MiB.
        body, text = b"", ""
        if wrong:
            raise wrong
        if not isinstance(document, request.answer) and (
            document is not None or request.answer is dict
        ):
            kind = "object" if request.answer is dict else "array"
            raise self.transport.failed(f"the answer to {capability} is not a JSON {kind}")
        return document

    def stream(
        self,
        capability: Capability,
        of: str,
        query: Mapping[str, str],
        *,
        patience: float | None = None,
    ) -> Stream:
        """The body of a successful answer, still to be read.

        Args:
            capability: which request it is.
            of: the container that is asked about, empty for none.
            query: the request's parameters.
            patience: seconds for the headers, None for as long as any answer may take.

        Raises:
            EngineUnreachableError: no answer.
            EngineAnswerError: an answer that is not a success.
        """
        stream = self.transport.stream(capability, self._path(capability, of, query), patience)
        if stream.code != HTTPStatus.OK:
            with stream:
                answer = Answer(stream.code, stream.headers, stream.text())
                check(answer, capability, self.transport, self.masking)
        return stream

    def speaks(self, version: str) -> bool:
        """Whether the API version in use is this one or a later."""
        return _version(self.engine.api_version) >= _version(version)

    def _path(self, capability: Capability, of: str, query: Mapping[str, str]) -> str:
        """A request's path and query; whatever a container is called, it stays one segment."""
        path = REQUESTS[capability].path.format(quote(of, safe=":"))
        return f"/v{self.engine.api_version}{path}" + (f"?{urlencode(query)}" if query else "")
