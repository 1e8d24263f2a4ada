"""Finding the agent and asking it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from socketserver import BaseServer, TCPServer, UnixStreamServer
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from selfinspect.client import Reply, ask, find

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"{self.path} {self.headers['Accept']}".encode()
        self.send_response(503 if self.path == "/busy" else 200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "a client"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class Nonsense(BaseHTTPRequestHandler):
    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"220 mail.example ESMTP\r\n")


@contextmanager
def serving(server: BaseServer) -> Iterator[None]:
    """Serve for as long as the context lasts."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    with server:
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("environ", "left", "found"),
    [
        ({"SELFINSPECT_URI": "http://here"}, "http://there\n", "http://here"),
        ({}, "http://there\n", "http://there"),
        ({"SELFINSPECT_URI": ""}, "http://there\n", "http://there"),
        ({}, "\n", None),
        ({}, b"\xff", None),
        ({}, None, None),
    ],
)
def test_the_variable_comes_before_the_file(
    tmp_path: Path, environ: dict[str, str], left: str | bytes | None, found: str | None
) -> None:
    """Where neither says where the agent is, no port is guessed."""
    file = tmp_path / "uri"
    if left is not None:
        file.write_bytes(left if isinstance(left, bytes) else left.encode())
    assert find(environ, str(file)) == found


def test_an_agent_is_asked_over_tcp() -> None:
    """The answer comes with its status and media type, also where it is an error."""
    with TCPServer(("127.0.0.1", 0), Echo) as server, serving(server):
        uri = f"http://127.0.0.1:{server.server_address[1]}"
        assert ask(uri, "/a%2Fb", timeout=20) == Reply(200, "text/plain", b"/a%2Fb */*")
        assert ask(uri, "/busy", timeout=20, accept="x/y") == Reply(503, "text/plain", b"/busy x/y")


def test_an_agent_is_asked_over_a_unix_socket(tmp_path: Path) -> None:
    """Its path stands percent-encoded in the URI."""
    path = tmp_path / "a b.sock"
    with UnixStreamServer(str(path), Echo) as server, serving(server):
        reply = ask(f"http+unix://{quote(str(path), safe='')}", "/x", timeout=20)
    assert reply == Reply(200, "text/plain", b"/x */*")


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:1",
        "http+unix://%2Fno%2Fsuch.sock",
        "ftp://127.0.0.1",
        "http://",
        "http://127.0.0.1:http",
        "http://[::1",
        "nonsense",
        "",
    ],
)
def test_where_nobody_answers_there_is_no_reply(uri: str) -> None:
    """Nobody there and no address at all are the same to who asks."""
    assert ask(uri, "/", timeout=20) is None


@pytest.mark.parametrize("path", ["/with space", "/ü\ud800", "/line\nbreak"])
def test_a_path_that_http_cannot_carry_has_no_reply(path: str) -> None:
    """Nothing is sent that would be two requests."""
    with TCPServer(("127.0.0.1", 0), Echo) as server, serving(server):
        assert ask(f"http://127.0.0.1:{server.server_address[1]}", path, timeout=20) is None


def test_what_is_no_http_is_no_reply() -> None:
    """Somebody else behind that port is not the agent."""
    with TCPServer(("127.0.0.1", 0), Nonsense) as server, serving(server):
        assert ask(f"http://127.0.0.1:{server.server_address[1]}", "/", timeout=20) is None
