"""HTTP to one engine over a Unix socket, TCP or TLS: bounded in time and size, errors ours.

A request never follows a redirect and never takes a proxy, a credential or a certificate from the
environment.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import requests
from urllib3.exceptions import HTTPError, LocationParseError

from selfinspect.endpoint import PLAIN_PORT, TLS_PORT, parse_endpoint
from selfinspect.engine.http import failures, tls
from selfinspect.engine.http.pools import Adapter, pool
from selfinspect.engine.http.stream import Stream
from selfinspect.errors import EngineUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from urllib3.connectionpool import HTTPConnectionPool

    from selfinspect.endpoint import Endpoint
    from selfinspect.engine.http.tls import Tls
    from selfinspect.errors import Outcome

    Observe = Callable[[str, int, float], None]

_NO_TLS = b"HTTP request to an HTTPS server"
"""What an engine says in the clear where it speaks TLS."""


class Answer(NamedTuple):
    """A whole answer of the engine: status, headers (names in any case) and body."""

    code: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """One engine's socket. Safe to use from several threads.

    Args:
        endpoint: `unix:///path/of.sock` or `tcp://host:port`.
        timeout: seconds for a whole answer, and for the headers of a stream.
        observe: called for each request: its name, the answer's status (0 for none), seconds.
        tls: the certificates; None for no encryption.

    Raises:
        EngineUnreachableError: by every request, when no whole answer came in time; at once, when
            the endpoint or the certificates cannot be used.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        timeout: float = 10.0,
        observe: Observe | None = None,
        tls: Tls | None = None,
    ) -> None:
        self._place = _place(endpoint, tls)
        self._tls = tls if self._place.host else None
        self.endpoint = str(self._place)
        self.timeout = timeout
        self._observe = observe
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", Adapter(self._pool))

    @property
    def local(self) -> bool:
        """Whether it is a Unix socket: nothing leaves the machine."""
        return bool(self._place.path)

    @property
    def encrypted(self) -> bool:
        """Whether TLS is spoken."""
        return self._tls is not None

    def answer(self, name: str, path: str, method: str = "GET") -> Answer:
        """GET or HEAD a path: the whole answer.

        Args:
            name: which of our requests it is.
            path: with its query.
            method: of HTTP.
        """
        with self.stream(name, path, method=method) as stream:
            body = stream.whole()
        if _NO_TLS in body and self._place.host and self._tls is None:
            raise self.failed(
                "the engine speaks TLS there",
                outcome="TLS wanted",
                hint="set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, and mount the certificates",
            )
        return Answer(stream.code, stream.headers, body)

    def stream(
        self, name: str, path: str, patience: float | None = None, *, method: str = "GET"
    ) -> Stream:
        """GET a path whose answer may have no end; returns once its headers are here.

        Args:
            name: which of our requests it is.
            path: with its query.
            patience: seconds for the headers, None for `timeout`.
            method: of HTTP.
        """
        begun, code, timeout = time.monotonic(), 0, patience or self.timeout
        try:
            response = self._session.request(
                method,
                f"http://localhost{self._place.prefix}{path}",
                stream=True,
                allow_redirects=False,
                timeout=timeout,
            )
        except (requests.RequestException, HTTPError, OSError) as error:
            raise failures.unreachable(error, self._place, self._tls, timeout) from error
        else:
            code = response.status_code
            return Stream(response.raw, timeout, self.failed)
        finally:
            if self._observe is not None:
                self._observe(name, code, time.monotonic() - begun)

    def close(self) -> None:
        """Close the idle connections."""
        self._session.close()

    def failed(
        self,
        what: str,
        *,
        outcome: Outcome = "no engine",
        hint: str | None = None,
        quotes: bool = False,
    ) -> EngineUnreachableError:
        """The error of an engine that is there and does not do as engines do."""
        return failures.failed(self._place, what, outcome=outcome, hint=hint, quotes=quotes)

    def _pool(self) -> HTTPConnectionPool:
        try:
            return pool(self._place, self._tls)
        except LocationParseError as error:
            raise self.failed("not a valid host name", outcome="unknown name") from error
        except OSError as error:
            if self._tls is None:
                raise
            raise failures.because(self._place, tls.unusable(error, self._tls)) from error


def _place(endpoint: str, tls: Tls | None) -> Endpoint:
    """The endpoint, with its port."""
    try:
        place = parse_endpoint(endpoint)
    except ValueError as error:
        raise EngineUnreachableError(
            f"{endpoint}: not an endpoint that can be used",
            endpoint=endpoint,
            outcome="unsupported",
            hint=f"name the engine's socket: it {error}",
        ) from error
    if place.host and place.port is None:
        return replace(place, port=TLS_PORT if tls else PLAIN_PORT)
    return place
