"""Finds the agent of this container and asks it. Standard library alone."""

from __future__ import annotations

import socket
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

URI_FILE = "/run/selfinspect/uri"


class Reply(NamedTuple):
    """An agent's answer: its status, its media type and its body."""

    status: int
    media_type: str
    body: bytes


def find(environ: Mapping[str, str], uri_file: str = URI_FILE) -> str | None:
    """Where this container's agent is: `SELFINSPECT_URI`, else the file PID 1 left.

    Never a guess: in a shared network namespace the usual port may be a neighbour's.
    """
    uri = environ.get("SELFINSPECT_URI")
    if uri:
        return uri
    try:
        return Path(uri_file).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def ask(uri: str, path: str, *, timeout: float, accept: str = "*/*") -> Reply | None:
    """GET a path of an agent; None where nobody answers there.

    Args:
        uri: `http://host:port`, or `http+unix://` with a percent-encoded path.
        path: with its leading slash, percent-encoded.
        timeout: seconds for each step of the connection.
        accept: the Accept header.
    """
    try:
        with closing(_connection(uri, timeout)) as connection:
            connection.request("GET", path, headers={"Accept": accept})
            response = connection.getresponse()
            media_type = response.headers.get_content_type()
            return Reply(response.status, media_type, response.read())
    except (OSError, HTTPException, ValueError):
        return None


def follow(uri: str, path: str, *, timeout: float) -> Iterator[bytes] | None:
    """The lines of an answer that goes on, as they come; None where none begins.

    It ends when the agent does.

    Args:
        uri: as `ask` takes it.
        path: with its leading slash, percent-encoded.
        timeout: seconds for the connection and the answer's beginning.
    """
    connection = None
    try:
        connection = _connection(uri, timeout)
        connection.request("GET", path)
        response = connection.getresponse()
        if response.status == HTTPStatus.OK:
            connection.sock.settimeout(None)
            return _lines(connection, response)
    except (OSError, HTTPException, ValueError):
        pass
    if connection is not None:
        connection.close()
    return None


def _lines(connection: HTTPConnection, response: HTTPResponse) -> Iterator[bytes]:
    with closing(connection), suppress(OSError, HTTPException):
        yield from response


def _connection(uri: str, timeout: float) -> HTTPConnection:
    parts = urlsplit(uri)
    if parts.scheme == "http+unix":
        return _UnixConnection(unquote(parts.netloc), timeout)
    if parts.scheme != "http" or parts.hostname is None:
        raise ValueError(f"{uri!r} is no agent's address")
    return HTTPConnection(parts.hostname, parts.port, timeout=timeout)


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
