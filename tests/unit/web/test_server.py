"""The server on real sockets, in process."""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from selfinspect.listen import ListenAddress
from selfinspect.supervise.listeners import bind
from selfinspect.web.connection import Protocol, network_of
from selfinspect.web.server import Served, serve
from tests.support.certificates import Authority
from tests.support.idle_loop import run_idly

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from starlette.types import ASGIApp, Receive, Scope, Send

    Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Impatient(Protocol):
    header_seconds = 0.01


async def hello(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
    """Answer every request alike."""
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hi"})


class Silent:
    """An application whose answer is a stream that says one word, and then nothing for ever.

    Attributes:
        asked: set once a request has come.
        opened: the answer begins once this is set.
        ended: set once the request is given up.
    """

    def __init__(self) -> None:
        self.asked, self.opened, self.ended = (asyncio.Event() for _ in range(3))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        self.asked.set()
        try:
            await self.opened.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"hi", "more_body": True})
            await asyncio.Event().wait()
        finally:
            self.ended.set()


@asynccontextmanager
async def serving(
    protocol: type[Protocol] = Protocol,
    tls: ssl.SSLContext | None = None,
    app: ASGIApp = hello,
    most_of_one: int | None = None,
) -> AsyncIterator[socket.socket]:
    """A server for as long as the context lasts; yields its listener."""
    stopping = asyncio.Event()
    bound = bind(ListenAddress("127.0.0.1", 0))
    with socket.socket(fileno=bound.detach()) as listener:
        async with asyncio.TaskGroup() as group:
            group.create_task(
                serve(
                    [Served(app, [listener], tls, most_of_one), Served(hello, [])],
                    stopping,
                    protocol,
                )
            )
            yield listener
            stopping.set()


def talk(converse: Converse, protocol: type[Protocol] = Protocol) -> None:
    """Have a conversation over one connection."""

    async def run() -> None:
        async with serving(protocol) as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            try:
                await converse(reader, writer)
            finally:
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()

    run_idly(run())


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server speaks TLS with, and a client that trusts it."""
    authority = Authority(folder / "ca")
    pair = authority.signs("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.load_verify_locations(authority.cert)
    return context, trusting


async def answer(reader: asyncio.StreamReader) -> bytes:
    """One answer of `hello`."""
    return await reader.readuntil(b"\r\n\r\nhi")


def test_a_connection_serves_one_request_after_another() -> None:
    """It is kept, also for requests whose headers come in pieces or two at a time."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for pieces in ([REQUEST], [REQUEST[:9], REQUEST[9:]], [REQUEST + REQUEST[:5], REQUEST[5:]]):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            assert (await answer(reader)).startswith(b"HTTP/1.1 200")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200")

    talk(converse)


def test_what_one_connection_is_answered_is_not_in_the_next_ones_answer() -> None:
    """Whose head is the same but for what the request asked of the connection."""
    last = REQUEST.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n"

    async def run() -> None:
        async with serving() as listener:
            heads = []
            for request in (REQUEST, last, REQUEST):
                reader, writer = await asyncio.open_connection(*listener.getsockname())
                writer.write(request)
                heads.append(await answer(reader))
                writer.close()
        assert heads[0] == heads[2]
        assert b"\r\nconnection: close" in heads[1].lower()
        assert b"\r\nconnection: close" not in heads[2].lower()

    run_idly(run())


def test_requests_may_come_ahead_of_their_answers() -> None:
    """Each is answered in turn, also one whose body nobody reads."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        chunked = REQUEST.removesuffix(b"\r\n") + b"Transfer-Encoding: chunked\r\n\r\n"
        writer.write((REQUEST + chunked + b"3\r\nabc\r\n0\r\n\r\n") * 50)
        for _ in range(100):
            assert (await answer(reader)).startswith(b"HTTP/1.1 200")

    talk(converse)


def test_what_follows_the_last_request_is_not_read() -> None:
    """A client that asks to close and then sends more still gets its answer, and the end."""
    asked = asyncio.Event()

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await asked.wait()
        await hello(scope, receive, send)

    async def run() -> None:
        async with serving(app=late) as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(REQUEST.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n\r\n")
            writer.write(REQUEST)
            await writer.drain()
            asked.set()
            assert (await answer(reader)).startswith(b"HTTP/1.1 200")
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()

    run_idly(run())


def test_only_a_get_has_a_body() -> None:
    """HEAD has the headers of the same answer, and the next request follows at once."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(REQUEST.replace(b"GET", b"HEAD") + REQUEST)
        head, whole = await reader.readuntil(b"\r\n\r\n"), await answer(reader)
        assert whole == head + b"hi"

    talk(converse)


@pytest.mark.parametrize("begun", [False, True])
def test_a_bug_is_logged_and_ends_its_connection(
    caplog: pytest.LogCaptureFixture, *, begun: bool
) -> None:
    """It is 500 where nothing was sent; a part of an answer does not look whole."""

    async def buggy(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        headers = [(b"content-length", b"9")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if begun:
            await send({"type": "http.response.body", "body": b"hi", "more_body": True})
        raise ValueError("a bug")

    async def run() -> bytes:
        async with serving(app=buggy) as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(REQUEST)
            said = await reader.read()
            writer.close()
            return said

    said = run_idly(run())
    assert said.startswith(b"HTTP/1.1 200 " if begun else b"HTTP/1.1 500 ")
    assert said.endswith(b"\r\n\r\nhi" if begun else b"Internal Server Error")
    assert "a bug" in caplog.text


def test_a_stream_ends_with_its_client() -> None:
    """One that waits for something to send does not wait on for a client that is gone."""
    ended = asyncio.Event()

    async def silent(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hi", "more_body": True})
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def run() -> None:
        async with serving(app=silent) as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(REQUEST)
            await reader.readuntil(b"hi")
            writer.close()
            await ended.wait()

    run_idly(run())


@pytest.mark.parametrize("ahead", [1, 3])
def test_who_sends_no_more_is_answered(ahead: int) -> None:
    """A client that shuts its side down after its last request waits for the answer."""
    closed = asyncio.Event()

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/last":
            await receive()
            assert (await receive())["type"] == "http.disconnect"
            closed.set()
        await hello(scope, receive, send)

    async def run() -> None:
        async with serving(app=late) as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(REQUEST * (ahead - 1) + REQUEST.replace(b"/ ", b"/last ", 1))
            writer.write_eof()
            said = await reader.read()
            assert said.count(b"HTTP/1.1 200 OK") == said.count(b"hi") == ahead
            writer.close()

    run_idly(run())
    assert closed.is_set()


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("leaves", [True, False])
@pytest.mark.parametrize("more", [b"", b"Connection: upgrade\r\nUpgrade: h2c\r\n"])
def test_no_stream_is_kept_for_who_sends_no_more(more: bytes, *, leaves: bool, begun: bool) -> None:
    """One that is gone looks the same, however early it went and whatever it offered."""
    silent, left = Silent(), asyncio.Event()

    class Watched(Protocol):
        answer_seconds = 0.01

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            left.set()

    async def run() -> None:
        async with serving(Watched, app=silent) as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(REQUEST.removesuffix(b"\r\n") + more + b"\r\n")
            await silent.asked.wait()
            if begun:
                silent.opened.set()
                await reader.readuntil(b"hi")
            writer.transport.abort() if leaves else writer.write_eof()
            await left.wait()
            silent.opened.set()
            await silent.ended.wait()
            writer.close()

    run_idly(run())


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("behind", [REQUEST, b"x" * 100_000], ids=["a request", "much"])
def test_what_a_streams_client_sent_does_not_hide_that_it_left(
    behind: bytes, *, begun: bool
) -> None:
    """A stream may be silent for ever: its place is given back without another byte of it."""
    silent = Silent()

    async def run() -> None:
        async with serving(app=silent) as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(REQUEST if begun else REQUEST + behind)
            await silent.asked.wait()
            silent.opened.set()
            await reader.readuntil(b"hi")
            if begun:
                writer.write(behind)
            writer.close()
            await asyncio.wait_for(silent.ended.wait(), 20)

    asyncio.run(run())


def test_a_request_behind_a_stream_is_answered_once_that_has_ended() -> None:
    """A log that is not followed has an end."""
    sent = asyncio.Event()

    async def short(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"line", "more_body": True})
        await sent.wait()
        await send({"type": "http.response.body"})

    async def run() -> None:
        async with serving(app=short) as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(REQUEST * 2)
            await reader.readuntil(b"line")
            writer.write(REQUEST)
            sent.set()
            for _ in range(2):
                await reader.readuntil(b"line")
            writer.close()

    asyncio.run(run())


def test_who_says_nothing_is_hung_up_on() -> None:
    """A connection without a request ends after the time for headers."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
        assert await reader.read() == b""

    talk(converse, Impatient)


def test_who_never_finishes_is_hung_up_on() -> None:
    """So does one with half a request, however often another byte comes."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\nX-Slow: ")

        async def drip() -> None:
            while True:
                writer.write(b"x")
                await asyncio.sleep(0.001)

        dripping = asyncio.create_task(drip())
        # What it had not read yet makes the kernel reset the connection.
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        dripping.cancel()

    talk(converse, Impatient)


class Full(Protocol):
    most_connections = 2


def test_who_keeps_us_waiting_makes_room() -> None:
    """Of more connections than there may be, the one whose request is longest due ends."""

    async def run() -> None:
        async with serving(Full) as listener, AsyncExitStack() as stack:

            async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
                reader, writer = await asyncio.open_connection(*listener.getsockname())
                stack.callback(writer.close)
                return reader, writer

            silent, slow, late = [await connect() for _ in range(3)]
            assert await silent[0].read() == b""
            for reader, writer in (slow, late):
                writer.write(REQUEST)
                await answer(reader)

    run_idly(run())


class Untaken(Protocol):
    """Waits for a request as long as any, for what is to be taken of an answer hardly at all."""

    answer_seconds = 0.4
    header_seconds = 60.0


def endless(gone: asyncio.Event) -> ASGIApp:
    """An application whose answer has no end, and which says when nobody is there any more."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        async def until_gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            gone.set()

        waiting = asyncio.create_task(until_gone())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not gone.is_set():
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        await waiting

    return app


@pytest.mark.parametrize("secure", [False, True])
def test_who_takes_nothing_of_an_answer_is_hung_up_on(tmp_path: Path, *, secure: bool) -> None:
    """An answer that has no end is not sent into a connection that nobody reads."""

    async def run() -> None:
        gone = asyncio.Event()
        server, client = contexts(tmp_path) if secure else (None, None)
        async with serving(Untaken, server, endless(gone)) as listener:
            _, writer = await asyncio.open_connection(
                *listener.getsockname(), ssl=client, limit=1024
            )
            writer.write(REQUEST)
            await gone.wait()
            writer.transport.abort()

    run_idly(run())


def test_answers_that_nobody_reads_end_their_connection() -> None:
    """However small each is, and however many requests have come already."""

    async def run() -> None:
        async with serving(Untaken) as listener:
            # Who connects before it serves has the kernel's buffers, and others have ours.
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(REQUEST)
            await answer(reader)
            writer.close()
            with socket.socket() as client:
                # What its kernel takes for it counts as taken.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.setblocking(False)  # noqa: FBT003
                loop = asyncio.get_running_loop()
                await loop.sock_connect(client, listener.getsockname())

                async def flood() -> None:
                    while True:
                        await loop.sock_sendall(client, REQUEST * 1000)

                with pytest.raises(ConnectionError):
                    await flood()

    run_idly(run())


def test_who_takes_an_answer_slowly_gets_it_whole() -> None:
    """Each piece that is taken begins the time for the next."""
    size = 2**21

    async def large(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        headers = [(b"content-length", b"%d" % size), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * size})

    async def run() -> None:
        async with serving(Untaken, app=large) as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname(), limit=1024)
            writer.write(REQUEST)
            await reader.readuntil(b"\r\n\r\n")
            left = size
            while left:
                left -= len(await reader.read(65_536))
                await asyncio.sleep(Untaken.answer_seconds / 16)
            writer.close()

    run_idly(run())


class FullOfReaders(Protocol):
    most_connections = 3


def test_who_does_not_take_an_answer_makes_room() -> None:
    """Of those whose request has come, the one that takes nothing of its answer ends."""

    async def run() -> None:
        gone = asyncio.Event()
        app = endless(gone)

        async def either(scope: Scope, receive: Receive, send: Send) -> None:
            await (app if scope["path"] == "/endless" else hello)(scope, receive, send)

        async with serving(FullOfReaders, app=either) as listener, AsyncExitStack() as stack:

            async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
                reader, writer = await asyncio.open_connection(*listener.getsockname(), limit=1024)
                # Kept to the end: a stream that nobody keeps closes by itself.
                stack.callback(lambda: writer.transport.abort())  # noqa: PLW0108
                return reader, writer

            _, stalled = await connect()
            stalled.write(REQUEST.replace(b"/ ", b"/endless ", 1))
            while not gone.is_set():
                reader, writer = await connect()
                writer.write(REQUEST)
                await answer(reader)

    run_idly(run())


def test_one_address_does_not_hold_every_place() -> None:
    """Of more connections than one may have its own slowest ends, and nobody else's."""

    async def run() -> None:
        async with serving(most_of_one=2) as listener, AsyncExitStack() as stack:

            async def connect(host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
                reader, writer = await asyncio.open_connection(
                    *listener.getsockname(), local_addr=(host, 0)
                )
                stack.callback(writer.close)
                return reader, writer

            other = await connect("127.0.0.2")
            first, second, third = [await connect("127.0.0.1") for _ in range(3)]
            assert await first[0].read() == b""
            for reader, writer in (other, second, third):
                writer.write(REQUEST)
                await answer(reader)

    run_idly(run())


def test_who_finds_no_place_leaves_no_handshake(tmp_path: Path) -> None:
    """Where all that one address may have is in use, nothing is kept of what it opens more."""
    context, trusting = contexts(tmp_path)

    async def silent(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hi", "more_body": True})
        await asyncio.Event().wait()

    async def run() -> None:
        async with serving(tls=context, app=silent, most_of_one=1) as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname(), ssl=trusting)
            writer.write(REQUEST)
            await reader.readuntil(b"hi")
            tasks = asyncio.all_tasks()
            refused, unwanted = await asyncio.open_connection(*listener.getsockname())
            assert await refused.read() == b""
            unwanted.close()
            async with asyncio.timeout(Protocol.header_seconds - 1):
                for handshake in asyncio.all_tasks() - tasks:
                    await handshake
            writer.transport.abort()

    run_idly(run())


def test_a_handshake_counts_as_a_connection(tmp_path: Path) -> None:
    """Who only connects, and agrees on no TLS, holds no more places than in the clear."""
    context, trusting = contexts(tmp_path)

    async def run() -> None:
        async with serving(tls=context, most_of_one=2) as listener, AsyncExitStack() as stack:

            async def connect(host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
                reader, writer = await asyncio.open_connection(
                    *listener.getsockname(), local_addr=(host, 0)
                )
                stack.callback(lambda: writer.transport.abort())  # noqa: PLW0108
                return reader, writer

            other = await connect("127.0.0.2")
            first, second, third = [await connect("127.0.0.1") for _ in range(3)]
            assert await first[0].read() == b""
            for reader, writer in (other, second, third):
                await writer.start_tls(trusting, server_hostname="127.0.0.1")
                writer.write(REQUEST)
                await answer(reader)

    run_idly(run())


def test_a_request_in_one_piece_with_the_handshake_is_answered(tmp_path: Path) -> None:
    """The kernel may deliver both at once."""
    context, trusting = contexts(tmp_path)

    async def run() -> None:
        async with serving(tls=context) as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = trusting.wrap_bio(coming, going, server_hostname="127.0.0.1")
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    writer.write(going.read())
                    coming.write(await reader.read(65_536))
            tls.write(REQUEST)
            writer.write(going.read())
            said = b""
            while not said.endswith(b"hi"):
                coming.write(await reader.read(65_536))
                with suppress(ssl.SSLWantReadError):
                    said += tls.read(65_536)
            writer.transport.abort()

    run_idly(run())


def test_a_stop_ends_handshakes(tmp_path: Path) -> None:
    """Nothing was asked on them yet, so nobody waits for them."""
    context, trusting = contexts(tmp_path)

    async def run() -> None:
        async with serving(tls=context) as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(b"\x16")
            # One that came later is answered: so the first was accepted.
            later, asking = await asyncio.open_connection(*listener.getsockname())
            await asking.start_tls(trusting, server_hostname="127.0.0.1")
            asking.write(REQUEST)
            await answer(later)
            asking.transport.abort()
        assert await reader.read() == b""
        writer.close()

    run_idly(run())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_one_client_may_have_a_network_of_addresses(one: str, other: str, *, same: bool) -> None:
    """An IPv4 address, also as IPv6 writes it, and 64 bits of an IPv6 address are one client."""
    assert (network_of(one) == network_of(other)) is same


def test_there_are_files_for_all_who_may_wait() -> None:
    """An engine gives a process 1024 of them, unless it asks for more."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def run() -> int:
        async with serving() as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(REQUEST)
            await answer(reader)
            writer.close()
            return resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
        assert run_idly(run()) == min(16_384, limits[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_later_request_has_the_same_time() -> None:
    """Half a request after a whole one ends the connection as well."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(REQUEST)
        await answer(reader)
        writer.write(REQUEST[:-2])
        assert await reader.read() == b""

    talk(converse, Impatient)


def test_a_body_has_the_same_time() -> None:
    """Nobody reads one: it is let pass, and ends the connection where it does not end itself."""

    class Tiring(Protocol):
        header_seconds = 60.0

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b"3\r\nabc\r\n0\r\n\r\n"
        chunked = REQUEST.removesuffix(b"\r\n") + b"Transfer-Encoding: chunked\r\n\r\n"
        for piece in (chunked, body):
            writer.write(piece)
        await answer(reader)
        Tiring.header_seconds = 0.01
        writer.write(chunked + body[:5])
        await answer(reader)
        # Each byte of a body keeps the server from hanging up while it waits for a next request.
        writer.write(body[5:7])
        assert await reader.read() == b""

    talk(converse, Tiring)


def test_an_answer_may_take_its_time() -> None:
    """The time for a request is over with the request."""

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(Impatient.header_seconds * 3)
        await hello(scope, receive, send)

    async def run() -> None:
        async with serving(Impatient, app=slow) as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(REQUEST)
            await answer(reader)
            writer.close()

    run_idly(run())


def test_what_is_no_http_is_answered_and_ended() -> None:
    """The parser's own answer is plain text, hardened like any other, and the last."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"nonsense\r\n\r\n")
        said = await reader.read()
        assert said.startswith(b"HTTP/1.1 400 ")
        assert b"\r\nx-content-type-options: nosniff\r\n" in said.lower()

    talk(converse)


@pytest.mark.parametrize("patient", [True, False])
def test_a_body_that_is_no_http_ends_its_request(
    caplog: pytest.LogCaptureFixture, *, patient: bool
) -> None:
    """Before the answer it is 400, within it the end; neither is an error of ours to be logged."""
    met, over = asyncio.Event(), asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        if patient:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"", "more_body": True})
        met.set()
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
            await hello(scope, receive, send)
        finally:
            over.set()

    async def run() -> None:
        async with serving(app=endless) as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(REQUEST.removesuffix(b"\r\n") + b"Transfer-Encoding: chunked\r\n\r\n")
            await met.wait()
            writer.write(b"no size\r\n")
            said = await reader.read()
            assert said.count(b"HTTP/1.1 ") == 1
            assert said.startswith(b"HTTP/1.1 200 " if patient else b"HTTP/1.1 400 ")
            await over.wait()
            writer.close()

    run_idly(run())
    assert [line for line in caplog.records if line.levelname == "ERROR"] == []


def test_an_upgrade_is_ignored_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    """Who asks for another protocol gets this one, and no line of the log by asking."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upgrade = b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        writer.write(REQUEST.removesuffix(b"\r\n") + upgrade)
        assert (await answer(reader)).startswith(b"HTTP/1.1 200 ")

    talk(converse)
    assert caplog.records == []


def test_too_long_a_head_is_answered_and_ended() -> None:
    """What has no end of headers within the parser's bound is 400, not held in memory."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET /" + b"x" * 200_000)
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")

    talk(converse)


def test_stopping_closes_idle_connections() -> None:
    """A client that keeps its connection open does not hold the stop up."""

    async def run() -> None:
        async with serving() as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(REQUEST)
            await answer(reader)
        assert await reader.read() == b""
        writer.close()

    run_idly(run())


def test_stopping_waits_for_an_answer_under_way() -> None:
    """It comes whole; a request that comes after it is not begun."""
    begun, ready = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await ready.wait()
        await hello(scope, receive, send)

    async def run() -> None:
        async with serving(app=slow) as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(REQUEST)
            await begun.wait()
            # The stop comes with the end of the context, and waits for what is begun.
            asyncio.get_running_loop().call_later(0.3, ready.set)
        assert (await reader.read()).endswith(b"\r\n\r\nhi")
        writer.close()

    run_idly(run())


def test_tls_is_spoken_where_it_is_wanted(tmp_path: Path) -> None:
    """The same answer over a connection that the client can trust; none in the clear."""
    context, trusting = contexts(tmp_path)

    async def run() -> None:
        async with serving(tls=context) as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname(), ssl=trusting)
            writer.write(REQUEST)
            assert (await answer(reader)).startswith(b"HTTP/1.1 200")
            writer.close()
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(REQUEST)
            assert b"HTTP" not in await reader.read()
            writer.close()

    run_idly(run())


def test_a_handshake_has_the_time_of_headers() -> None:
    """Who never finishes one is hung up on."""

    async def run() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        async with serving(Impatient, context) as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            assert await reader.read() == b""
            writer.close()

    run_idly(run())
