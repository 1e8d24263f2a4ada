"""A small engine on a Unix socket whose every answer a test scripts.

It speaks real HTTP over a real socket: what a client does with it, it does with an engine. Event
streams are filtered as an engine filters them, and fed line by line by the test.
"""

from __future__ import annotations

import json
import re
import select
import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socket import SHUT_RDWR
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, unquote, urlsplit

from selfinspect import times
from selfinspect.jsonread import sequence, text

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from selfinspect.model import Json

_FIXTURES = Path(__file__).parents[1] / "fixtures" / "engine"
_PATIENCE = 60.0
"""Seconds after which a test that waits for something that never comes is told so."""


def recorded(name: str) -> dict[str, Json]:
    """A recorded document of an engine: `fixtures/engine/<name>.json`."""
    document: dict[str, Json] = json.loads((_FIXTURES / f"{name}.json").read_text())
    return document


def recorded_events(name: str) -> list[dict[str, Json]]:
    """A recorded excerpt of an event stream: `fixtures/engine/<name>.jsonl`."""
    lines = (_FIXTURES / f"{name}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        status: the HTTP status.
        body: sent as it is where it is bytes, else as JSON.
        headers: beside Content-Type and Content-Length.
        raw: sent instead of all this, whatever it is; then the connection is closed.
        hangs: nothing is sent, or nothing more than `raw`, until the engine closes.
        drips: the body comes byte by byte and never ends.
        after: sent only once this is set.
    """

    status: int = 200
    body: Json | bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    hangs: bool = False
    drips: bool = False
    after: threading.Event | None = None


PING = Answer(
    body=b"OK",
    headers={"Api-Version": "1.41", "Server": "Docker/20.10.24 (linux)", "Ostype": "linux"},
)
UNKNOWN = Answer(404, {"message": "page not found"})


class CannedEngine:
    """Serves scripted answers on a Unix socket for as long as its context lasts.

    Attributes:
        answers: by path, without the version before it and the query behind it. A path that is
            not there answers 404; `/events` that is not there answers a stream of events, and a
            log that is not there one that is fed by `print`.
        held: the events that are replayed to who asks for the past, the newest 256.
        requests: each request in order, `GET /v1.41/info`.
        headers: the headers of each request, in the same order.
        separator: what stands before each event; json-seq has a record separator there.
        holds_back: as a proxy that buffers does, send nothing of a stream without end.
        connections: how many connections were accepted.
        closed: set once the engine goes away.
    """

    def __init__(self, socket_path: Path) -> None:
        self.answers: dict[str, Answer] = {"/_ping": PING}
        self.held: deque[Mapping[str, Json]] = deque(maxlen=256)
        self.requests: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.connections = 0
        self.holds_back = False
        self.separator = b""
        self._path = socket_path
        self._changed = threading.Condition()
        self._streams: list[EventStream] = []
        self._logs: list[EventStream] = []
        self._open: set[socket.socket] = set()
        self._server: _Server | None = None
        self.closed = threading.Event()

    @property
    def url(self) -> str:
        """The endpoint, as `--engine` takes it."""
        return f"unix://{self._path}"

    def knows(self, inspect: Json, *, image: Json = None, stats: Json = None) -> None:
        """Answer for a running container, and its image and stats where they are given."""
        assert isinstance(inspect, dict)
        identifier = inspect["Id"]
        self.answers[f"/containers/{identifier}/json"] = Answer(body=inspect)
        self.answers["/containers/json"] = Answer(body=[{"Id": identifier}])
        if not self.held:
            self.held.extend(_beginning(inspect))
        if image is not None:
            self.answers[f"/images/{inspect['Image']}/json"] = Answer(body=image)
        if stats is not None:
            self.answers[f"/containers/{identifier}/stats"] = Answer(body=stats)

    def emit(self, event: Mapping[str, Json]) -> None:
        """Hold an event, and send it to every open stream whose filter lets it through."""
        self.held.append(event)
        line = self.separator + json.dumps(event).encode() + b"\n"
        with self._changed:
            for stream in self._streams:
                if stream.admits(event):
                    stream.send(line)

    def emit_line(self, line: bytes) -> None:
        """Send a line to every open stream, whatever it is."""
        with self._changed:
            for stream in self._streams:
                stream.send(line)

    def print(self, frames: bytes) -> None:
        """Send more of a log to whoever follows it."""
        with self._changed:
            for stream in self._logs:
                stream.send(frames)

    def end_logs(self) -> None:
        """End every log that is followed, as HTTP ends an answer."""
        with self._changed:
            for stream in self._logs:
                stream.finish(b"0\r\n\r\n")
            self._logs.clear()

    def wait_for_logs(self, count: int) -> None:
        """Wait until this many logs are followed."""
        self._wait(lambda: len(self._logs) == count)

    def end_streams(self) -> None:
        """End every event stream as HTTP ends an answer."""
        with self._changed:
            for stream in self._streams:
                stream.finish(b"0\r\n\r\n")
            self._streams.clear()

    def cut_streams(self) -> None:
        """Break every event stream off in the middle of a chunk."""
        with self._changed:
            for stream in self._streams:
                stream.finish(b"ff\r\n{")
            self._streams.clear()

    def wait_for_streams(self, count: int = 2) -> None:
        """Wait until this many event streams are open."""
        self._wait(lambda: len(self._streams) == count)

    def wait_for_requests(self, count: int, matching: str = "") -> None:
        """Wait until this many requests that match a pattern were made."""
        self._wait(lambda: len(self.matching(matching)) >= count)

    def matching(self, pattern: str) -> list[str]:
        """The requests in which a regular expression is found."""
        return [request for request in self.requests if re.search(pattern, request)]

    def start(self) -> None:
        """Listen."""
        self.closed.clear()
        self._server = _Server(self._path, self)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self, *, unlink: bool = True) -> None:
        """Close the socket and every connection, and remove the socket's file."""
        self.closed.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        with self._changed:
            self._streams.clear()
            for connection in self._open:
                _hang_up(connection)
        self._wait(lambda: not self._open)
        if unlink:
            self._path.unlink(missing_ok=True)

    def note(self, request: str, headers: Mapping[str, str]) -> None:
        """A request came."""
        with self._changed:
            self.headers.append(headers)
            self.requests.append(request)
            self._changed.notify_all()

    @contextmanager
    def connection(self, connection: socket.socket) -> Iterator[None]:
        """A client is connected for as long as the context lasts."""
        with self._changed:
            self.connections += 1
            self._open.add(connection)
        try:
            yield
        finally:
            with self._changed:
                self._open.discard(connection)
                self._changed.notify_all()

    @contextmanager
    def following(self, stream: EventStream, *, log: bool) -> Iterator[None]:
        """A client follows events, or a log, for as long as the context lasts."""
        among = self._logs if log else self._streams
        with self._changed:
            stream.begin()
            among.append(stream)
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                if stream in among:
                    among.remove(stream)
                self._changed.notify_all()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait(self, reached: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(reached, _PATIENCE), "what was waited for never came"


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, path: Path, engine: CannedEngine) -> None:
        self.engine = engine
        super().__init__(str(path), _Handler)


class EventStream:
    """One open answer to `/events`."""

    def __init__(self, handler: _Handler, filters: Mapping[str, list[str]]) -> None:
        self._handler = handler
        self._filters = filters
        self.ended = threading.Event()

    def admits(self, event: Mapping[str, Json]) -> bool:
        """Whether the event passes, as moby's daemon/events/filter.go has it."""
        actor = event.get("Actor")
        called = (text(actor, "ID") or "", text(actor, "Attributes", "name") or "")
        containers, types = self._filters.get("container"), self._filters.get("type")
        return (
            containers is None
            or any(each.startswith(name) for name in containers for each in called)
        ) and (types is None or event.get("Type") in types)

    def begin(self) -> None:
        """Send the headers."""
        self._handler.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )

    def send(self, line: bytes) -> None:
        """Send one chunk."""
        self._handler.send(b"%x\r\n%s\r\n" % (len(line), line))

    def finish(self, last: bytes) -> None:
        """Send these bytes, then hang up."""
        self._handler.send(last)
        self.ended.set()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle(self) -> None:
        with self.server.engine.connection(self.connection):
            super().handle()
            _hang_up(self.connection)

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def send(self, data: bytes) -> None:
        """Write, unless the client has gone."""
        try:
            self.connection.sendall(data)
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def _answer(self) -> None:
        engine = self.server.engine
        engine.note(f"{self.command} {self.path}", dict(self.headers.items()))
        target = urlsplit(self.path)
        path = re.sub(r"^/v\d+\.\d+(?=/)", "", unquote(target.path))
        answer = engine.answers.get(path)
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        if answer is None and path == "/events":
            filters = json.loads(query.get("filters", "{}"))
            if "until" in query:
                self._replay(filters, query.get("since", "0.0"))
            elif self.server.engine.holds_back:
                self._send(Answer(hangs=True))
            else:
                self._stream(filters)
        elif answer is None and path.endswith("/logs"):
            self._stream({}, log=True)
        else:
            self._send(answer or UNKNOWN)

    def _replay(self, filters: Mapping[str, list[str]], since: str) -> None:
        seconds, nanoseconds = map(int, since.split("."))
        stream = EventStream(self, filters)
        stream.begin()
        for event in tuple(self.server.engine.held):
            when = event.get("timeNano")
            if (
                isinstance(when, int)
                and when >= seconds * 10**9 + nanoseconds
                and stream.admits(event)
            ):
                separator = self.server.engine.separator
                stream.send(separator + json.dumps(event).encode() + b"\n")
        stream.finish(b"0\r\n\r\n")

    def _stream(self, filters: Mapping[str, list[str]], *, log: bool = False) -> None:
        stream = EventStream(self, filters)
        self.close_connection = True
        with self.server.engine.following(stream, log=log):
            self._watch(stream.ended)

    def _watch(self, ended: threading.Event) -> None:
        """Return when the stream has ended, the client has gone, or the engine closes."""
        # No timeout of the socket's: an event is not to be cut because the agent is slow to read.
        watched = select.poll()
        watched.register(self.connection, select.POLLIN)
        while not (ended.is_set() or self.server.engine.closed.is_set()):
            try:
                if watched.poll(20) and not self.connection.recv(1):
                    return
            except OSError:
                return

    def _send(self, answer: Answer) -> None:
        if answer.after is not None:
            answer.after.wait(_PATIENCE)
        if answer.raw is not None or answer.hangs:
            self.send(answer.raw or b"")
            self.close_connection = True
            if answer.hangs:
                self._watch(threading.Event())
        else:
            self.send(b"".join(self._head(answer)))
            if answer.drips:
                self._drip()
            elif self.command != "HEAD":
                self.send(_body(answer))

    def _head(self, answer: Answer) -> Iterator[bytes]:
        kind = "text/plain" if isinstance(answer.body, bytes) else "application/json"
        length = 2**20 if answer.drips else len(_body(answer))
        headers = {"Content-Type": kind, "Content-Length": str(length), **answer.headers}
        yield f"HTTP/1.1 {answer.status} Whatever\r\n".encode()
        for name, value in headers.items():
            yield f"{name}: {value}\r\n".encode()
        yield b"\r\n"

    def _drip(self) -> None:
        self.close_connection = False
        while not self.close_connection and not self.server.engine.closed.wait(0.005):
            self.send(b" ")
        self.close_connection = True


def _beginning(inspect: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    """The events of a container that was created and started, as far as its document says."""
    checks = sequence({**inspect}, "State", "Health", "Log")
    moments = {
        "create": text({**inspect}, "Created"),
        "start": text({**inspect}, "State", "StartedAt"),
        f"health_status: {text({**inspect}, 'State', 'Health', 'Status')}": (
            text(checks[0], "End") if checks else None
        ),
    }
    for action, moment in moments.items():
        if moment is not None:
            actor: Json = {"ID": inspect["Id"], "Attributes": {}}
            when = times.nanoseconds(moment)
            yield {"Type": "container", "Action": action, "Actor": actor, "timeNano": when}


def _body(answer: Answer) -> bytes:
    return answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(SHUT_RDWR)
    except OSError:
        return  # the other side was faster
