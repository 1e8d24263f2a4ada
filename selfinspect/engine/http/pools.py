"""Connections to one engine over a Unix socket, TCP or TLS: kept, and bounded in time alike.

What http.client and urllib3 leave open is closed here: connecting, finding the host's addresses
included, and each read from a socket count against one deadline for the whole answer, so that a
peer which sends a byte now and then gains nothing.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from requests_unixsocket.adapters import UnixAdapter, UnixHTTPConnection
from urllib3.connection import HTTPConnection, port_by_scheme
from urllib3.connectionpool import HTTPConnectionPool

from selfinspect.background import future_of
from selfinspect.endpoint import is_address

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

    from selfinspect.endpoint import Endpoint
    from selfinspect.engine.http.tls import Tls

POOLED = 8
"""Idle connections that are kept: as many as an agent has threads that ask."""

_KEEPALIVE = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 20),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
"""A stream over a network that went away is noticed by the kernel, within a minute."""


class Adapter(UnixAdapter):  # type: ignore[misc]  # the library has no types
    """The adapter of requests-unixsocket, asking one engine whatever a URL says.

    Args:
        make: makes the engine's pool.
    """

    def __init__(self, make: Callable[[], HTTPConnectionPool]) -> None:
        super().__init__()
        self._make = make
        self.get_connection_with_tls_context()  # raises at once what keeps it from being made

    def get_connection_with_tls_context(self, *_: object, **__: object) -> HTTPConnectionPool:
        """The one pool: the library would make one, and with it a connection, for each URL."""
        with self.pools.lock:
            if not self.pools:
                self.pools[""] = self._make()
            pool: HTTPConnectionPool = self.pools[""]
            return pool

    def cert_verify(self, *_: object) -> None:
        """Nothing: the pool's own context verifies; requests would trust every public authority."""


def pool(place: Endpoint, tls: Tls | None) -> HTTPConnectionPool:
    """Connections to an endpoint, whose port is set; encrypted where there are certificates.

    Raises:
        OSError: a certificate cannot be read.
    """
    made: HTTPConnectionPool
    if place.path:
        made = HTTPConnectionPool("localhost", maxsize=POOLED, unix_socket_url=place.path)
        made.ConnectionCls = _UnixConnection
    elif tls is None:
        made = HTTPConnectionPool(place.host, place.port, maxsize=POOLED)
        made.ConnectionCls = _TcpConnection
    else:
        name = (tls.server_name or place.host).rstrip(".")
        encrypted = partial(_context(tls).wrap_socket, server_hostname=name)
        made = _TlsPool(place.host, place.port, maxsize=POOLED, encrypted=encrypted)
    return made


def unbounded(connection: object, silence: float | None = None) -> None:
    """Let a stream last as long as it likes, and be silent for so many seconds, None for ever."""
    if isinstance(connection, _TcpConnection) and connection.read_from is not None:
        connection.read_from.until = None
        connection.read_from.settimeout(silence)


class _Socket(socket.socket):
    """Reads until a moment; the standard library's waits for so long at each read."""

    until: float | None = None

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        if self.until is not None:
            left = self.until - time.monotonic()
            if left <= 0:
                raise TimeoutError("the deadline of the whole answer has passed")
            self.settimeout(left)
        return super().recv_into(buffer, nbytes or 0, flags)


def _context(tls: Tls) -> ssl.SSLContext:
    """The context of the certificates, whose sockets read until a moment, too."""
    import ssl  # noqa: PLC0415 - few have TLS, and it takes 2 MiB

    class TlsSocket(_Socket, ssl.SSLSocket):
        pass

    made = tls.context()
    made.sslsocket_class = TlsSocket
    return made


class _TcpConnection(HTTPConnection):
    """Gives each request its deadline, connecting included.

    Attributes:
        read_from: the socket of the last answer; one that ends with the connection closes that
            before it is read.
    """

    read_from: _Socket | None = None
    _until: float | None = None
    _again: Callable[[], None] | None = None

    def connect(self) -> None:
        """Connects as the library does; the time that takes is the request's."""
        self._until = time.monotonic() + (self.timeout or 0)
        super().connect()

    def _new_conn(self) -> socket.socket:
        """Finds the addresses within the deadline, too; the library's waits for each of them."""
        return _dialled(self._dns_host, self.port or 0, self.timeout or 0)

    def request(self, *arguments: Any, **options: Any) -> None:
        """Sends as the library does, and starts the clock unless `connect` just did."""
        if self.sock is None:
            self.connect()
        until, self._until = self._until, None
        self._again = None if until else partial(self.request, *arguments, **options)
        self._read_until(until or time.monotonic() + (self.timeout or 0))
        super().request(*arguments, **options)

    def getresponse(self) -> Any:
        """The answer; asks again where an engine closed a kept connection just as it was asked."""
        again, self._again = self._again, None
        try:
            return super().getresponse()
        except ConnectionError:
            if again is None or self.read_from is None:
                raise
        until = self.read_from.until
        self.close()
        again()
        self._read_until(until)  # the first one's deadline holds
        return super().getresponse()

    def _read_until(self, until: float | None) -> None:
        if isinstance(self.sock, _Socket):
            self.read_from = self.sock
            self.read_from.until = until


class _TlsConnection(_TcpConnection):
    """Does not take urllib3's for TLS: that is not there where `ssl` was loaded later.

    Args:
        encrypted: encrypts a connection, once the other end has shown who it is.
    """

    # A Host header leaves it out. The types of http.client and urllib3 differ.
    default_port = port_by_scheme["https"]  # type: ignore[misc]

    def __init__(
        self, *arguments: Any, encrypted: Callable[[socket.socket], ssl.SSLSocket], **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._encrypted = encrypted

    def _new_conn(self) -> socket.socket:
        plain = super()._new_conn()
        try:
            return self._encrypted(plain)
        except BaseException:
            plain.close()
            raise


class _TlsPool(HTTPConnectionPool):
    """Connects before it asks: urllib3 waits for an answer where it is cut off while it asks."""

    ConnectionCls = _TlsConnection

    def _validate_conn(self, conn: Any) -> None:
        if conn.is_closed:
            conn.connect()


class _UnixConnection(_TcpConnection, UnixHTTPConnection):  # type: ignore[misc]  # no types
    def __init__(self, *, unix_socket_url: str, timeout: float, **_: object) -> None:
        """Takes a pool's arguments, of which the library's takes these two."""
        UnixHTTPConnection.__init__(self, unix_socket_url, timeout)

    def connect(self) -> None:
        """Closes its socket where it cannot connect; the library leaves that to the collector."""
        seconds = self.timeout or 0
        self._until = time.monotonic() + seconds
        self.sock = _connected(socket.AF_UNIX, self.unix_socket_url, seconds)


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
        for option in _KEEPALIVE if family != socket.AF_UNIX else ():
            made.setsockopt(*option)
        made.settimeout(max(timeout, 0.001))
        made.connect(address)
    except OSError:
        with contextlib.suppress(OSError):
            made.close()
        raise
    return made


def addresses(host: str, seconds: float) -> tuple[str, ...]:
    """The IP addresses of a host, each once; a literal address is its own.

    In a thread: the system's resolver has no bound of its own.

    Raises:
        OSError: the name is not found, or not in time (TimeoutError).
    """
    if is_address(host):
        return (str(ipaddress.ip_address(host)),)
    try:
        return future_of("resolver", partial(_resolved, host)).result(seconds)
    except TimeoutError as error:
        raise TimeoutError(f"no address of {host} within {seconds:.1f} s") from error


def is_public(host: str, seconds: float) -> bool:
    """Whether a name leads out of private networks, as resolvers let any name do that want to.

    False for a literal address, and for a name without an address.
    """
    try:
        found = addresses(host, seconds)
    except OSError:
        return False
    return host not in found and any(not ipaddress.ip_address(one).is_private for one in found)


def _resolved(host: str) -> tuple[str, ...]:
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(str(error)) from error
    return tuple(dict.fromkeys(str(row[4][0]) for row in rows))
