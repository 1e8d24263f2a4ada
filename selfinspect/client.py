"""Finds the agent of this container and asks it, with little of the standard library.

It speaks HTTP/1.0 itself, where an answer ends with its connection: `http.client` takes 25 ms to
load, longer than an app should wait at its start. An image's health check loads this module each
minute in every container: it goes without `contextlib`, `json`, `socket`, `typing` and `urllib`,
which together take twice what the interpreter does.
"""

from __future__ import annotations

import _thread
import os
import time

from selfinspect import files
from selfinspect.listen import DEFAULT_API, URI_FILE, parse_listen, unquoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

    from selfinspect.errors import NotAvailable
    from selfinspect.model import Self
else:
    import _socket as socket  # all of it that is used here

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


class AgentAddress:
    """Where an agent is.

    Attributes:
        uri: `http://host:port`, or `http+unix://` with a percent-encoded path.
        trusted: whether it may get our token: not where CMD's user could have written the address.
    """

    __slots__ = ("trusted", "uri")

    def __init__(self, uri: str, *, trusted: bool = True) -> None:
        self.uri = uri
        self.trusted = trusted


class Reply:
    """An agent's answer: its status, its media type and its body."""

    __slots__ = ("body", "media_type", "status")

    def __init__(self, status: int, media_type: str, body: bytes) -> None:
        self.status = status
        self.media_type = media_type
        self.body = body


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
        raise _unavailable(
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
        connection = _connect(agent.uri, deadline)
        try:
            connection.sendall(_request(agent, path, accept))
            answer = bytearray()
            while chunk := _receive(connection, deadline):
                answer += chunk
                if len(answer) > _LARGEST_ANSWER:
                    return None
        finally:
            connection.close()
        head, _, body = bytes(answer).partition(b"\r\n\r\n")
        status, headers = _read_head(head)
        if len(body) != int(headers.get("content-length", len(body))):
            return None
    except (OSError, OverflowError, ValueError):
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
    except (OSError, OverflowError, ValueError):
        pass
    if connection is not None:
        connection.close()
    return None


def unhealthy(
    environ: Mapping[str, str], uri_file: str = URI_FILE, *, timeout: float = 5.0
) -> str | None:
    """Why this container's agent is not healthy, None where it is.

    Where it could not leave its address, that of `SELFINSPECT_LISTEN` or the default is asked,
    provided that a process of this container listens there: else it is a neighbour's.

    Raises:
        ValueError: `SELFINSPECT_LISTEN` is no address.
    """
    agent = find(environ, uri_file)
    if agent is None:
        from selfinspect.kernel.processes import listens_here  # noqa: PLC0415 - for this alone

        listen = environ.get("SELFINSPECT_LISTEN")
        address = parse_listen(listen.split(",")[0]) if listen else DEFAULT_API
        agent = AgentAddress(address.uri())
        if not (address.path or listens_here(address.port)):
            return f"no agent listens here at {agent.uri}"
    reply = ask(agent, "/healthz", timeout=timeout)
    if reply is None:
        return f"the agent at {agent.uri} does not answer"
    return None if reply.status == OK else f"the agent at {agent.uri} answers {reply.status}"


def _lines(connection: socket.socket, begun: bytes) -> Iterator[bytes]:
    """The lines that begin with these bytes and go on in what a connection brings."""
    try:
        while len(begun) <= _LARGEST_ANSWER:
            *whole, begun = begun.split(b"\n")
            yield from (line + b"\n" for line in whole)
            if not (chunk := connection.recv(_CHUNK)):
                break
            begun += chunk
        if begun:
            yield begun
    except OSError:
        return
    finally:
        connection.close()


def _stays_inside(uri: str) -> bool:
    """Whether an address is the loopback's or a Unix socket's, as PID 1 writes it."""
    scheme, _, place = uri.partition("://")
    host, _, port = place.rpartition(":")
    try:
        if scheme == "http+unix":
            return unquoted(place).startswith("/") and "/" not in place
        if scheme not in ("http", "https") or not port.isdecimal():
            return False
        return host == "[::1]" or socket.inet_pton(socket.AF_INET, host)[0] == _LOOPBACK
    except (OSError, ValueError):
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
    scheme, _, rest = uri.partition("://")
    place = rest.partition("/")[0]
    if scheme == "http+unix":
        return _connected(socket.AF_UNIX, unquoted(place), deadline)
    host, port = _host_and_port(place)
    if scheme.lower() != "http" or not host:
        raise ValueError(f"{uri!r} is not an agent's address")
    failure = OSError("host not found")
    for family, address in _addresses(host, port, deadline):
        try:
            return _connected(family, address, deadline)
        except OSError as error:
            failure = error
    raise failure


def _host_and_port(place: str) -> tuple[str, int]:
    """What stands between `http://` and the path; an IPv6 address is in brackets there."""
    host, colon, port = place.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = place, ""
    if host.startswith("[") != host.endswith("]"):
        raise ValueError(f"{place!r} is not a host and a port")
    return host.strip("[]"), int(port or _DEFAULT_PORT)


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
    name = host.encode() if host.isascii() else host  # of text it loads the codec of IDNA

    def look_up(flags: int = 0) -> None:
        infos = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=flags)
        found.extend((family, address) for family, _, _, _, address in infos)

    def look_up_and_say() -> None:
        try:
            look_up()
        except (OSError, ValueError):
            return
        finally:
            over.release()

    try:
        look_up(socket.AI_NUMERICHOST)
    except OSError:
        pass
    else:
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
    import json  # noqa: PLC0415

    from selfinspect.records import read_self  # noqa: PLC0415

    try:
        return read_self(json.loads(reply.body))
    except (ValueError, RecursionError) as error:
        raise _unavailable(f"what answers at {agent.uri} is not an agent: {error}") from error


def _unavailable(detail: str, hint: str | None = None) -> NotAvailable:
    from selfinspect.errors import NotAvailable  # noqa: PLC0415 - it loads `typing`

    return NotAvailable(detail, hint=hint)


def _refusal(agent: AgentAddress, reply: Reply | None) -> NotAvailable:
    """Why there is no document: the agent's problem detail and hint, if it sent any."""
    import json  # noqa: PLC0415

    if reply is None:
        return _unavailable(f"no agent answers at {agent.uri}")
    try:
        problem = json.loads(reply.body)
    except (ValueError, RecursionError):
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    detail, hint = problem.get("detail", f"it answers {reply.status}"), problem.get("hint")
    if reply.status == UNAUTHORIZED and not agent.trusted:
        hint = "a token goes only to the agent that SELFINSPECT_URI names"
    shown = _printable(f"the agent at {agent.uri}: {detail}")
    return _unavailable(shown, hint=None if hint is None else _printable(str(hint)))


def _printable(text: str) -> str:
    """A text without the control characters that would act on an app's log or terminal."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
