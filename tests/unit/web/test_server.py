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
from selfinspect.web.server import Protocol, Served, serve
from tests.certificates import Authority

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


@asynccontextmanager
async def serving(
    protocol: type[Protocol] = Protocol,
    tls: ssl.SSLContext | None = None,
    app: ASGIApp = hello,
) -> AsyncIterator[socket.socket]:
    """A server for as long as the context lasts; yields its listener."""
    stopping = asyncio.Event()
    bound = bind(ListenAddress("127.0.0.1", 0))
    with socket.socket(fileno=bound.detach()) as listener:
        async with asyncio.TaskGroup() as group:
            group.create_task(
                serve([Served(app, [listener], tls), Served(hello, [])], stopping, protocol)
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

    asyncio.run(run())


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

    asyncio.run(run())


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
        assert asyncio.run(run()) == min(16_384, limits[1])
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

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b"3\r\nabc\r\n0\r\n\r\n"
        chunked = REQUEST.removesuffix(b"\r\n") + b"Transfer-Encoding: chunked\r\n\r\n"
        for piece in (chunked, body):
            writer.write(piece)
        await answer(reader)
        writer.write(chunked + body[:5])
        await answer(reader)
        # Each byte of a body keeps the server from hanging up for want of a next request.
        writer.write(body[5:7])
        assert await reader.read() == b""

    talk(converse, Impatient)


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

    asyncio.run(run())


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
        met.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        await hello(scope, receive, send)
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

    asyncio.run(run())
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
        # Not a byte more than it takes: what is left unread would reset the connection.
        writer.write(b"GET /" + b"x" * 65_536)
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

    asyncio.run(run())


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

    asyncio.run(run())


def test_tls_is_spoken_where_it_is_wanted(tmp_path: Path) -> None:
    """The same answer over a connection that the client can trust; none in the clear."""
    authority = Authority(tmp_path / "ca")
    pair = authority.signs("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.load_verify_locations(authority.cert)

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

    asyncio.run(run())


def test_a_handshake_has_the_time_of_headers() -> None:
    """Who never finishes one is hung up on."""

    async def run() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        async with serving(Impatient, context) as listener:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            assert await reader.read() == b""
            writer.close()

    asyncio.run(run())
