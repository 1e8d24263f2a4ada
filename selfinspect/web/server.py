"""Serves the applications on listeners that are open already, with bounds on every connection.

uvicorn's protocol turns HTTP/1.1 into ASGI, and its limits are added here. Of uvicorn's server only
the state of the connections is used: its loop wakes up ten times a second, and its start-up bounds
no handshake. The protocol is subclassed, so pyproject.toml bounds uvicorn's version, and a test
names everything private that is used of it. To own it on h11 instead would save 0.9 MiB of memory,
and cost a hundred lines that keep-alive, pipelining and half-sent bodies have tested at uvicorn.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import resource
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, NamedTuple, cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from starlette.types import ASGIApp

_GRACE_SECONDS = 4  # a stop takes at most five, with what is around it
# Engines give a process 1024 files unless it asks for more: fewer than there may be clients.
_FILES = 16_384
_OWN_FILES = 64
_LEAST_CONNECTIONS = 16
# Connections accepted at one go, each with its file, before the first of them can be refused.
_BURST = 64
# A request is a few hundred bytes, and an answer that nobody reads must not take more than this of
# the kernel's memory, which is the container's; the kernel doubles both numbers.
_RECEIVE_BUFFER = 16_384
_SEND_BUFFER = 65_536
_IPV6_NETWORK = 64


class Served(NamedTuple):
    """An application and the open listeners that it is served on.

    Attributes:
        app: the application.
        listeners: none where it is not served.
        tls: for TLS on them; None for plain HTTP.
        most_of_one: how many connections one address (IPv6: one network of 64 bits) may have;
            None for no bound of its own.
    """

    app: ASGIApp
    listeners: Sequence[socket.socket]
    tls: ssl.SSLContext | None = None
    most_of_one: int | None = None


class Protocol(H11Protocol, asyncio.BufferedProtocol):
    """HTTP/1.1 on one connection, which is closed when its client is too slow.

    That is: at sending a whole request, at sending the next one, or at reading an answer.

    Attributes:
        most_connections: how many its server keeps; the slowest client makes room for a new one.
        most_of_one: the same for those from one address; None for no bound.
        buffer: what all connections of its server receive into, one after the other.
        peer: the address, or the IPv6 network, that it comes from; None for a Unix socket.
    """

    header_seconds: ClassVar[float] = 10.0
    answer_seconds: ClassVar[float] = 10.0
    most_connections = 2048
    most_of_one: int | None = None
    buffer: memoryview
    peer: str | None = None
    _request_timer: asyncio.TimerHandle | None = None
    _answer_timer: asyncio.TimerHandle | None = None
    _refused = False
    _unread = 0  # bytes of an answer that waited for the client when it last read some
    _unread_since = math.inf

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first request, and close the slowest connection if there are too many."""
        super().connection_made(cast("asyncio.Transport", transport))
        # Every unread byte must be noticed; TLS counts its bytes otherwise, and takes no 0.
        self.transport.set_write_buffer_limits(high=1 if self.scheme == "https" else 0)
        self.peer = network_of(self.client)
        self._expect_request()
        self.make_room(self.peer)

    def make_room(self, peer: str | None) -> None:
        """Close the slowest connection if there are too many, of this address or of all."""
        here = cast("set[object]", self.connections)
        everybody = [one for one in here if isinstance(one, Protocol | Handshake)]
        if self.most_of_one is not None:
            alike = [one for one in everybody if one.peer == peer]
            if len(alike) > self.most_of_one:
                everybody.remove(_close_slowest(alike))
        if len(everybody) > self.most_connections:
            _close_slowest(everybody)

    @property
    def waits_since(self) -> float:
        """Since when it waits for its client, by the loop's clock; infinite while it does not."""
        idle = self.timeout_keep_alive_task
        return min(
            self._request_timer.when() - self.header_seconds if self._request_timer else math.inf,
            idle.when() - self.timeout_keep_alive if idle else math.inf,
            self._last_read(),
        )

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - a request is small
        """Where the next bytes go; few, for what follows a request waits until it is answered."""
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes have arrived."""
        self.data_received(bytes(self.buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Bound the time from a request's first byte to the last of a body that nobody reads."""
        if not self._refused:
            super().data_received(data)
            self._wait_on()

    def pause_writing(self) -> None:
        """Watch whether the client reads the rest of an answer: the kernel takes no more of it."""
        super().pause_writing()
        self._unread = self.transport.get_write_buffer_size()
        self._unread_since = self.loop.time()
        self._watch()

    def resume_writing(self) -> None:
        """Watch no longer: the client has read everything."""
        self._cancel_answer_timer()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop both timers."""
        self._cancel_request_timer()
        self._cancel_answer_timer()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, with the headers of every other answer, unless one has begun."""
        unanswered = self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE)
        if unanswered:
            headers = [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", b"%d" % len(msg)),
                (b"x-content-type-options", b"nosniff"),
                (b"connection", b"close"),
            ]
            head = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
            for event in (head, h11.Data(data=msg.encode()), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        if self.cycle is not None:
            # It is the body that is not HTTP: for the application its client is gone.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if unanswered and self.transport.can_write_eof():
            # To close with bytes unread would reset the connection, and lose the answer.
            self._refused = True
            self.transport.write_eof()
        else:
            self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: a client may offer an upgrade that is ignored, RFC 9110, section 7.8."""

    def _wait_on(self) -> None:
        if self._refused:
            self._expect_request()  # a refused client has as long to hang up
        elif self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._cancel_request_timer()
        elif self._request_timer is None:
            self._expect_request()

    def _expect_request(self) -> None:
        self._cancel_request_timer()
        self._request_timer = self.loop.call_later(self.header_seconds, self.transport.close)

    def _cancel_request_timer(self) -> None:
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _cancel_answer_timer(self) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer, self._unread_since = None, math.inf

    def _watch(self) -> None:
        """Close the connection if its client has read nothing for too long; else check again."""
        if self.loop.time() - self._last_read() >= self.answer_seconds:
            self.transport.abort()
        else:
            self._answer_timer = self.loop.call_later(self.answer_seconds / 8, self._watch)

    def _last_read(self) -> float:
        """When the client was last seen to read some of an answer; infinite where it read all."""
        unread = self.transport.get_write_buffer_size()
        if self._answer_timer is not None and unread < self._unread:
            self._unread, self._unread_since = unread, self.loop.time()
        return self._unread_since


class Handshake(asyncio.Protocol):
    """A connection on which TLS is being agreed on: it counts, and makes room, as any other.

    Args:
        http: what speaks on it afterwards.
        tls: what is agreed on.
    """

    peer: str | None = None
    waits_since = math.inf
    transport: asyncio.Transport

    def __init__(self, http: Protocol, tls: ssl.SSLContext) -> None:
        self._http, self._tls = http, tls
        self.connections = cast("set[object]", http.connections)
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.pause_reading()  # the handshake reads
        self.peer = network_of(transport.get_extra_info("peername"))
        self.waits_since = self._http.loop.time()
        self.connections.add(self)
        self._http.make_room(self.peer)
        task = self._http.loop.create_task(self._shake_hands())
        self._http.tasks.add(task)
        task.add_done_callback(self._http.tasks.discard)

    def data_received(self, data: bytes) -> None:
        """Keep what comes in one piece with the handshake's end."""
        self._early += data

    def shutdown(self) -> None:
        """End it, as nothing has been asked yet."""
        self.transport.abort()

    async def _shake_hands(self) -> None:
        transport, http = None, self._http
        try:
            with suppress(OSError):
                transport = await http.loop.start_tls(
                    self.transport,
                    self,
                    self._tls,
                    server_side=True,
                    ssl_handshake_timeout=http.header_seconds,
                    ssl_shutdown_timeout=http.answer_seconds,
                )
        finally:
            self.connections.discard(self)
        if transport is not None:  # it is None where the connection was closed meanwhile
            transport.set_protocol(http)
            http.connection_made(transport)
            if self._early:
                http.data_received(self._early)


def network_of(client: tuple[str, int] | None) -> str | None:
    """What identifies a client: its IPv4 address, or the first half of its IPv6 address.

    One client usually has all the addresses of such a half, RFC 6177; None for a Unix socket.
    """
    if client is None:
        return None
    address = ipaddress.ip_address(client[0].partition("%")[0])
    ipv4 = address if isinstance(address, ipaddress.IPv4Address) else address.ipv4_mapped
    return str(ipv4 or ipaddress.IPv6Network((address, _IPV6_NETWORK), strict=False))


def _close_slowest(connections: Sequence[Protocol | Handshake]) -> Protocol | Handshake:
    """Close the one that has kept us waiting longest; even the newest already has, a little."""
    slowest = min(connections, key=lambda one: one.waits_since)
    cast("set[object]", slowest.connections).discard(slowest)
    slowest.transport.abort()
    return slowest


async def serve(
    served: Sequence[Served],
    stopping: asyncio.Event,
    protocol: type[Protocol] = Protocol,
) -> None:
    """Serve each application on its listeners until `stopping` is set, and close them.

    Answers under way are then finished, for four seconds at most.
    """
    where = [each for each in served if each.listeners]
    share = (_allowed_files() - _OWN_FILES) // max(1, len(where))
    async with asyncio.TaskGroup() as group:
        for each in where:
            group.create_task(_serve_one(each, stopping, protocol, share))


async def _serve_one(
    served: Served, stopping: asyncio.Event, protocol: type[Protocol], files: int
) -> None:
    burst = min(_BURST, files // 6)
    most = min(protocol.most_connections, max(files - burst, _LEAST_CONNECTIONS))
    config = uvicorn.Config(
        served.app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
    )
    config.load()
    state, buffer = ServerState(), memoryview(bytearray(_RECEIVE_BUFFER))

    def accept() -> Protocol | Handshake:
        connection = protocol(config, state, {})
        connection.most_connections, connection.buffer = most, buffer
        if served.most_of_one is not None:
            # One address may never have all connections.
            connection.most_of_one = min(served.most_of_one, most * 4 // 5)
        return Handshake(connection, served.tls) if served.tls else connection

    for listener in served.listeners:
        if listener.family != socket.AF_UNIX:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(
            accept,
            sock=listener,
            backlog=burst,
        )
        for listener in served.listeners
    ]
    for listener in served.listeners:
        # The loop accepts a backlog's number at one go; but more than that may queue.
        listener.listen(most)
    await stopping.wait()
    for server in servers:
        server.close()
    await _finish(state)


async def _finish(state: ServerState) -> None:
    """Close idle connections, and the others once they are answered or the time is over."""
    for connection in list(state.connections):
        connection.shutdown()
    try:
        async with asyncio.timeout(_GRACE_SECONDS):
            while state.connections or state.tasks:  # noqa: ASYNC110 - sets of uvicorn's
                await asyncio.sleep(0.05)
    except TimeoutError:
        for task in state.tasks:
            task.cancel()


def _allowed_files() -> int:
    """How many files this process may open, after asking for enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FILES:
        soft = min(_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft
