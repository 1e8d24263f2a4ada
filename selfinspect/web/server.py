"""Serves the applications on listeners that are open already, with bounds on connections."""

from __future__ import annotations

import asyncio
import resource
import socket
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from selfinspect.web.connection import Handshake, Protocol, Room

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
    one = served.most_of_one
    room = Room(
        served.app,
        memoryview(bytearray(_RECEIVE_BUFFER)),
        most=most,
        # One address may never have all connections.
        most_of_one=None if one is None else min(one, most * 4 // 5),
    )
    for listener in served.listeners:
        if listener.family != socket.AF_UNIX:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)

    http, tls = partial(protocol, room), served.tls
    accept = http if tls is None else partial(Handshake, http, room, tls)
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(accept, sock=listener, backlog=burst)
        for listener in served.listeners
    ]
    for listener in served.listeners:
        # The loop accepts a backlog's number at one go; but more than that may queue.
        listener.listen(most)
    await stopping.wait()
    for server in servers:
        server.close()
    await _finish(room)


async def _finish(room: Room) -> None:
    """Close idle connections, and the others once they are answered or the time is over."""
    for connection in list(room.connections):
        connection.finish()
    try:
        async with asyncio.timeout(_GRACE_SECONDS):
            while room.connections or room.tasks:  # noqa: ASYNC110 - sets that others change
                await asyncio.sleep(0.05)
    except TimeoutError:
        for task in room.tasks:
            task.cancel()


def _allowed_files() -> int:
    """How many files this process may open, after asking for enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FILES:
        soft = min(_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft
