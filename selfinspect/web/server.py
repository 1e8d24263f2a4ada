"""Listeners served by uvicorn, without the ten wake-ups a second of its own main loop."""

from __future__ import annotations

import asyncio
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


class Served(NamedTuple):
    """An application, the open listeners that it is served on, and TLS where they speak it."""

    app: ASGIApp
    listeners: Sequence[socket.socket]
    tls: ssl.SSLContext | None = None


class Protocol(H11Protocol):
    """HTTP/1.1 on one connection, which is closed when a request's headers take too long."""

    header_seconds: ClassVar[float] = 10.0
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request's headers."""
        super().connection_made(transport)
        self._late = self.loop.call_later(self.header_seconds, transport.close)

    def data_received(self, data: bytes) -> None:
        """Wait on, from the first byte of a request's headers to their last."""
        super().data_received(data)
        begun = self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        if not begun:
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
        """Answer what is no HTTP, in the form of every other answer of this listener."""
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"x-content-type-options", b"nosniff"),
            (b"connection", b"close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=msg.encode()),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

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
    """

    def __init__(
        self,
        app: ASGIApp,
        stopping: asyncio.Event,
        protocol: type[Protocol] = Protocol,
        tls: ssl.SSLContext | None = None,
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
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._stopping = stopping
        self._protocol = protocol
        self._tls = tls

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
        return self._protocol(self.config, self.server_state, {})

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
    async with asyncio.TaskGroup() as group:
        for app, listeners, tls in served:
            if listeners:
                group.create_task(Server(app, stopping, protocol, tls).serve(list(listeners)))
