"""Listeners served by uvicorn, without the ten wake-ups a second of its own main loop."""

from __future__ import annotations

import asyncio
import ipaddress
import math
import resource
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Sequence

    from starlette.types import ASGIApp

# With the tenths of a second around it a stop takes no more than five.
_GRACE_SECONDS = 4
# Engines give a process 1024 files unless it asks for more: fewer than there may be who wait.
_FILES = 16_384
_OWN_FILES = 64
_LEAST_CONNECTIONS = 16
# As many as are accepted at one go, each with its file, before the first of them can be refused.
_BURST = 64
# A request is a few hundred bytes, and an answer that nobody takes is to cost no more than that
# of the kernel's memory, which is the container's; it takes twice as much as it is asked for.
_RECEIVE_BUFFER = 16_384
_SEND_BUFFER = 65_536
_IPV6_NETWORK = 64


class Served(NamedTuple):
    """An application and the open listeners that it is served on.

    Attributes:
        app: the application.
        listeners: none where it is not served.
        tls: what speaks TLS on them; None for nothing.
        most_of_one: how many connections one address (IPv6: one network of 64 bits) may have;
            None for as many as all.
    """

    app: ASGIApp
    listeners: Sequence[socket.socket]
    tls: ssl.SSLContext | None = None
    most_of_one: int | None = None


class Protocol(H11Protocol, asyncio.BufferedProtocol):
    """HTTP/1.1 on one connection, which ends when it keeps us waiting for too long.

    That is: for a whole request, for the next one, or without taking anything of an answer.

    Attributes:
        most_connections: how many its server keeps; whoever is slowest makes room for one more.
        most_of_one: the same for those from one address; None for no bound.
        buffer: what all its server's connections read into, one after the other.
        peer: the address, or the IPv6 network, that it comes from; None for a Unix socket.
    """

    header_seconds: ClassVar[float] = 10.0
    answer_seconds: ClassVar[float] = 10.0
    most_connections = 2048
    most_of_one: int | None = None
    buffer: memoryview
    peer: str | None = None
    _late: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None
    _refused = False
    _stalled = math.inf
    _untaken = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request, and have the slowest make room for it."""
        super().connection_made(transport)
        # Not a byte may wait unnoticed; TLS counts its bytes otherwise, and takes no 0.
        transport.set_write_buffer_limits(high=1 if self.scheme == "https" else 0)
        self.peer = network_of(self.client)
        self._late = self.loop.call_later(self.header_seconds, transport.close)
        everybody = [one for one in self.connections if isinstance(one, Protocol)]
        if self.most_of_one is not None:
            alike = [one for one in everybody if one.peer == self.peer]
            if len(alike) > self.most_of_one:
                everybody.remove(_slowest_let_go(alike))
        if len(everybody) > self.most_connections:
            _slowest_let_go(everybody)

    @property
    def waits_since(self) -> float:
        """Since when it keeps us waiting, by the loop's clock; infinite while it does not."""
        idle = self.timeout_keep_alive_task
        return min(
            self._late.when() - self.header_seconds if self._late else math.inf,
            idle.when() - self.timeout_keep_alive if idle else math.inf,
            self._taken_last(),
        )

    def pause_writing(self) -> None:
        """Watch whether the rest of an answer is taken: the kernel holds no more of it."""
        super().pause_writing()
        self._stalled, self._untaken = self.loop.time(), self.transport.get_write_buffer_size()
        self._watch()

    def resume_writing(self) -> None:
        """Go on: all of it was taken."""
        self._taken()
        super().resume_writing()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - we know better
        """Where the next bytes go; few, for what comes beyond a request waits for its answer."""
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes came."""
        self.data_received(bytes(self.buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Wait on, from the first byte of a request to the last of a body that nobody reads."""
        if not self._refused:
            super().data_received(data)
            self._wait_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._in_time()
        self._taken()
        super().connection_lost(exc)

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: an upgrade that is not taken is the caller's matter, RFC 9110, 7.8."""

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, in the form of every other answer, unless one has begun."""
        answered = self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE)
        if answered:
            self._answer_400(msg)
        if self.cycle is not None:
            # A body is no HTTP: whoever answers its request has no one left to tell.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if answered and self.transport.can_write_eof():
            # What is left unread would reset the connection, and the answer with it.
            self._refused = True
            self.transport.write_eof()
        else:
            self.transport.close()

    def _answer_400(self, msg: str) -> None:
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(msg)),
            (b"x-content-type-options", b"nosniff"),
            (b"connection", b"close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=msg.encode()),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")

    def _wait_on(self) -> None:
        if self._refused:
            # For the end of what is no HTTP, as long as for a request.
            self._in_time()
            self._late = self.loop.call_later(self.header_seconds, self.transport.close)
        elif self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._in_time()
        elif self._late is None:
            self._late = self.loop.call_later(self.header_seconds, self.transport.close)

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _taken(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking, self._stalled = None, math.inf

    def _watch(self) -> None:
        """Hang up on who has taken nothing for too long; else look again soon."""
        if self.loop.time() - self._taken_last() >= self.answer_seconds:
            self.transport.abort()
        else:
            self._taking = self.loop.call_later(self.answer_seconds / 8, self._watch)

    def _taken_last(self) -> float:
        """When something of the answer was last seen to be taken; infinite where all was."""
        left = self.transport.get_write_buffer_size()
        if self._taking is not None and left < self._untaken:
            self._stalled, self._untaken = self.loop.time(), left
        return self._stalled


def network_of(client: tuple[str, int] | None) -> str | None:
    """What tells one client from another: its IPv4 address or the first half of its IPv6 address.

    One client usually has all the addresses of such a half, RFC 6177; None for a Unix socket.
    """
    if client is None:
        return None
    address = ipaddress.ip_address(client[0].partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, _IPV6_NETWORK), strict=False))


def _slowest_let_go(connections: Sequence[Protocol]) -> Protocol:
    """Hang up on the one that has kept us waiting longest; the newest always does, a little."""
    slowest = min(connections, key=lambda one: one.waits_since)
    slowest.connections.discard(slowest)
    slowest.transport.abort()
    return slowest


class Server(uvicorn.Server):
    """Serves one application on listeners that are open already, until told to stop.

    Args:
        served: what is served, and where.
        stopping: set to stop: answers under way are finished, for four seconds at most.
        protocol: what speaks HTTP on each connection.
        files: how many it may have open.
    """

    def __init__(
        self, served: Served, stopping: asyncio.Event, protocol: type[Protocol], files: int
    ) -> None:
        self._burst = min(_BURST, files // 6)
        self._most = min(protocol.most_connections, max(files - self._burst, _LEAST_CONNECTIONS))
        one = served.most_of_one
        # What one address may have is never all there is.
        self._most_of_one = None if one is None else min(one, self._most * 4 // 5)
        super().__init__(
            uvicorn.Config(
                served.app,
                http=protocol,
                ws="none",
                loop="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._stopping = stopping
        self._protocol = protocol
        self._tls = served.tls
        self._buffer = memoryview(bytearray(_RECEIVE_BUFFER))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept; uvicorn's own knows no limit to the time that a handshake takes."""
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(
                self._accept,
                sock=_frugal(listener),
                backlog=self._burst,
                ssl=self._tls,
                ssl_handshake_timeout=self._protocol.header_seconds if self._tls else None,
                ssl_shutdown_timeout=self._protocol.answer_seconds if self._tls else None,
            )
            for listener in sockets or ()
        ]
        for listener in sockets or ():
            # As many as the loop accepts at one go; but more than that may wait for it.
            listener.listen(self._most)
        self.started = True

    def _accept(self) -> Protocol:
        protocol = self._protocol(self.config, self.server_state, {})
        protocol.most_connections = self._most
        protocol.most_of_one = self._most_of_one
        protocol.buffer = self._buffer
        return protocol

    async def main_loop(self) -> None:
        """Wait; uvicorn's own loop ticks to refresh a Date header and to look for signals."""
        await self._stopping.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the agent, which has two servers to stop."""
        yield


async def serve(
    served: Sequence[Served],
    stopping: asyncio.Event,
    protocol: type[Protocol] = Protocol,
) -> None:
    """Serve each application on its listeners until `stopping` is set."""
    where = [each for each in served if each.listeners]
    share = (_files() - _OWN_FILES) // max(1, len(where))
    async with asyncio.TaskGroup() as group:
        for each in where:
            server = Server(each, stopping, protocol, share)
            group.create_task(server.serve(list(each.listeners)))


def _frugal(listener: socket.socket) -> socket.socket:
    """The listener, whose connections take no more of the kernel's memory than they need."""
    if listener.family != socket.AF_UNIX:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    return listener


def _files() -> int:
    """How many files this process may have open, once it has asked for enough."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now < _FILES:
        now = min(_FILES, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (now, most))
    return now
