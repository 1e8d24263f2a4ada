"""HTTP to one engine over its Unix socket: bounded in time and size, errors mapped to ours.

The only importer of requests. A request never follows a redirect and never takes a proxy, a
credential or a certificate from the environment.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import quote, unquote, urlsplit

import requests
from requests_unixsocket import UnixAdapter
from requests_unixsocket.adapters import UnixHTTPConnection, UnixHTTPConnectionPool
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError

from selfinspect.errors import EngineUnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    Observe = Callable[[str, int, float], None]

MAX_BODY = 32 * 2**20
MAX_SOCKET_PATH = 107
_POOLED = 8


class Answer(NamedTuple):
    """A whole answer of the engine: status, headers (names in any case) and body."""

    code: int
    headers: Mapping[str, str]
    body: bytes


class _Connection(UnixHTTPConnection):  # type: ignore[misc]  # the library has no types
    """Closes its socket where it cannot connect; the library leaves that to the collector."""

    def connect(self) -> None:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.settimeout(self.timeout)
            made.connect(unquote(urlsplit(self.unix_socket_url).netloc))
        except OSError:
            made.close()
            raise
        self.sock = made


class _Pool(UnixHTTPConnectionPool):  # type: ignore[misc]  # the library has no types
    """Keeps as many idle connections as an agent has threads; the library's keeps one."""

    def __init__(self, url: str, timeout: float) -> None:
        HTTPConnectionPool.__init__(self, "localhost", timeout=timeout, maxsize=_POOLED)
        self.socket_path = url

    def _new_conn(self) -> _Connection:
        return _Connection(self.socket_path, self.timeout)


class _Adapter(UnixAdapter):  # type: ignore[misc]  # the library has no types
    """Keys pools by socket; the library keys by URL, so every path would open a socket."""

    def get_connection(self, url: str, proxies: Mapping[str, str] | None = None) -> _Pool:  # noqa: ARG002
        place = f"http+unix://{urlsplit(url).netloc}"
        with self.pools.lock:
            pool: _Pool | None = self.pools.get(place)
            if pool is None:
                pool = self.pools[place] = _Pool(place, self.timeout)
        return pool


class Transport:
    """One engine's socket. Safe to use from several threads.

    Args:
        endpoint: `unix:///path/of.sock`.
        timeout: seconds for a whole answer, and for the headers of a stream.
        observe: told of each request: its name, the answer's status (0 for none), seconds.

    Raises:
        EngineUnreachableError: from every request, when no whole answer came in time.
    """

    def __init__(
        self, endpoint: str, *, timeout: float = 10.0, observe: Observe | None = None
    ) -> None:
        self.endpoint = endpoint
        self.timeout = timeout
        self._observe = observe
        self._path = endpoint.removeprefix("unix://")
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http+unix://", _Adapter(timeout=timeout))

    def get(self, name: str, path: str) -> Answer:
        """GET a path, the whole answer."""
        return self._whole("GET", name, path)

    def head(self, name: str, path: str) -> Answer:
        """HEAD a path."""
        return self._whole("HEAD", name, path)

    def stream(self, name: str, path: str) -> Stream:
        """GET a path whose answer has no end; returns once its headers are here."""
        return Stream(self, self._send("GET", name, path))

    def close(self) -> None:
        """Close the idle connections."""
        self._session.close()

    def _whole(self, method: str, name: str, path: str) -> Answer:
        deadline = time.monotonic() + self.timeout
        response = self._send(method, name, path)
        body = bytearray()
        try:
            while piece := response.raw.read1(65_536, decode_content=True):
                body += piece
                if len(body) > MAX_BODY:
                    raise self.failed(f"an answer of more than {MAX_BODY >> 20} MiB")
                if time.monotonic() > deadline:
                    raise self.failed(
                        f"no whole answer within {self.timeout:g} s", outcome="timeout"
                    )
        except (HTTPError, OSError) as error:
            raise self.failed(f"the answer broke off: {error}") from error
        finally:
            response.close()
        return Answer(response.status_code, response.headers, bytes(body))

    def _send(self, method: str, name: str, path: str) -> requests.Response:
        url = f"http+unix://{quote(self._path, safe='')}{path}"
        begun, code = time.monotonic(), 0
        try:
            response = self._session.request(
                method, url, stream=True, allow_redirects=False, timeout=self.timeout
            )
        except (requests.RequestException, HTTPError, OSError) as error:
            raise self._unreachable(error) from error
        else:
            code = response.status_code
            return response
        finally:
            if self._observe is not None:
                self._observe(name, code, time.monotonic() - begun)

    def failed(
        self, what: str, *, outcome: str = "no engine", hint: str | None = None
    ) -> EngineUnreachableError:
        """The error of an engine that is there and does not do as engines do."""
        return EngineUnreachableError(
            f"{self.endpoint}: {what}", endpoint=self.endpoint, outcome=outcome, hint=hint
        )

    def _unreachable(self, error: Exception) -> EngineUnreachableError:
        cause = _os_error(error)
        if isinstance(cause, FileNotFoundError):
            return self.failed(
                "there is no such socket",
                outcome="missing",
                hint=f"mount the engine's socket: -v {self._path}:{self._path}",
            )
        if isinstance(cause, PermissionError):
            return self.failed(
                f"permission denied for uid {os.geteuid()}",
                outcome="denied",
                hint=f"join the group the socket belongs to: --group-add {_group(self._path)}",
            )
        if isinstance(cause, ConnectionRefusedError):
            return self.failed(
                "the connection was refused",
                outcome="refused",
                hint="start the engine; a socket file outlives the engine that made it",
            )
        if isinstance(error, requests.Timeout):
            return self.failed(f"no answer within {self.timeout:g} s", outcome="timeout")
        if len(self._path.encode()) > MAX_SOCKET_PATH:
            return self.failed(f"a socket's path has at most {MAX_SOCKET_PATH} bytes")
        return self.failed(str(cause or error))


class Stream:
    """The lines of an answer without end. Iterate in one thread, `cancel` from any."""

    def __init__(self, transport: Transport, response: requests.Response) -> None:
        self.code = response.status_code
        self._transport = transport
        self._response = response
        self._cancelled = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._response.close()

    def text(self, limit: int = 65_536) -> bytes:
        """The beginning of the body, for an answer that turned out to be no stream."""
        try:
            return bytes(self._response.raw.read(limit, decode_content=True))
        except (HTTPError, OSError):
            return b""

    def lines(self) -> Iterator[bytes]:
        """Each line as it comes; ends when the engine ends it or `cancel` is called.

        Raises:
            EngineUnreachableError: the stream broke off.
        """
        connection = self._response.raw.connection
        if connection is not None and connection.sock is not None:
            connection.sock.settimeout(None)
        try:
            yield from filter(None, self._response.iter_lines())
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            # A ValueError, "read of closed file", is how a cancelled read may end.
            if not self._cancelled:
                raise self._transport.failed(f"the stream broke off: {error}") from error

    def cancel(self) -> None:
        """End the iteration, wherever it waits."""
        self._cancelled = True
        try:
            self._response.raw.shutdown()
        except (OSError, ValueError, RuntimeError):
            return  # it has ended by itself already


def _os_error(error: BaseException | None) -> OSError | None:
    """The operating system's error at the bottom of what requests and urllib3 wrap."""
    found = None
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            found = error
        error = error.__cause__ or error.__context__
    return found


def _group(path: str) -> str:
    try:
        return str(Path(path).stat().st_gid)
    except OSError:
        return f"$(stat -c %g {path})"
