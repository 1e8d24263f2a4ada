"""Connections to one engine over a Unix socket, TCP or TLS, kept and bounded alike.

What http.client and urllib3 leave open is closed here: each read from a socket counts against
one deadline for the whole answer, so that a peer which sends a byte now and then gains nothing.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from requests_unixsocket.adapters import UnixHTTPConnection
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from selfinspect.engine.http.names import addresses

if TYPE_CHECKING:
    from collections.abc import Callable

    from selfinspect.engine.http.tls import Tls

POOLED = 8
"""Idle connections that are kept: as many as an agent has threads that ask."""

_KEEPALIVE = ((socket.TCP_KEEPIDLE, 20), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))
"""A stream over a network that went away is noticed by the kernel, within a minute."""


class _Deadline:
    """Reads until a moment, not for so long each. Mixed into a kind of socket."""

    until: float | None = None

    def recv_into(self, *arguments: Any) -> int:
        if self.until is not None:
            left = self.until - time.monotonic()
            if left <= 0:
                raise TimeoutError("the deadline of the whole answer has passed")
            self.settimeout(left)  # type: ignore[attr-defined]  # a socket's
        received: int = super().recv_into(*arguments)  # type: ignore[misc]  # a socket's
        return received


class _Socket(_Deadline, socket.socket):
    pass


class _TlsSocket(_Deadline, ssl.SSLSocket):
    pass


class _Bounded:
    """Gives each request its deadline, connecting included. Mixed into a connection.

    An engine may close a connection that it kept just as we ask over it: then it is asked anew.

    Attributes:
        read_from: the socket of the last answer; one that ends with the connection closes that
            before it is read.
    """

    sock: socket.socket | None
    read_from: socket.socket | None = None
    _until: float | None = None
    _again: Callable[[], None] | None = None

    def connect(self) -> None:
        self._until = time.monotonic() + self._seconds
        super().connect()  # type: ignore[misc]  # a connection's

    @property
    def _seconds(self) -> float:
        seconds: float = self.timeout  # type: ignore[attr-defined]  # a connection's
        return seconds

    def request(self, *arguments: Any, **options: Any) -> None:
        if self.sock is None:
            self.connect()
        until, self._until = self._until, None
        self._again = None if until else partial(self.request, *arguments, **options)
        self.sock.until = until or time.monotonic() + self._seconds  # type: ignore[union-attr]
        self.read_from = self.sock
        super().request(*arguments, **options)  # type: ignore[misc]  # a connection's

    def getresponse(self) -> Any:
        again, self._again = self._again, None
        try:
            return super().getresponse()  # type: ignore[misc]  # a connection's
        except ConnectionError:
            if again is None:
                raise
        until = self.read_from.until  # type: ignore[union-attr]  # one of ours
        self.close()  # type: ignore[attr-defined]  # a connection's
        again()
        self.sock.until = until  # type: ignore[union-attr]  # the first one's deadline holds
        return super().getresponse()  # type: ignore[misc]


class _UnixConnection(_Bounded, UnixHTTPConnection):  # type: ignore[misc]  # the library has no types
    """Closes its socket where it cannot connect; the library leaves that to the collector."""

    def connect(self) -> None:
        self._until = time.monotonic() + self.timeout
        self.sock = _connected(socket.AF_UNIX, self.unix_socket_url, self.timeout)


class _TcpConnection(_Bounded, HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _dialled(self._dns_host, self.port or 0, self._seconds)


class _TlsConnection(_Bounded, HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _dialled(self._dns_host, self.port or 0, self._seconds)


class _UnixPool(HTTPConnectionPool):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout, maxsize=POOLED)
        self._path = path
        self._seconds = timeout

    def _new_conn(self) -> _UnixConnection:
        self.num_connections += 1
        return _UnixConnection(self._path, self._seconds)


class _TcpPool(HTTPConnectionPool):
    ConnectionCls = _TcpConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def unix_pool(path: str, timeout: float) -> HTTPConnectionPool:
    """Connections to a Unix socket."""
    return _UnixPool(path, timeout)


def tcp_pool(host: str, port: int, timeout: float) -> HTTPConnectionPool:
    """Connections in the clear."""
    return _TcpPool(host, port, timeout=timeout, maxsize=POOLED)


def tls_pool(host: str, port: int, timeout: float, tls: Tls) -> HTTPConnectionPool:
    """Encrypted connections to whom the folder's authority vouches for.

    Raises:
        OSError: a certificate cannot be read.
    """
    context = tls.context()
    context.sslsocket_class = _TlsSocket
    return _TlsPool(
        host,
        port,
        timeout=timeout,
        maxsize=POOLED,
        ssl_context=context,
        server_hostname=tls.server_name,
    )


def unbounded(connection: object, silence: float | None = None) -> None:
    """Let a stream last as long as it likes, and be silent for so many seconds, None for ever."""
    if isinstance(connection, _Bounded) and connection.read_from is not None:
        connection.read_from.until = None  # type: ignore[attr-defined]  # one of ours
        connection.read_from.settimeout(silence)


def _dialled(host: str, port: int, timeout: float) -> socket.socket:
    """A connection to the first of a host's addresses that takes one, within the timeout."""
    until = time.monotonic() + timeout
    failure: OSError | None = None
    for address in addresses(host, timeout):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            made = _connected(family, (address, port), until - time.monotonic())
        except OSError as error:
            failure = error
        else:
            made.settimeout(max(until - time.monotonic(), 0.001))
            return made
    raise failure or OSError(f"{host} has no address")


def _connected(family: int, address: str | tuple[str, int], timeout: float) -> socket.socket:
    made = _Socket(family, socket.SOCK_STREAM)
    try:
        if family != socket.AF_UNIX:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _KEEPALIVE:
                made.setsockopt(socket.IPPROTO_TCP, option, value)
        made.settimeout(max(timeout, 0.001))
        made.connect(address)
    except OSError:
        with contextlib.suppress(OSError):
            made.close()
        raise
    return made
