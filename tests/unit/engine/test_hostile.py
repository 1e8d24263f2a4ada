"""Peers that mean ill, or none at all: bounded in time, memory and file descriptors."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.api.connection import connect
from selfinspect.engine.http.stream import MAX_LINE
from selfinspect.engine.http.transport import Transport
from selfinspect.engine.locate import Place
from selfinspect.engine.tried import attempt, unquoted
from selfinspect.errors import EngineError, EngineUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.canned_engine import CannedEngine

BRIEF = 0.3
GENEROUS = 60.0

Peer = Callable[[socket.socket, threading.Event], None]


class Hostile:
    """Listens, reads a request, and then does what it was made for."""

    def __init__(self, path: Path, behave: Peer) -> None:
        self.url = f"unix://{path}"
        self._behave = behave
        self._ended = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(8)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let go of everybody."""
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(GENEROUS)
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client, contextlib.suppress(OSError):
                    client.recv(65536)
                    self._behave(client, self._ended)


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Callable[[Peer], Hostile]]:
    """Makes peers, and ends them with the test."""
    made: list[Hostile] = []

    def make(behave: Peer) -> Hostile:
        made.append(Hostile(tmp_path / "peer.sock", behave))
        return made[-1]

    yield make
    for one in made:
        one.close()


def _drip(begin: bytes, drop: bytes) -> Peer:
    def behave(client: socket.socket, ended: threading.Event) -> None:
        client.sendall(begin)
        while not ended.wait(0.01):
            client.sendall(drop)

    return behave


def _flood(begin: bytes) -> Peer:
    def behave(client: socket.socket, ended: threading.Event) -> None:
        client.sendall(begin)
        while not ended.is_set():
            client.sendall(b"x" * 2**20)

    return behave


@pytest.mark.parametrize(
    ("begin", "drop"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["a status", "a header", "a body", "chunks", "promises"],
)
def test_what_comes_a_byte_at_a_time_is_given_up_on(
    hostile: Callable[[Peer], Hostile], begin: bytes, drop: bytes
) -> None:
    """The deadline is for the whole answer: bytes that keep coming gain nothing."""
    transport = Transport(hostile(_drip(begin, drop)).url, timeout=BRIEF)
    with pytest.raises(EngineUnreachableError) as caught:
        transport.answer("ping", "/_ping")
    transport.close()
    assert caught.value.outcome == "timeout"


@pytest.mark.parametrize(
    "begin",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
    ids=["no HTTP", "a header", "10 GB", "without length"],
)
def test_a_flood_costs_little_memory(hostile: Callable[[Peer], Hostile], begin: bytes) -> None:
    """An answer is refused long before it fills the machine."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    transport = Transport(hostile(_flood(begin)).url, timeout=GENEROUS)
    with pytest.raises(EngineUnreachableError):
        transport.answer("ping", "/_ping")
    transport.close()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 48 << 10


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 302 call-555\r\nContent-Length: 8\r\n\r\ncall-555",
        b"HTTP/1.1 304 No\r\nServer: call-555\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ncall-555\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\ncall-555",
        b"HTTP/1.1 call-555\r\n\r\n",
        b"call-555\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: call-555\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nApi-Version: call-555\r\nContent-Length: 0\r\n\r\n",
        b'HTTP/1.1 400 call-555\r\nContent-Length: 23\r\n\r\n{"message": "call-555"} ',
    ],
    ids=["redirect", "server", "chunk", "gzip", "status", "no HTTP", "length", "version", "error"],
)
def test_who_answers_at_a_guessed_place_is_not_quoted(
    hostile: Callable[[Peer], Hostile], said: bytes
) -> None:
    """Not a word of theirs stands in what is reported of the place, whatever the answer."""
    peer = hostile(lambda client, _: client.sendall(said))
    with pytest.raises(EngineError) as caught:
        connect(peer.url, timeout=GENEROUS)
    reported = attempt(Place(peer.url, guessed=True), unquoted(caught.value))
    assert "call-555" not in f"{reported.said} {reported.detail} {reported.hint}"


def test_what_speaks_no_http_is_reported_in_our_words(hostile: Callable[[Peer], Hostile]) -> None:
    """Not in the peer's, of which there may be any number, in any characters."""
    peer = hostile(lambda client, _: client.sendall(b"\x00\xffgarbage\r\n\r\n"))
    transport = Transport(peer.url, timeout=GENEROUS)
    with pytest.raises(EngineUnreachableError) as caught:
        transport.answer("ping", "/_ping")
    transport.close()
    assert caught.value.detail == f"{peer.url}: what answers there does not speak HTTP"


def _answer_once(client: socket.socket, _: threading.Event) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")
    client.recv(65_536)


def test_a_kept_connection_that_closes_under_a_request_is_no_failure(
    hostile: Callable[[Peer], Hostile],
) -> None:
    """Closed just when it is asked over, as proxies do: it is asked over a new one, once."""
    transport = Transport(hostile(_answer_once).url, timeout=GENEROUS)
    assert [transport.answer("ping", "/_ping").body for _ in range(3)] == [b"OK"] * 3
    transport.close()


def test_a_new_connection_that_closes_is_a_failure(hostile: Callable[[Peer], Hostile]) -> None:
    """Nobody is asked again who never answered."""
    asked = []
    transport = Transport(hostile(lambda *_: asked.append(1)).url, timeout=GENEROUS)
    with pytest.raises(EngineUnreachableError, match="closed the connection without an answer"):
        transport.answer("ping", "/_ping")
    transport.close()
    assert len(asked) == 1


def test_an_endless_line_is_refused(hostile: Callable[[Peer], Hostile]) -> None:
    """An event is never so long."""
    transport = Transport(hostile(_flood(b"HTTP/1.1 200 OK\r\n\r\n")).url, timeout=GENEROUS)
    with (
        transport.stream("events", "/events") as stream,
        pytest.raises(EngineUnreachableError, match=f"a line of more than {MAX_LINE >> 20} MiB"),
    ):
        list(stream.lines())
    transport.close()


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _until_few(most: int) -> None:
    """Wait until no more descriptors are open: the peers' ends are this process's, too."""
    deadline = time.monotonic() + GENEROUS
    while _descriptors() > most:
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def _ask(transport: Transport, times: int) -> None:
    for number in range(times):
        transport.answer("x", f"/{number}")


def test_eight_threads_asking_a_hundred_times_need_eight_sockets(engine: CannedEngine) -> None:
    """However much is asked, as many sockets as threads, and none afterwards."""
    before, transport = _descriptors(), Transport(engine.url, timeout=GENEROUS)
    threads = [threading.Thread(target=_ask, args=(transport, 100)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(engine.requests) == 800
    assert engine.connections <= 8
    transport.close()
    engine.stop()
    _until_few(before)


def test_descriptors_stay_flat_over_ten_thousand_requests(engine: CannedEngine) -> None:
    """Nothing is left open behind an answer, be it a success or not."""
    transport = Transport(engine.url, timeout=GENEROUS)
    _ask(transport, 10)
    before = _descriptors()
    _ask(transport, 10_000)
    _until_few(before)
    assert engine.connections == 1
    transport.close()


def test_no_descriptor_is_lost_to_failures(
    hostile: Callable[[Peer], Hostile], tmp_path: Path
) -> None:
    """Neither to peers that hang up, nor to sockets that are not there."""
    gone = Transport(f"unix://{tmp_path}/no.sock", timeout=BRIEF)
    closing = Transport(hostile(lambda client, _: client.close()).url, timeout=GENEROUS)
    before = _descriptors()
    for transport in (gone, closing) * 20:
        with pytest.raises(EngineUnreachableError):
            transport.answer("ping", "/_ping")
    _until_few(before)
    closing.close()
