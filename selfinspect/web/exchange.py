"""One request and its answer on a connection: between h11 and the application, as ASGI has it."""

from __future__ import annotations

import asyncio
import logging
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

import h11

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.types import ASGIApp, Message, Scope

_log = logging.getLogger(__name__)


class Exchange:
    """One request and its answer, as the `receive` and `send` of ASGI.

    Args:
        scope: the request.
        parser: the connection's.
        transport: the connection's.
        writable: set while the client has read all that was sent.
        on_stream: called once an answer is begun that may have no end.
        on_answered: called once the answer is whole.

    Attributes:
        sized: whether an answer is begun whose length is known: it is no stream.
    """

    sized = False

    def __init__(
        self,
        scope: Scope,
        parser: h11.Connection,
        transport: asyncio.Transport,
        writable: asyncio.Event,
        *,
        on_stream: Callable[[], None],
        on_answered: Callable[[], None],
    ) -> None:
        self._scope = scope
        self._parser = parser
        self._transport = transport
        self._writable = writable
        self._on_stream = on_stream
        self._on_answered = on_answered
        self._task: asyncio.Task[None] | None = None
        self._start: Message | None = None
        self._begun = False
        self._received = False
        self._over = False
        self._unheard = asyncio.Event()

    @property
    def streams(self) -> bool:
        """Whether an answer is begun that may have no end."""
        return self._begun and not self.sized

    async def run(self, app: ASGIApp) -> None:
        """Have the application answer; where it does not, that ends the connection."""
        self._task = asyncio.current_task()
        try:
            await app(self._scope, self._receive, self._send)
        except Exception:  # noqa: BLE001 - a bug of one route is logged, and ends one connection
            _log.exception("a request failed")
        finally:
            if not self._over:
                if self._parser.our_state is h11.SEND_RESPONSE:
                    self._transport.write(plain(self._parser, 500, "Internal Server Error"))
                self._transport.close()

    def leave(self) -> None:
        """Note that the client is gone: nothing more is sent, and an answer that is begun ends."""
        self._end()
        if self._begun and self._task is not None:
            self._task.cancel()

    def hear_no_more(self) -> bool:
        """Note that the client sends no more; returns whether it is answered: no stream goes on."""
        self._unheard.set()
        if self.streams:
            self.leave()
        return not self._over

    def _end(self) -> None:
        self._over = True
        self._unheard.set()

    async def _receive(self) -> Message:
        if not self._received:
            self._received = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._unheard.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        """Send a piece of the answer, the first with the headers, once the last one was read."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        await self._writable.wait()
        if self._over:
            raise asyncio.CancelledError  # the client left before the answer began
        events: list[h11.Event] = []
        begins = self._start is not None
        if self._start is not None:
            headers = tuple(self._start["headers"])
            events.append(_head(self._start["status"], headers))
            self.sized = any(name == b"content-length" for name, _ in headers)
            self._start, self._begun = None, True
        if self._scope["method"] != "HEAD":
            events.append(h11.Data(data=message.get("body", b"")))
        whole = not message.get("more_body", False)
        if whole:
            events.append(h11.EndOfMessage())
        self._transport.write(_bytes(self._parser, events))
        if whole:
            self._end()
            self._on_answered()
        elif begins and self.streams:
            self._on_stream()


def scope_of(request: h11.Request, scheme: str) -> Scope:
    """A request as ASGI has it."""
    path, _, query = request.target.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": request.http_version.decode("ascii"),
        "scheme": scheme,
        "method": request.method.decode("ascii"),
        "root_path": "",
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": query,
        "headers": list(request.headers),
    }


def plain(parser: h11.Connection, status: int, text: str) -> bytes:
    """A whole answer of plain text, the connection's last."""
    headers = (
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(text)),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    )
    body = h11.Data(data=text.encode())
    return _bytes(parser, [_head(status, headers), body, h11.EndOfMessage()])


@lru_cache(maxsize=4)  # its checks take 7 % of an answer, and a busy client gets equal ones
def _head(status: int, headers: tuple[tuple[bytes, bytes], ...]) -> h11.Response:
    reason = HTTPStatus(status).phrase.encode()
    return h11.Response(status_code=status, headers=list(headers), reason=reason)


def _bytes(parser: h11.Connection, events: Sequence[h11.Event]) -> bytes:
    return b"".join([parser.send(event) or b"" for event in events])
