"""Where an engine listens, as `DOCKER_HOST` and `--engine` write it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

PLAIN_PORT = 2375
TLS_PORT = 2376
"""The ports IANA has registered for Docker: in the clear, and with TLS."""

TAKES = "unix:///path/of.sock or tcp://host:port"
"""What is taken, in its usual spellings."""

_USUAL = "unix:///var/run/docker.sock"
_ELSEWHERE = {
    "ssh": "ssh is not spoken here: forward the engine's socket with ssh -nNT -L"
    " /run/engine/docker.sock:/var/run/docker.sock {host} and take unix:///run/engine/docker.sock",
    "npipe": "a pipe of Windows is out of reach of a Linux container: mount /var/run/docker.sock"
    f" and take {_USUAL}",
    "fd": f"fd:// is how systemd hands the engine its socket: take {_USUAL}",
}
"""What to use instead of what Docker's own client, or the engine itself, takes as well."""

_SOCKETS = ("unix", "http+unix")
_NETWORK = ("tcp", "http", "https")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A Unix socket's path, or a host (a name or an IP address, without brackets) and a port.

    Attributes:
        path: the socket's, absolute.
        host: a name or an IP address, without brackets.
        port: None where none was written: which one it is depends on TLS.
        prefix: the path that a proxy serves the engine's API below, without a slash at its end.
        tls: whether TLS is asked for by the spelling itself, `https://`.
    """

    path: str = ""
    host: str = ""
    port: int | None = None
    prefix: str = ""
    tls: bool = False

    def __str__(self) -> str:
        if self.path:
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{'https' if self.tls else 'tcp'}://{host}{port}{self.prefix}"


def parse_endpoint(text: str) -> Endpoint:
    """An endpoint from its text, in each spelling that Docker's client or its SDKs take.

    Raises:
        ValueError: it is none that can be spoken to; the message says what is taken.
    """
    text = _bare(text)
    scheme, _, rest = text.partition(":") if "/" in text else ("", "", text)
    socket = _socket(scheme, rest, text)
    if socket is not None:
        return Endpoint(path=socket)
    try:
        network = _network(text)
    except ValueError:
        network = None  # its words are about URLs
    if network is not None:
        return network
    raise ValueError(f"takes {TAKES}{_instead(text)}")


def _bare(text: str) -> str:
    """Without blanks, a line end of Windows and quotes around it, which env files leave there."""
    text = text.strip()
    for quote in ("'", '"'):
        if len(text) > 1 and text.startswith(quote) and text.endswith(quote):
            text = text[1:-1].strip()
    return text


def _socket(scheme: str, rest: str, text: str) -> str | None:
    """The absolute path of a socket, None where it names none."""
    if text.startswith("/"):
        path = text
    elif scheme in _SOCKETS:
        path = rest.removeprefix("//")
        path = unquote(path) if scheme != "unix" else path
        # `unix://var/run/docker.sock`: as in Docker's SDK for Python, never a relative path.
        path = path if path.startswith("/") or "/" not in path else f"/{path}"
    else:
        return None
    return path if path.startswith("/") and path.strip("/") and path.isprintable() else None


def _network(text: str) -> Endpoint | None:
    """A host and its port, None where it names none.

    Raises:
        ValueError: it cannot be read as a URL.
    """
    bare = "://" not in text
    parts = urlsplit(f"tcp://{text}" if bare else text)
    extra = parts.query or parts.fragment or parts.username or "%" in parts.netloc
    if parts.scheme not in _NETWORK or not parts.hostname or extra or not text.isprintable():
        return None
    if bare and (parts.port is None or parts.path.strip("/")):
        return None
    tls = parts.scheme == "https"
    return Endpoint(host=parts.hostname, port=parts.port, prefix=parts.path.rstrip("/"), tls=tls)


def _instead(text: str) -> str:
    scheme, _, rest = text.partition("://")
    advice = _ELSEWHERE.get(scheme, "")
    host = rest.partition("/")[0] or "USER@HOST"
    return f"; {advice.format(host=host)}" if advice else ""
