"""Finding the agent and asking it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from socketserver import BaseServer, TCPServer, UnixStreamServer
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

import pytest

import selfinspect
from selfinspect.client import AgentAddress, Reply, ask, find, follow
from tests.support.odd_files import BYSTANDER, ODD_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="giving files away takes root")


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


class Nested:
    body = b"[" * 100_000


class Scripted(BaseHTTPRequestHandler):
    """Answers one after the other; the last one stays."""

    answers: ClassVar[list[tuple[int, object]]] = []
    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(f"{self.path} {self.headers.get('Authorization', '-')}")
        status, document = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        body = document.body if isinstance(document, Nested) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class Short(BaseHTTPRequestHandler):
    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")


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


def said(reply: Reply | None) -> tuple[int, str, bytes] | None:
    return None if reply is None else (reply.status, reply.media_type, reply.body)


def found(file: Path) -> tuple[str, bool] | None:
    agent = find({}, str(file))
    return None if agent is None else (agent.uri, agent.trusted)


def at(server: TCPServer) -> AgentAddress:
    """Where a server of this machine is."""
    return AgentAddress(f"http://127.0.0.1:{server.server_address[1]}")


HERE, THERE = "http://127.0.0.1:1", "http://127.0.0.1:2"


@pytest.mark.parametrize(
    ("environ", "left", "found"),
    [
        ({"SELFINSPECT_URI": HERE}, f"{THERE}\n", HERE),
        ({}, f"{THERE}\n", THERE),
        ({"SELFINSPECT_URI": ""}, f"{THERE}\n", THERE),
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
    agent = find(environ, str(file))
    assert (agent.uri if agent else None) == found


@pytest.mark.parametrize("kind", ODD_FILES)
def test_what_is_in_place_of_the_file_is_no_address(tmp_path: Path, kind: str) -> None:
    """A pipe is not waited for, a link not followed, an endless file not read."""
    (tmp_path / "run").mkdir()
    ODD_FILES[kind](tmp_path / "run" / "uri")
    assert find({}, str(tmp_path / "run" / "uri")) is None


@pytest.mark.parametrize(
    ("uri", "believed"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.8.8.8:1", True),
        ("http://[::1]:1", True),
        ("https://127.0.0.1:1", True),
        ("http+unix://%2Frun%2Fapp.sock", True),
        ("http://192.0.2.7:10310", True),
        ("https://192.0.2.7:10310", True),
        ("http://192.0.2.8:10310", False),
        ("http://agent:10310", False),
        ("http://127.0.0.1.example:1", False),
        ("http://127.0.0.1:1@192.0.2.8:1", False),
        ("http://127.0.0.1:1/../", False),
        ("http+unix://relative.sock", False),
        ("ftp://127.0.0.1:1", False),
        ("http://127.0.0.1:1\x1b[2J", False),
        ("http+unix://%2Frun\x1b[2J", False),
        ("http://[", False),
    ],
)
def test_an_address_in_the_file_stays_in_this_container(
    tmp_path: Path,
    uri: str,
    believed: bool,  # noqa: FBT001
) -> None:
    """Or it is what `--listen` says; else its writer could send us anywhere."""
    (tmp_path / "uri").write_text(f"{uri}\n")
    agent = find({"SELFINSPECT_LISTEN": "127.0.0.1:2, 192.0.2.7:10310"}, str(tmp_path / "uri"))
    assert (agent is not None) == believed


@needs_root
@pytest.mark.parametrize("owned", ["folder", "file"])
def test_an_address_of_another_user_is_not_believed(tmp_path: Path, owned: str) -> None:
    """Neither root's, nor ours, nor of who owns PID 1."""
    (tmp_path / "uri").write_text(f"{HERE}\n")
    assert found(tmp_path / "uri") == (HERE, True)
    os.chown({"folder": tmp_path, "file": tmp_path / "uri"}[owned], 4711, -1)
    assert find({}, str(tmp_path / "uri")) is None


@needs_root
@pytest.mark.parametrize("open_to_others", ["folder", "file"])
def test_an_address_that_others_may_have_written_is_not_trusted(
    tmp_path: Path, open_to_others: str
) -> None:
    """It is asked, and told no secret."""
    (tmp_path / "uri").write_text(f"{HERE}\n")
    {"folder": tmp_path, "file": tmp_path / "uri"}[open_to_others].chmod(0o777)
    assert found(tmp_path / "uri") == (HERE, False)


def test_a_hard_link_is_no_address(tmp_path: Path) -> None:
    """It may be any file of its owner's, and its first line would be told."""
    (tmp_path / "uri").write_text(f"{HERE}\n")
    (tmp_path / "other").hardlink_to(tmp_path / "uri")
    assert find({}, str(tmp_path / "uri")) is None


def test_an_agent_is_asked_over_tcp() -> None:
    """The answer comes with its status and media type, also where it is an error."""
    with TCPServer(("127.0.0.1", 0), Echo) as server, serving(server):
        agent = at(server)
        assert said(ask(agent, "/a%2Fb", timeout=60)) == (200, "text/plain", b"/a%2Fb */*")
        busy = ask(agent, "/busy", timeout=60, accept="x/y")
        assert said(busy) == (503, "text/plain", b"/busy x/y")


def test_an_agent_is_asked_over_a_unix_socket(tmp_path: Path) -> None:
    """Its path stands percent-encoded in the URI."""
    path = tmp_path / "a b.sock"
    with UnixStreamServer(str(path), Echo) as server, serving(server):
        reply = ask(AgentAddress(f"http+unix://{quote(str(path), safe='')}"), "/x", timeout=60)
    assert said(reply) == (200, "text/plain", b"/x */*")


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:1",
        "http+unix://%2Fno%2Fsuch.sock",
        "ftp://127.0.0.1",
        "http://",
        "http://127.0.0.1:http",
        f"http://127.0.0.1:{10**20}",
        "http://[::1",
        "nonsense",
        "",
    ],
)
def test_where_nobody_answers_there_is_no_reply(uri: str) -> None:
    """Nobody there and no address at all are the same to who asks."""
    assert ask(AgentAddress(uri), "/", timeout=60) is None


@pytest.mark.parametrize("path", ["/with space", "/ü\ud800", "/line\nbreak"])
def test_a_path_that_http_cannot_carry_has_no_reply(path: str) -> None:
    """Nothing is sent that would be two requests."""
    with TCPServer(("127.0.0.1", 0), Echo) as server, serving(server):
        assert ask(at(server), path, timeout=60) is None


def test_what_is_no_http_is_no_reply() -> None:
    """Somebody else behind that port is not the agent."""
    with TCPServer(("127.0.0.1", 0), Nonsense) as server, serving(server):
        assert ask(at(server), "/", timeout=60) is None


def test_half_an_answer_is_no_reply() -> None:
    """An agent that ends in the middle of its answer has given none."""
    with TCPServer(("127.0.0.1", 0), Short) as server, serving(server):
        assert ask(at(server), "/", timeout=60) is None


def test_an_agent_that_hangs_costs_no_more_than_the_timeout() -> None:
    """Whoever accepts and stays silent is not waited for."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert (
            ask(AgentAddress(f"http://127.0.0.1:{silent.getsockname()[1]}"), "/", timeout=0.05)
            is None
        )


class Endless(BaseHTTPRequestHandler):
    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(OSError):
            while True:
                self.wfile.write(bytes(65_536))


class Heads(Endless):
    def handle(self) -> None:
        with suppress(OSError):
            while True:
                self.wfile.write(b"X-Header: 1\r\n" * 1000)


@pytest.mark.parametrize("kind", [Endless, Heads])
def test_an_answer_without_end_is_no_reply(kind: type[Endless]) -> None:
    """Neither the memory nor the timeout is used up by it."""
    with TCPServer(("127.0.0.1", 0), kind) as server, serving(server):
        agent = at(server)
        assert ask(agent, "/", timeout=60) is None
        assert len(list(follow(agent, "/", timeout=60) or [])) < 2


class Dripping(BaseHTTPRequestHandler):
    def handle(self) -> None:
        self.rfile.readline()
        with suppress(OSError):
            while True:
                self.wfile.write(b"H")
                time.sleep(0.01)


def test_an_answer_that_drips_costs_no_more_than_the_timeout() -> None:
    """However often something comes: it is the whole that has a timeout."""
    with TCPServer(("127.0.0.1", 0), Dripping) as server, serving(server):
        agent = at(server)
        assert ask(agent, "/", timeout=0.1) is None
        assert follow(agent, "/", timeout=0.1) is None


def test_an_answer_that_goes_on_is_read_line_by_line() -> None:
    """Its lines come without its head; another status than 200 is no beginning."""
    with TCPServer(("127.0.0.1", 0), Echo) as server, serving(server):
        agent = at(server)
        lines = follow(agent, "/stream", timeout=60)
        assert lines is not None
        assert list(lines) == [b"/stream */*"]
        assert follow(agent, "/busy", timeout=60) is None
    assert follow(AgentAddress("nonsense"), "/", timeout=60) is None


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Scripted]]:
    """An agent that SELFINSPECT_URI names, and that answers what a test scripts."""

    class Agent(Scripted):
        answers: ClassVar[list[tuple[int, object]]] = []
        seen: ClassVar[list[str]] = []

    with TCPServer(("127.0.0.1", 0), Agent) as server, serving(server):
        monkeypatch.setenv("SELFINSPECT_URI", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.delenv("SELFINSPECT_TOKEN_FILE", raising=False)
        yield Agent


OWN = {"id": "a1" * 32, "name": "app", "identity": {"level": "proven", "method": "layer"}}
NOT_YET = (503, {"detail": "the identity is still being resolved", "hint": "wait"})


def test_me_waits_for_an_agent_that_is_not_ready_yet(agent: type[Scripted]) -> None:
    """The app that asks too early gets its answer all the same."""
    agent.answers += [NOT_YET, NOT_YET, (200, OWN)]
    own = selfinspect.me(timeout=60)
    assert isinstance(own, selfinspect.Self)
    assert (own.name, own.identity.level) == ("app", "proven")
    assert agent.seen == ["/v1/self -"] * 3


@pytest.mark.parametrize(
    ("answer", "detail", "hint"),
    [
        (NOT_YET, "the identity is still being resolved", "wait"),
        ((401, {"detail": "no token"}), "no token", None),
        ((503, {"detail": "a\x1b[2Jb\ud800"}), "a\ufffd\\[2Jb\ufffd", None),
        ((404, "nothing"), "it answers 404", None),
        ((200, {"id": None}), "is not an agent", None),
    ],
)
def test_me_says_why_there_is_no_answer(
    agent: type[Scripted], answer: tuple[int, object], detail: str, hint: str | None
) -> None:
    """What the agent says of it, and what can be done."""
    agent.answers.append(answer)
    errors = []
    for seconds in (1.0, 10.0, 60.0):
        with pytest.raises(selfinspect.NotAvailable) as raised:
            selfinspect.me(timeout=seconds)
        errors.append(raised.value)
        if "no agent answers" not in str(raised.value):  # else the machine was too busy
            break
    assert re.search(detail, str(errors[-1]))
    assert errors[-1].hint == hint


def test_me_gives_up_where_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address is named, so that a person can look there."""
    monkeypatch.setenv("SELFINSPECT_URI", "http://127.0.0.1:1")
    with pytest.raises(
        selfinspect.NotAvailable, match=r"no agent answers at http://127\.0\.0\.1:1"
    ):
        selfinspect.me(timeout=0.01)


def test_the_token_is_read_from_the_file_that_is_named(
    agent: type[Scripted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes with every request."""
    (tmp_path / "token").write_text("secret\n")
    monkeypatch.setenv("SELFINSPECT_TOKEN_FILE", str(tmp_path / "token"))
    agent.answers.append((200, OWN))
    selfinspect.me(timeout=60)
    assert agent.seen == ["/v1/self Bearer secret"]


@pytest.mark.parametrize(
    ("trusted", "path", "borne"),
    [(True, "/v1/self", "Bearer secret"), (True, "/healthz", "-"), (False, "/v1/self", "-")],
)
def test_a_token_goes_where_it_is_needed_and_safe(
    *,
    agent: type[Scripted],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trusted: bool,
    path: str,
    borne: str,
) -> None:
    """Not to a path that everyone may ask for, nor to an address that CMD's user may have left."""
    (tmp_path / "token").write_text("secret\n")
    monkeypatch.setenv("SELFINSPECT_TOKEN_FILE", str(tmp_path / "token"))
    agent.answers.append((200, OWN))
    ask(AgentAddress(os.environ["SELFINSPECT_URI"], trusted=trusted), path, timeout=60)
    assert agent.seen == [f"{path} {borne}"]


@pytest.mark.parametrize("kind", [kind for kind in ODD_FILES if kind != "folder"])
def test_what_is_in_place_of_the_token_is_no_token(
    agent: type[Scripted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """It neither holds the client up nor is sent, but for a file that a link leads to."""
    (tmp_path / "run").mkdir()
    ODD_FILES[kind](tmp_path / "run" / "token")
    monkeypatch.setenv("SELFINSPECT_TOKEN_FILE", str(tmp_path / "run" / "token"))
    agent.answers.append((200, OWN))
    selfinspect.me(timeout=60)
    followed = kind in ("link", "hard link")
    assert agent.seen == [f"/v1/self Bearer {BYSTANDER.strip()}" if followed else "/v1/self -"]


def test_nonsense_of_an_agent_is_no_failure_of_ours(agent: type[Scripted]) -> None:
    """Nesting past what Python reads is no document, and no answer either."""
    agent.answers.append((200, Nested()))
    with pytest.raises(selfinspect.NotAvailable, match="is not an agent"):
        selfinspect.me(timeout=60)


def test_importing_it_loads_little() -> None:
    """No HTTP library, no TLS, no dataclass: an app's start is not to wait for them."""
    script = "import sys; from selfinspect import me; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "selfinspect.client" in loaded
    heavy = {"asyncio", "click", "dataclasses", "email", "http", "logging", "requests", "ssl"}
    assert heavy & set(loaded) == set()


def test_the_package_has_no_other_names() -> None:
    """A misspelt name is an AttributeError as in any module."""
    with pytest.raises(AttributeError, match="no attribute 'mee'"):
        selfinspect.mee  # type: ignore[attr-defined]  # noqa: B018
