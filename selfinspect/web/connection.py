"""HTTP/1.1 on one connection, as h11 reads it: what is slow has a bound.

A request's body is let pass, because nothing of ours reads one.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, cast

import h11

from selfinspect.web.exchange import Exchange, plain, scope_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Coroutine, Iterable

    from starlette.types import ASGIApp

_IPV6_NETWORK = 64
_MOST_BEHIND = 16_384  # bytes that wait for the end of a stream


@dataclass(eq=False, slots=True)
class Room:
    """What the connections of one application share.

    Attributes:
        app: the application.
        buffer: what all of them receive into, one after the other.
        most: how many there may be; the slowest client makes room for a new one.
        most_of_one: the same for those from one address; None for no bound.
        connections: the open ones, those that agree on TLS among them.
        tasks: the requests being answered.
    """

    app: ASGIApp
    buffer: memoryview
    most: int
    most_of_one: int | None = None
    connections: set[Protocol | Handshake] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def admit(self, connection: Protocol | Handshake) -> None:
        """Add a connection; close the slowest if there are too many, of one address or of all."""
        self.connections.add(connection)
        if self.most_of_one is not None:
            alike = [one for one in self.connections if one.peer == connection.peer]
            if len(alike) > self.most_of_one:
                _slowest(alike).abort()
        if len(self.connections) > self.most:
            _slowest(self.connections).abort()

    def start(self, work: Coroutine[object, object, None]) -> None:
        """Do something beside the rest; the server's stop waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class Protocol(asyncio.BufferedProtocol):
    """One connection, which is closed when its client is too slow.

    That is: at sending a whole request, at sending the next one, or at reading an answer.

    Attributes:
        peer: the address, or the IPv6 network, that it comes from; None for a Unix socket.
    """

    header_seconds: ClassVar[float] = 10.0
    answer_seconds: ClassVar[float] = 10.0
    idle_seconds: ClassVar[float] = 5.0
    most_connections: ClassVar[int] = 2048
    peer: str | None = None
    _transport: asyncio.Transport
    _exchange: Exchange | None = None
    _request_timer: asyncio.TimerHandle | None = None
    _request_since = math.inf
    _idle = False  # whether an answer was the last, and no byte has come since
    _last = False  # whether the answer under way is to be the last
    _deaf = False  # whether nothing more that comes is read
    _answer_timer: asyncio.TimerHandle | None = None
    _unread = 0  # bytes of an answer that waited for the client when it last read some
    _unread_since = math.inf

    def __init__(self, room: Room) -> None:
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._parser = h11.Connection(h11.SERVER)
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first request, and close the slowest connection if there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        secure = transport.get_extra_info("sslcontext") is not None
        # Every unread byte must be noticed; TLS counts its bytes otherwise, and takes no 0.
        self._transport.set_write_buffer_limits(high=1 if secure else 0)
        self.peer = peer_of(transport)
        self._scheme = "https" if secure else "http"
        self._expect_request(self.header_seconds)
        self._room.admit(self)

    @property
    def waits_since(self) -> float:
        """Since when it waits for its client, by the loop's clock; infinite while it does not."""
        return min(self._request_since, self._last_read())

    def abort(self) -> None:
        """Close it at once."""
        self._room.connections.discard(self)
        self._transport.abort()

    def finish(self) -> None:
        """Close it once the request under way is answered: the server stops."""
        self._last = True
        if self._exchange is None:
            self._transport.close()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - a request is small
        """Where the next bytes go; few, for what follows a request waits until it is answered."""
        return self._room.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes have arrived in the buffer."""
        self.receive(bytes(self._room.buffer[:nbytes]))

    def receive(self, data: bytes) -> None:
        """Read bytes of requests, each of which has its time from the first byte on."""
        if self._deaf:
            return
        if self._idle:
            self._idle = False
            self._expect_request(self.header_seconds)
        self._parser.receive_data(data)
        self._read()

    def eof_received(self) -> bool:
        """Answer a request that has come whole all the same; over TLS that cannot be done."""
        self._last = self._deaf = True
        exchange = self._exchange
        if exchange is None or self._scheme == "https" or self._parser.their_state is h11.SEND_BODY:
            return False
        # A client that is gone looks the same until something is sent: no stream is kept for it.
        self._request_timer = self._loop.call_later(self.answer_seconds, self._end_stream)
        return exchange.hear_no_more()

    def pause_writing(self) -> None:
        """Watch whether the client reads the rest of an answer: the kernel takes no more of it."""
        self._writable.clear()
        self._unread = self._transport.get_write_buffer_size()
        self._unread_since = self._loop.time()
        self._watch()

    def resume_writing(self) -> None:
        """Watch no longer: the client has read everything."""
        self._cancel_answer_timer()
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Stop both timers, and what waits for the client: first who wants to know that it left."""
        self._room.connections.discard(self)
        self._cancel_request_timer()
        if self._exchange is not None:
            self._exchange.leave()
        self.resume_writing()

    def _read(self) -> None:
        """Begin the request that has come, if it is one; no other follows before its answer."""
        while True:
            try:
                event = self._parser.next_event()
            except h11.RemoteProtocolError:
                self._refuse()
                return
            match event:
                case h11.Request():
                    self._begin(event)
                case h11.EndOfMessage():
                    self._cancel_request_timer()
                    if self._exchange is None:
                        self._next()
                    elif self._parser.their_state is h11.MUST_CLOSE:
                        self._deaf = True
                        return
                case h11.PAUSED:
                    self._hold_back()
                    return
                case h11.NEED_DATA:
                    return

    def _hold_back(self) -> None:
        """Let what comes behind a request wait for its answer, unread.

        Behind a stream, which may have no end, it is read: else it would hide that the client hung
        up. More than requests would take is dropped, and ends the connection with the stream.
        """
        behind = len(self._parser.trailing_data[0])
        if self._exchange is not None and self._exchange.streams:
            if behind > _MOST_BEHIND:
                self._last = self._deaf = True
            self._transport.resume_reading()
        elif behind:  # else an upgrade is offered
            self._transport.pause_reading()

    def _begin(self, request: h11.Request) -> None:
        self._idle = False
        self._exchange = Exchange(
            scope_of(request, self._scheme),
            self._parser,
            self._transport,
            self._writable,
            on_stream=self._hold_back,
            on_answered=self._answered,
        )
        self._room.start(self._exchange.run(self._room.app))

    def _answered(self) -> None:
        """Turn to what comes after an answer."""
        self._exchange = None
        if self._last or self._parser.our_state is h11.MUST_CLOSE:
            self._transport.close()
        if self._transport.is_closing():
            return
        self._transport.resume_reading()
        if self._parser.their_state is h11.DONE:
            self._next()
            self._read()

    def _next(self) -> None:
        self._parser.start_next_cycle()
        self._expect_request(self.idle_seconds)
        self._idle = True

    def _refuse(self) -> None:
        """Refuse what is not HTTP, with the headers of every other answer, unless one has begun."""
        unanswered = self._parser.our_state in (h11.IDLE, h11.SEND_RESPONSE)
        if unanswered:
            self._transport.write(plain(self._parser, 400, "Invalid HTTP request received."))
        if self._exchange is not None:
            # It is the body that is not HTTP: for the application its client is gone.
            self._exchange.leave()
        if unanswered and self._transport.can_write_eof():
            # To close with bytes unread would reset the connection, and lose the answer.
            self._deaf = True
            self._transport.write_eof()
            self._expect_request(self.header_seconds)  # it has as long to hang up
        else:
            self._transport.close()

    def _end_stream(self) -> None:
        if self._exchange is not None and not self._exchange.sized:
            self._transport.close()

    def _expect_request(self, seconds: float) -> None:
        self._cancel_request_timer()
        self._request_since = self._loop.time()
        self._request_timer = self._loop.call_later(seconds, self._transport.close)

    def _cancel_request_timer(self) -> None:
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer, self._request_since = None, math.inf

    def _cancel_answer_timer(self) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer, self._unread_since = None, math.inf

    def _watch(self) -> None:
        """Close the connection if its client has read nothing for too long; else check again."""
        if self._loop.time() - self._last_read() >= self.answer_seconds:
            self._transport.abort()
        else:
            self._answer_timer = self._loop.call_later(self.answer_seconds / 8, self._watch)

    def _last_read(self) -> float:
        """When the client was last seen to read some of an answer; infinite where it read all."""
        unread = self._transport.get_write_buffer_size()
        if self._answer_timer is not None and unread < self._unread:
            self._unread, self._unread_since = unread, self._loop.time()
        return self._unread_since


class Handshake(asyncio.Protocol):
    """A connection on which TLS is being agreed on: it counts, and makes room, as any other.

    Args:
        http: makes what speaks on it afterwards.
        room: what it shares with the others.
        tls: what is agreed on.
    """

    peer: str | None = None
    waits_since = math.inf
    _transport: asyncio.Transport

    def __init__(self, http: Callable[[], Protocol], room: Room, tls: ssl.SSLContext) -> None:
        self._http, self._room, self._tls = http(), room, tls
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.pause_reading()  # the handshake reads
        self.peer = peer_of(transport)
        self.waits_since = asyncio.get_running_loop().time()
        self._room.admit(self)
        self._room.start(self._shake_hands())

    def data_received(self, data: bytes) -> None:
        """Keep what comes in one piece with the handshake's end."""
        self._early += data

    def abort(self) -> None:
        """Close it at once."""
        self._room.connections.discard(self)
        self._transport.abort()

    finish = abort  # nothing has been asked yet

    async def _shake_hands(self) -> None:
        if self._transport.is_closing():
            return  # it had to make room at once: of its handshake nothing would be heard
        transport = None
        try:
            with suppress(OSError):
                transport = await asyncio.get_running_loop().start_tls(
                    self._transport,
                    self,
                    self._tls,
                    server_side=True,
                    ssl_handshake_timeout=self._http.header_seconds,
                    ssl_shutdown_timeout=self._http.answer_seconds,
                )
        finally:
            self._room.connections.discard(self)
        if transport is not None:  # it is None where the connection was closed meanwhile
            transport.set_protocol(self._http)
            self._http.connection_made(transport)
            if self._early:
                self._http.receive(self._early)


def peer_of(transport: asyncio.BaseTransport) -> str | None:
    """The address, or the IPv6 network, of a connection's client; None for a Unix socket."""
    client = transport.get_extra_info("peername")
    return network_of(client[0]) if isinstance(client, tuple) else None


def network_of(address: str) -> str:
    """What identifies a client: its IPv4 address, or the first half of its IPv6 address.

    One client usually has all the addresses of such a half, RFC 6177.
    """
    client = ipaddress.ip_address(address.partition("%")[0])
    ipv4 = client if isinstance(client, ipaddress.IPv4Address) else client.ipv4_mapped
    return str(ipv4 or ipaddress.IPv6Network((client, _IPV6_NETWORK), strict=False))


def _slowest(connections: Iterable[Protocol | Handshake]) -> Protocol | Handshake:
    """The one that has kept us waiting longest; even the newest already has, a little."""
    return min(connections, key=lambda one: one.waits_since)
