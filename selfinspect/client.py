"""Finds the agent of this container and asks it, with little of the standard library.

It speaks HTTP/1.0 itself, where an answer ends with its connection: `http.client` takes 25 ms to
load, longer than an app should wait at its start.
"""

from __future__ import annotations

import _thread
import json
import os
import socket
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from selfinspect import files
from selfinspect.errors import NotAvailable
from selfinspect.listen import URI_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selfinspect.model import Self

TOKEN_FILE = "/run/selfinspect/token"  # noqa: S105 - where it is, not what

OK = 200
UNAUTHORIZED = 401
_UNAVAILABLE = 503
_FOR_EVERYONE = ("/healthz", "/readyz")
_DEFAULT_PORT = 80
_LARGEST_ANSWER = 16 << 20  # an engine's inspect, of which ours is made, is 8 MiB at most
_LONGEST_HEAD = 65_536
_CHUNK = 65_536
_LOOPBACK = 127
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0


class AgentAddress(NamedTuple):
    """Where an agent is.

    Attributes:
        uri: `http://host:port`, or `http+unix://` with a percent-encoded path.
        trusted: whether it may get our token: not where CMD's user could have written the address.
    """

    uri: str
    trusted: bool = True


class Reply(NamedTuple):
    """An agent's answer: its status, its media type and its body."""

    status: int
    media_type: str
    body: bytes


def me(timeout: float = 5.0) -> Self:
    """What this container's agent answers at `/v1/self`; for an app at its start.

    It waits for an agent that is not ready yet.

    Args:
        timeout: seconds to wait in all.

    Raises:
        NotAvailable: no agent is named here, or it did not answer in that time.
    """
    deadline, pause = time.monotonic() + timeout, FIRST_PAUSE
    agent = find(os.environ)
    if agent is None:
        raise NotAvailable(
            "no agent found: neither SELFINSPECT_URI nor /run/selfinspect/uri names one",
            hint="start the app with `selfinspect run -- …`",
        )
    while True:
        left = max(deadline - time.monotonic(), 0.001)
        reply = ask(agent, "/v1/self", timeout=left, accept="application/json")
        if reply is not None and reply.status == OK:
            return _own(agent, reply)
        again = reply is None or reply.status == _UNAVAILABLE
        if not again or time.monotonic() + pause >= deadline:
            raise _refusal(agent, reply)
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def find(environ: Mapping[str, str], uri_file: str = URI_FILE) -> AgentAddress | None:
    """Where this container's agent is: `SELFINSPECT_URI`, else the file PID 1 left.

    The file is believed where root, our own user or PID 1's has written it, in a folder of one of
    these, and only if the address stays in this container or is what `--listen` says.

    Never a guess: in a shared network namespace the usual port may be a neighbour's.
    """
    named = environ.get("SELFINSPECT_URI")
    if named:
        return AgentAddress(named)
    try:
        content, *statuses = files.read_with_owners(uri_file)
        uri = content.decode("ascii").partition("\n")[0].strip()
        believed = {0, os.geteuid(), os.stat("/proc/1").st_uid}  # noqa: PTH116
    except (OSError, UnicodeDecodeError):
        return None
    if not all(status.st_uid in believed for status in statuses):
        return None
    if not uri.isprintable() or not (_stays_inside(uri) or uri in _listened(environ)):
        return None
    return AgentAddress(uri, trusted=all(map(files.is_roots, statuses)))


def ask(agent: AgentAddress, path: str, *, timeout: float, accept: str = "*/*") -> Reply | None:
    """GET a path of an agent; None where nobody answers there, or with more than 16 MiB.

    The token in the file that `SELFINSPECT_TOKEN_FILE` names goes to a trusted agent alone.

    Args:
        agent: as `find` gives it.
        path: with its leading slash, percent-encoded.
        timeout: seconds until the whole answer is there.
        accept: the Accept header.
    """
    deadline = time.monotonic() + timeout
    try:
        with _connect(agent.uri, deadline) as connection:
            connection.sendall(_request(agent, path, accept))
            answer = bytearray()
            while chunk := _receive(connection, deadline):
                answer += chunk
                if len(answer) > _LARGEST_ANSWER:
                    return None
        head, _, body = bytes(answer).partition(b"\r\n\r\n")
        status, headers = _read_head(head)
        if len(body) != int(headers.get("content-length", len(body))):
            return None
    except (OSError, ValueError):
        return None
    return Reply(status, headers.get("content-type", "").partition(";")[0].strip(), body)


def follow(
    agent: AgentAddress,
    path: str,
    *,
    timeout: float,
    accept: str = "*/*",
    silence: float | None = None,
) -> Iterator[bytes] | None:
    """The lines of an answer that goes on, as they come; None where none begins.

    It ends when the agent does, and with a line longer than 16 MiB.

    Args:
        agent: as `ask` takes it.
        path: with its leading slash, percent-encoded.
        timeout: seconds for the connection and the answer's beginning.
        accept: the Accept header.
        silence: seconds without data after which it counts as ended; None for no bound.
    """
    deadline = time.monotonic() + timeout
    connection = None
    try:
        connection = _connect(agent.uri, deadline)
        connection.sendall(_request(agent, path, accept))
        begun = b""
        while b"\r\n\r\n" not in begun and len(begun) <= _LONGEST_HEAD:
            if not (chunk := _receive(connection, deadline)):
                break
            begun += chunk
        head, _, body = begun.partition(b"\r\n\r\n")
        if _read_head(head)[0] == OK:
            connection.settimeout(silence)
            return _lines(connection, body)
    except (OSError, ValueError):
        pass
    if connection is not None:
        connection.close()
    return None


def _lines(connection: socket.socket, begun: bytes) -> Iterator[bytes]:
    """The lines that begin with these bytes and go on in what a connection brings."""
    with closing(connection), suppress(OSError):
        while len(begun) <= _LARGEST_ANSWER:
            *whole, begun = begun.split(b"\n")
            yield from (line + b"\n" for line in whole)
            if not (chunk := connection.recv(_CHUNK)):
                break
            begun += chunk
        if begun:
            yield begun


def _stays_inside(uri: str) -> bool:
    """Whether an address is the loopback's or a Unix socket's, as PID 1 writes it."""
    scheme, _, place = uri.partition("://")
    if scheme == "http+unix":
        return unquote(place).startswith("/") and "/" not in place
    host, _, port = place.rpartition(":")
    if scheme not in ("http", "https") or not port.isdecimal():
        return False
    try:
        return host == "[::1]" or socket.inet_pton(socket.AF_INET, host)[0] == _LOOPBACK
    except OSError:
        return False


def _listened(environ: Mapping[str, str]) -> set[str]:
    """The addresses of `--listen`, from its variable and PID 1's command line."""
    words = environ.get("SELFINSPECT_LISTEN", "").split(",")
    try:
        command = files.read("/proc/1/cmdline", _LONGEST_HEAD).decode(errors="replace")
    except OSError:
        command = ""
    options = [word.removeprefix("--listen=") for word in command.split("\0")]
    return {
        f"{scheme}://{word.strip()}" for word in [*words, *options] for scheme in ("http", "https")
    }


def _connect(uri: str, deadline: float) -> socket.socket:
    parts = urlsplit(uri)
    if parts.scheme == "http+unix":
        return _connected(socket.AF_UNIX, unquote(parts.netloc), deadline)
    if parts.scheme != "http" or parts.hostname is None:
        raise ValueError(f"{uri!r} is not an agent's address")
    failure = OSError("host not found")
    for family, address in _addresses(parts.hostname, parts.port or _DEFAULT_PORT, deadline):
        try:
            return _connected(family, address, deadline)
        except OSError as error:
            failure = error
    raise failure


def _connected(family: int, address: str | tuple[object, ...], deadline: float) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(_left(deadline))
        connection.connect(address)
        connection.settimeout(_left(deadline))
    except OSError:
        connection.close()
        raise
    return connection


def _addresses(host: str, port: int, deadline: float) -> list[tuple[int, tuple[object, ...]]]:
    """Where a host is; DNS, which takes no timeout, is waited for until the deadline."""
    found: list[tuple[int, tuple[object, ...]]] = []
    over = _thread.allocate_lock()

    def look_up(flags: int = 0) -> None:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
        found.extend((family, address) for family, _, _, _, address in infos)

    def look_up_and_say() -> None:
        with suppress(OSError, ValueError):
            look_up()
        over.release()

    with suppress(OSError):
        look_up(socket.AI_NUMERICHOST)
        return found
    over.acquire()
    _thread.start_new_thread(look_up_and_say, ())  # `threading` takes 2 ms to load
    if not over.acquire(timeout=_left(deadline)):
        raise TimeoutError
    return found


def _receive(connection: socket.socket, deadline: float) -> bytes:
    connection.settimeout(_left(deadline))
    return connection.recv(_CHUNK)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _request(agent: AgentAddress, path: str, accept: str) -> bytes:
    headers = {"Host": "localhost", "Accept": accept}
    if agent.trusted and path not in _FOR_EVERYONE and (token := _token()):
        headers["Authorization"] = f"Bearer {token}"
    lines = [f"GET {path} HTTP/1.0", *(f"{name}: {value}" for name, value in headers.items())]
    if " " in path or not all(line.isascii() and line.isprintable() for line in lines):
        raise ValueError(f"{path!r} is not a path that HTTP can carry")
    return "\r\n".join([*lines, "", ""]).encode()


def _token() -> str | None:
    """The first line of the file that `SELFINSPECT_TOKEN_FILE` names, None where there is none."""
    named = os.environ.get("SELFINSPECT_TOKEN_FILE")
    if not named:
        return None
    try:
        # A `docker exec` sees the image's `auto`, not the path that PID 1 gave its command.
        path = TOKEN_FILE if named == "auto" else named
        content = files.read(path) if path.startswith(TOKEN_FILE) else files.read_named(path)
        return content.decode().partition("\n")[0].strip() or None
    except (OSError, ValueError):
        return None


def _read_head(head: bytes) -> tuple[int, dict[str, str]]:
    """The status and the headers, their names in lower case, of what stands before a body."""
    first, *lines = head.split(b"\r\n")
    version, _, status = first.partition(b" ")
    if not version.startswith(b"HTTP/1."):
        raise ValueError("the answer is not HTTP")
    pairs = (line.decode("latin-1").partition(":") for line in lines)
    return int(status[:3]), {name.lower(): value.strip() for name, _, value in pairs}


def _own(agent: AgentAddress, reply: Reply) -> Self:
    # The records take longer to load than all the rest: an app without an agent goes without.
    from selfinspect.records import read_self  # noqa: PLC0415

    try:
        return read_self(json.loads(reply.body))
    except (ValueError, RecursionError) as error:
        raise NotAvailable(f"what answers at {agent.uri} is not an agent: {error}") from error


def _refusal(agent: AgentAddress, reply: Reply | None) -> NotAvailable:
    """Why there is no document: the agent's problem detail and hint, if it sent any."""
    if reply is None:
        return NotAvailable(f"no agent answers at {agent.uri}")
    problem = None
    with suppress(ValueError, RecursionError):
        problem = json.loads(reply.body)
    if not isinstance(problem, dict):
        problem = {}
    detail, hint = problem.get("detail", f"it answers {reply.status}"), problem.get("hint")
    if reply.status == UNAUTHORIZED and not agent.trusted:
        hint = "a token goes only to the agent that SELFINSPECT_URI names"
    shown = _printable(f"the agent at {agent.uri}: {detail}")
    return NotAvailable(shown, hint=None if hint is None else _printable(str(hint)))


def _printable(text: str) -> str:
    """A text without the control characters that would act on an app's log or terminal."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
