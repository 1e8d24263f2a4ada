"""Listeners served by uvicorn, without the ten wake-ups a second of its own main loop."""

from __future__ import annotations

import asyncio
import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Iterator, Sequence

    from starlette.types import ASGIApp

# With the tenths of a second around it a stop takes no more than five.
_GRACE_SECONDS = 4
# Engines give a process 1024 files unless it asks for more: fewer than there may be who wait.
_FILES = 16_384
_OWN_FILES = 64
_LEAST_CONNECTIONS = 16


class Served(NamedTuple):
    """An application, the open listeners that it is served on, and TLS where they speak it."""

    app: ASGIApp
    listeners: Sequence[socket.socket]
    tls: ssl.SSLContext | None = None


class Protocol(H11Protocol):
    """HTTP/1.1 on one connection, which is closed when a request takes too long to come."""

    header_seconds: ClassVar[float] = 10.0
    most_connections = 2048
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request; whoever has kept us waiting longest makes room for it."""
        super().connection_made(transport)
        self._late = self.loop.call_later(self.header_seconds, transport.close)
        if len(self.connections) > self.most_connections:
            awaited = [one for one in self.connections if isinstance(one, Protocol) and one.until]
            slowest = min(awaited, key=lambda one: one.until)
            self.connections.discard(slowest)
            slowest.transport.abort()

    @property
    def until(self) -> float:
        """When we hang up for want of a request, by the loop's clock; 0 while one is under way."""
        timer = self._late or self.timeout_keep_alive_task
        return timer.when() if timer else 0.0

    def data_received(self, data: bytes) -> None:
        """Wait on, from the first byte of a request to the last of a body that nobody reads."""
        super().data_received(data)
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._in_time()
        elif self._late is None:
            self._late = self.loop.call_later(self.header_seconds, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._in_time()
        super().connection_lost(exc)

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: an upgrade that is not taken is the caller's matter, RFC 9110, 7.8."""

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, in the form of every other answer, unless one has begun."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._answer_400(msg)
        if self.cycle is not None:
            # A body is no HTTP: whoever answers its request has no one left to tell.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
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

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class Server(uvicorn.Server):
    """Serves one application on listeners that are open already, until told to stop.

    Args:
        app: the application.
        stopping: set to stop: answers under way are finished, for four seconds at most.
        protocol: what speaks HTTP on each connection.
        tls: what speaks TLS below it; None for nothing.
        most: how many connections it keeps open, and how many more may wait to be accepted.
    """

    def __init__(
        self,
        app: ASGIApp,
        stopping: asyncio.Event,
        protocol: type[Protocol],
        tls: ssl.SSLContext | None,
        most: int,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol,
                ws="none",
                loop="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                backlog=most,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._stopping = stopping
        self._protocol = protocol
        self._tls = tls
        self._most = most

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept; uvicorn's own knows no limit to the time that a handshake takes."""
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(
                self._accept,
                sock=listener,
                backlog=self.config.backlog,
                ssl=self._tls,
                ssl_handshake_timeout=self._protocol.header_seconds if self._tls else None,
            )
            for listener in sockets or ()
        ]
        self.started = True

    def _accept(self) -> Protocol:
        protocol = self._protocol(self.config, self.server_state, {})
        protocol.most_connections = self._most
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
    # Half of them: all that wait at a listener are accepted at one go.
    share = (_files() - _OWN_FILES) // len(served) // 2
    most = min(protocol.most_connections, max(share, _LEAST_CONNECTIONS))
    async with asyncio.TaskGroup() as group:
        for app, listeners, tls in served:
            if listeners:
                server = Server(app, stopping, protocol, tls, most)
                group.create_task(server.serve(list(listeners)))


def _files() -> int:
    """How many files this process may have open, once it has asked for enough."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now < _FILES:
        now = min(_FILES, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (now, most))
    return now
