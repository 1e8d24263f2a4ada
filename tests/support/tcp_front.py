"""A TCP port, with TLS or without, that leads to a Unix socket."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

_SILENCE = 60.0


class TcpFront:
    """Passes bytes on for as long as its context lasts.

    Args:
        target: the Unix socket's path.
        context: the server's side of TLS; None to listen in the clear.
        host: the address to listen on.
    """

    def __init__(
        self, target: Path, *, context: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> None:
        self._target = target
        self._context = context
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closed = False
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed = True
            ending = (self._listener, *self._open)
        for one in ending:
            _end(one)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.ExitStack() as closing, contextlib.suppress(OSError):
            closing.callback(client.close)
            client.settimeout(_SILENCE)
            if self._context is not None:
                client = self._context.wrap_socket(client, server_side=True)
                closing.callback(client.close)
            engine = closing.enter_context(socket.socket(socket.AF_UNIX))
            engine.connect(str(self._target))
            with self._lock:
                if self._closed:
                    return
                self._open |= {client, engine}
            closing.callback(self._forget, client, engine)
            _pass(client, engine)

    def _forget(self, *ended: socket.socket) -> None:
        with self._lock:
            self._open.difference_update(ended)


def _pass(client: socket.socket, engine: socket.socket) -> None:
    """Both ways in one thread: OpenSSL's connections are not for two at once."""
    with contextlib.suppress(OSError, ValueError):
        while ready := _readable(client, engine):
            for source, sink in ((client, engine), (engine, client)):
                if source in ready and not _pass_piece(source, sink):
                    return


def _readable(client: socket.socket, engine: socket.socket) -> list[socket.socket]:
    if isinstance(client, ssl.SSLSocket) and client.pending():
        return [client]
    return select.select([client, engine], [], [], _SILENCE)[0]


def _pass_piece(source: socket.socket, sink: socket.socket) -> bool:
    """False once the source has ended."""
    source.setblocking(False)  # noqa: FBT003
    try:
        data = source.recv(65536)
    except ssl.SSLWantReadError:  # a record without data, or half of one
        return True
    finally:
        source.settimeout(_SILENCE)
    sink.sendall(data)
    return bool(data)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(one, socket.SHUT_RDWR)
