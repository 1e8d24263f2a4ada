"""Finds the agent of this container and asks it. Standard library alone, and little of it.

It speaks HTTP/1.0 itself, where an answer ends with its connection: `http.client` alone would take
longer to load (25 ms) than an app may wait at its start.
"""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from selfinspect.errors import NotAvailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selfinspect.model import Self

URI_FILE = "/run/selfinspect/uri"
TOKEN_FILE = "/run/selfinspect/token"  # noqa: S105 - where it is, not what

_OK = 200
_UNAVAILABLE = 503
_DEFAULT_PORT = 80
_LONGEST_LINE = 65_536
_CHUNK = 65_536
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


class Reply(NamedTuple):
    """An agent's answer: its status, its media type and its body."""

    status: int
    media_type: str
    body: bytes


def me(timeout: float = 5.0) -> Self:
    """What this container knows about itself, as its agent tells; for an app that starts.

    It waits for an agent that is not ready yet.

    Args:
        timeout: seconds to wait in all.

    Raises:
        NotAvailable: no agent is named here, or it had no answer in that time.
    """
    uri = find(os.environ)
    if uri is None:
        raise NotAvailable(
            "no agent is known here: neither SELFINSPECT_URI nor /run/selfinspect/uri names one",
            hint="start the app with `selfinspect run -- …`",
        )
    deadline, pause = time.monotonic() + timeout, _FIRST_PAUSE
    while True:
        left = max(deadline - time.monotonic(), 0.001)
        reply = ask(uri, "/v1/self", timeout=left, accept="application/json")
        if reply is not None and reply.status == _OK:
            return _own(uri, reply)
        again = reply is None or reply.status == _UNAVAILABLE
        if not again or time.monotonic() + pause >= deadline:
            raise _refusal(uri, reply)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def find(environ: Mapping[str, str], uri_file: str = URI_FILE) -> str | None:
    """Where this container's agent is: `SELFINSPECT_URI`, else the file PID 1 left.

    Never a guess: in a shared network namespace the usual port may be a neighbour's.
    """
    return environ.get("SELFINSPECT_URI") or _line_of(uri_file)


def ask(
    uri: str, path: str, *, timeout: float, accept: str = "*/*", token: str | None = None
) -> Reply | None:
    """GET a path of an agent; None where nobody answers there.

    Args:
        uri: `http://host:port`, or `http+unix://` with a percent-encoded path.
        path: with its leading slash, percent-encoded.
        timeout: seconds until the whole answer is there.
        accept: the Accept header.
        token: the bearer token; None for what the file holds that `SELFINSPECT_TOKEN_FILE` names.
    """
    deadline = time.monotonic() + timeout
    try:
        with _connect(uri, timeout) as connection:
            connection.sendall(_request(path, accept, token))
            answer = bytearray()
            while chunk := connection.recv(_CHUNK):
                answer += chunk
                connection.settimeout(max(deadline - time.monotonic(), 0.001))
        head, _, body = bytes(answer).partition(b"\r\n\r\n")
        status, headers = _read_head(head.split(b"\r\n"))
    except (OSError, ValueError):
        return None
    if len(body) != int(headers.get("content-length", len(body))):
        return None
    return Reply(status, headers.get("content-type", "").partition(";")[0].strip(), body)


def follow(
    uri: str, path: str, *, timeout: float, accept: str = "*/*", token: str | None = None
) -> Iterator[bytes] | None:
    """The lines of an answer that goes on, as they come; None where none begins.

    It ends when the agent does.

    Args:
        uri: as `ask` takes it.
        path: with its leading slash, percent-encoded.
        timeout: seconds for the connection and the answer's beginning.
        accept: the Accept header.
        token: as `ask` takes it.
    """
    connection = None
    try:
        connection = _connect(uri, timeout)
        connection.sendall(_request(path, accept, token))
        lines = connection.makefile("rb")
        head = []
        while line := lines.readline(_LONGEST_LINE).rstrip(b"\r\n"):
            head.append(line)
        if _read_head(head)[0] == _OK:
            connection.settimeout(None)
            return _lines(connection, lines)
        lines.close()
    except (OSError, ValueError):
        pass
    if connection is not None:
        connection.close()
    return None


def _lines(connection: socket.socket, lines: Iterator[bytes]) -> Iterator[bytes]:
    with closing(connection), suppress(OSError):
        yield from lines


def _connect(uri: str, timeout: float) -> socket.socket:
    parts = urlsplit(uri)
    if parts.scheme == "http+unix":
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(timeout)
            connection.connect(unquote(parts.netloc))
        except OSError:
            connection.close()
            raise
        return connection
    if parts.scheme != "http" or parts.hostname is None:
        raise ValueError(f"{uri!r} is no agent's address")
    return socket.create_connection((parts.hostname, parts.port or _DEFAULT_PORT), timeout)


def _request(path: str, accept: str, token: str | None) -> bytes:
    headers = {"Host": "localhost", "Accept": accept}
    named = os.environ.get("SELFINSPECT_TOKEN_FILE", "")
    # A `docker exec` sees the image's word for it, not the path that PID 1 told its command.
    bearer = token or _line_of(TOKEN_FILE if named == "auto" else named)
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    lines = [f"GET {path} HTTP/1.0", *(f"{name}: {value}" for name, value in headers.items())]
    if " " in path or not all(line.isascii() and line.isprintable() for line in lines):
        raise ValueError(f"{path!r} is no path that HTTP can carry")
    return "\r\n".join([*lines, "", ""]).encode()


def _read_head(lines: list[bytes]) -> tuple[int, dict[str, str]]:
    """The status and the headers, their names in lower case, of the lines before a body."""
    version, _, status = b"".join(lines[:1]).partition(b" ")
    if not version.startswith(b"HTTP/1."):
        raise ValueError("this is no HTTP")
    pairs = (line.decode("latin-1").partition(":") for line in lines[1:])
    return int(status[:3]), {name.lower(): value.strip() for name, _, value in pairs}


def _line_of(file: str) -> str | None:
    """What a file of one line holds, None where there is none."""
    try:
        with open(file, encoding="utf-8") as lines:  # noqa: PTH123 - pathlib takes 2 ms to load
            return lines.readline().strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _own(uri: str, reply: Reply) -> Self:
    # The records take longer to load than all the rest: an app without an agent goes without.
    from selfinspect.records import read_self  # noqa: PLC0415

    try:
        return read_self(json.loads(reply.body))
    except ValueError as error:
        raise NotAvailable(f"what answers at {uri} is no agent: {error}") from error


def _refusal(uri: str, reply: Reply | None) -> NotAvailable:
    """Why there is no answer: what the agent says of it, if it says anything."""
    if reply is None:
        return NotAvailable(f"no agent answers at {uri}")
    problem = None
    with suppress(ValueError):
        problem = json.loads(reply.body)
    if not isinstance(problem, dict):
        problem = {}
    detail = problem.get("detail", f"it answers {reply.status}")
    return NotAvailable(f"the agent at {uri}: {detail}", hint=problem.get("hint"))
