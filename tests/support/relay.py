"""A Unix socket that leads to another, counts requests on the way, and can be cut."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_REQUEST = re.compile(rb"(?:^|\r\n\r\n)((?:GET|HEAD|POST|PUT|DELETE) [^ ]+) HTTP/1\.1\r\n")


def _unchanged(data: bytes) -> bytes:
    return data


class Relay:
    """Passes bytes between a socket of its own and the engine's.

    Args:
        path: where it listens.
        target: the engine's socket.
        of_request: changes what goes to the engine; must keep its length.
        of_answer: changes what comes from it; must keep its length.
    """

    def __init__(
        self,
        path: Path,
        target: Path,
        *,
        of_request: Callable[[bytes], bytes] = _unchanged,
        of_answer: Callable[[bytes], bytes] = _unchanged,
    ) -> None:
        self.path = path
        self.of_request = of_request
        self.of_answer = of_answer
        self.requests: list[str] = []
        self._target = target
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_cut = False
        self._listener = socket.socket(socket.AF_UNIX)

    def __enter__(self) -> Self:
        self._listener.bind(str(self.path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        _end(self._listener)

    def cut(self) -> None:
        """End every connection, and each new one at once.

        It listens on, for the socket's file may be mounted in a container.
        """
        with self._lock:
            self._is_cut = True
            ends, self._open = self._open, set()
        for end in ends:
            _end(end)

    def restore(self) -> None:
        """Let connections through again."""
        self._is_cut = False

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._join(near)

    def _join(self, near: socket.socket) -> None:
        with self._lock:
            if self._is_cut:
                _end(near)
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(self._target))
            self._open |= {near, far}
        for way in ((near, far, self.of_request, True), (far, near, self.of_answer, False)):
            threading.Thread(target=self._pass, args=way, daemon=True).start()

    def _pass(
        self,
        source: socket.socket,
        sink: socket.socket,
        change: Callable[[bytes], bytes],
        counted: bool,  # noqa: FBT001
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if counted:
                    self.requests += [line.decode() for line in _REQUEST.findall(data)]
                sink.sendall(change(data))
        for end in (source, sink):
            _end(end)


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
