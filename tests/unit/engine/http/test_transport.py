"""HTTP to one engine: what comes of each way in which a peer can answer, or not."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from selfinspect.engine.http.failures import MAX_SOCKET_PATH
from selfinspect.engine.http.stream import MAX_BODY
from selfinspect.engine.http.transport import Transport
from selfinspect.errors import EngineUnreachableError
from tests.support.canned_engine import Answer, CannedEngine

PATIENT = 60.0
BRIEF = 0.2


def _failure(endpoint: str, *, timeout: float = PATIENT) -> EngineUnreachableError:
    made = Transport(endpoint, timeout=timeout)
    with pytest.raises(EngineUnreachableError) as caught:
        made.answer("ping", "/_ping")
    made.close()
    assert caught.value.endpoint == endpoint
    assert caught.value.detail.startswith(endpoint)
    return caught.value


def test_an_answer_is_whole(engine: CannedEngine, transport: Transport) -> None:
    """Status, headers in any case, and body arrive as they were sent."""
    engine.answers["/x"] = Answer(418, b"short and stout", {"X-Kind": "pot"})
    answer = transport.answer("x", "/x")
    assert (answer.code, answer.headers["x-kind"], answer.body) == (418, "pot", b"short and stout")


def test_head_asks_for_headers_alone(engine: CannedEngine, transport: Transport) -> None:
    """A HEAD has headers and no body."""
    engine.answers["/x"] = Answer(body=b"body", headers={"X-Kind": "pot"})
    answer = transport.answer("x", "/x", "HEAD")
    assert (answer.headers["X-Kind"], answer.body) == ("pot", b"")
    assert engine.requests == ["HEAD /x"]


def test_every_path_goes_over_one_connection(engine: CannedEngine, transport: Transport) -> None:
    """Idle connections are kept by socket, not by path."""
    for number in range(5):
        transport.answer("x", f"/{number}?query={number}")
    assert engine.connections == 1


def test_threads_share_a_bounded_pool(engine: CannedEngine, transport: Transport) -> None:
    """Eight threads need at most eight connections, however much they ask."""
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        for number in range(10):
            transport.answer("x", f"/{number}")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(engine.requests) == 80
    assert engine.connections <= 8


def test_an_engine_that_restarted_is_asked_again(
    engine: CannedEngine, transport: Transport
) -> None:
    """A kept connection that the engine closed meanwhile costs no error."""
    transport.answer("ping", "/_ping")
    engine.stop()
    engine.start()
    assert transport.answer("ping", "/_ping").code == 200


def test_the_environment_is_not_asked(
    engine: CannedEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither proxies nor credentials nor certificates of the environment reach the engine."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password secret")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "http+unix_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    made = Transport(engine.url)
    assert made.answer("ping", "/_ping").code == 200
    made.close()
    assert "Authorization" not in engine.headers[0]


def test_a_redirect_is_not_followed(engine: CannedEngine, transport: Transport) -> None:
    """A redirect is an answer like any other: who is asked is decided here alone."""
    engine.answers["/x"] = Answer(301, headers={"Location": "/elsewhere"})
    assert transport.answer("x", "/x").code == 301
    assert engine.requests == ["GET /x"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff\x00 garbage\r\n\r\n",
        b"HTTP/1.1 20",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    ],
    ids=[
        "closed at once",
        "garbage",
        "half a status",
        "half a body",
        "no chunk",
        "half a chunk",
        "no gzip",
        "200 headers",
        "a header of 70 kB",
    ],
)
def test_a_peer_that_speaks_no_http_is_no_engine(engine: CannedEngine, raw: bytes) -> None:
    """Whatever a peer sends, one error of ours comes of it."""
    engine.answers["/_ping"] = Answer(raw=raw)
    assert _failure(engine.url).outcome == "no engine"


def test_a_peer_that_says_nothing_times_out(engine: CannedEngine) -> None:
    """An accepted connection is no answer."""
    engine.answers["/_ping"] = Answer(hangs=True)
    error = _failure(engine.url, timeout=BRIEF)
    assert (error.outcome, error.detail) == ("timeout", f"{engine.url}: no answer within 0.2 s")


def test_a_dripping_body_times_out(engine: CannedEngine) -> None:
    """The deadline is for the whole answer, however steadily bytes arrive."""
    engine.answers["/_ping"] = Answer(drips=True)
    error = _failure(engine.url, timeout=BRIEF)
    assert error.outcome == "timeout"
    assert error.detail.endswith("no whole answer within 0.2 s")


def test_an_over_long_body_is_refused(engine: CannedEngine) -> None:
    """More than the bound is not read into memory."""
    engine.answers["/_ping"] = Answer(body=b"x" * (MAX_BODY + 1))
    assert "an answer of more than 8 MiB" in _failure(engine.url).detail


def test_a_body_that_is_announced_as_too_long_is_not_read(engine: CannedEngine) -> None:
    """Not one byte of it is waited for."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"
    engine.answers["/_ping"] = Answer(raw=head, hangs=True)
    assert "an answer of more than 8 MiB" in _failure(engine.url).detail


def test_a_missing_socket_names_the_mount(tmp_path: Path) -> None:
    """Without a socket the hint is the `-v` that brings it."""
    error = _failure(f"unix://{tmp_path}/no.sock")
    assert error.outcome == "missing"
    assert error.hint == f"mount the engine's socket: -v {tmp_path}/no.sock:{tmp_path}/no.sock"


def test_a_dead_socket_says_so(engine: CannedEngine) -> None:
    """A socket's file that nobody listens on is refused, not missing."""
    engine.stop(unlink=False)
    error = _failure(engine.url)
    assert error.outcome == "refused"
    assert error.hint is not None
    assert "start the engine" in error.hint


def test_a_file_that_is_no_socket_is_refused(tmp_path: Path) -> None:
    """A plain file is no engine."""
    (tmp_path / "file.sock").write_text("")
    assert _failure(f"unix://{tmp_path}/file.sock").outcome == "refused"


def test_a_folder_in_the_sockets_place_is_reported(tmp_path: Path) -> None:
    """An engine makes one where what is to be mounted is missing."""
    (tmp_path / "docker.sock").mkdir()
    error = _failure(f"unix://{tmp_path}/docker.sock")
    assert "a directory is there" in error.detail
    assert f"rmdir {tmp_path}/docker.sock" in (error.hint or "")


@pytest.mark.parametrize("endpoint", ["unix:///no/\udcff.sock", "tcp://\udcff:2375"])
def test_bytes_that_are_no_text_name_nobody(endpoint: str) -> None:
    """The environment may hold any."""
    with pytest.raises(EngineUnreachableError):
        Transport(endpoint).answer("ping", "/_ping")


def test_a_path_too_long_for_a_socket_is_reported(tmp_path: Path) -> None:
    """The operating system's bound on a socket's path is named."""
    endpoint = f"unix://{tmp_path}/{'x' * MAX_SOCKET_PATH}"
    assert f"at most {MAX_SOCKET_PATH} bytes" in _failure(endpoint).detail


_DENIED = """
import os, sys
from selfinspect.engine.http.transport import Transport
from selfinspect.errors import EngineUnreachableError

def ask(endpoint):
    try:
        Transport(endpoint).answer("ping", "/_ping")
    except EngineUnreachableError as error:
        return error

ask("unix:///nowhere")  # loads what is loaded late, while that can still be read
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
error = ask(sys.argv[1])
print(error.outcome, error.detail, error.hint, sep="|")
"""


def _asked_by_nobody(endpoint: str) -> list[str]:
    """The outcome, detail and hint that a process without any right gets."""
    done = subprocess.run(
        [sys.executable, "-c", _DENIED, endpoint],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip().split("|")


@pytest.mark.parametrize(
    ("mode", "hint"),
    [
        (0o060, "join the group the socket belongs to: --group-add {group}"),
        (0o000, "the socket is its owner's alone: on the host, chmod g+rw {path}"),
    ],
)
def test_a_socket_that_may_not_be_opened_says_how_to_be_let_in(mode: int, hint: str) -> None:
    """Denied by the kernel, the hint names the socket's own group, if that may write to it."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        folder.chmod(0o755)
        path = folder / "engine.sock"
        with CannedEngine(path) as engine:
            group = 4242 if os.geteuid() == 0 else os.getegid()
            os.chown(path, -1, group)
            path.chmod(mode)
            outcome, detail, given = _asked_by_nobody(engine.url)
    finally:
        shutil.rmtree(folder)
    assert outcome == "denied"
    assert f"permission denied for uid {65534 if os.geteuid() == 0 else os.geteuid()}" in detail
    assert given == hint.format(group=group, path=path)


def test_a_socket_in_a_folder_that_may_not_be_seen_names_the_command() -> None:
    """Where even the group is hidden, the hint is how to find it on the host."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        folder.chmod(0o755)
        hidden = folder / "hidden"
        hidden.mkdir()
        with CannedEngine(hidden / "engine.sock") as engine:
            hidden.chmod(0o000)
            outcome, detail, hint = _asked_by_nobody(engine.url)
            hidden.chmod(0o755)
    finally:
        shutil.rmtree(folder)
    assert (outcome, "permission denied" in detail) == ("denied", True)
    assert f"--group-add $(stat -c %g {hidden}/engine.sock)" in hint


def test_each_request_is_observed(engine: CannedEngine, tmp_path: Path) -> None:
    """The name, the status and the seconds of each are reported; a status of 0 where none came."""
    seen: list[tuple[str, int, float]] = []
    engine.answers["/x"] = Answer(403)
    made = Transport(engine.url, observe=lambda *what: seen.append(what))
    made.answer("x", "/x")
    made.stream("events", "/events").cancel()
    made.close()
    absent = Transport(f"unix://{tmp_path}/no.sock", observe=lambda *what: seen.append(what))
    with pytest.raises(EngineUnreachableError):
        absent.answer("ping", "/_ping")
    assert [(name, code) for name, code, _ in seen] == [("x", 403), ("events", 200), ("ping", 0)]
    assert all(seconds >= 0 for _, _, seconds in seen)


def test_silence_is_bounded_for_streams_too(engine: CannedEngine) -> None:
    """A stream whose headers do not come is given up on."""
    engine.answers["/events"] = Answer(hangs=True)
    made = Transport(engine.url, timeout=BRIEF)
    with pytest.raises(EngineUnreachableError) as caught:
        made.stream("events", "/events")
    made.close()
    assert caught.value.outcome == "timeout"


def test_a_socket_that_accepts_nobody_is_no_engine(tmp_path: Path) -> None:
    """Where the queue of connections is full nobody is waited for."""
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as first:
        listening.bind(str(tmp_path / "full.sock"))
        listening.listen(0)
        first.connect(str(tmp_path / "full.sock"))
        assert _failure(f"unix://{tmp_path}/full.sock", timeout=BRIEF).outcome == "no engine"
