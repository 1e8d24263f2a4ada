"""An engine's address, as `DOCKER_HOST` and `--engine` write it. Pure."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from shlex import quote
from urllib.parse import unquote, urlsplit

from selfinspect.frozen import dataclass

PLAIN_PORT = 2375
TLS_PORT = 2376
"""The ports that IANA has registered for Docker: without TLS, and with it."""

TAKES = "unix:///path/of.sock or tcp://host:port"
"""The usual spellings, for messages."""

_USUAL = "unix:///var/run/docker.sock"
_ELSEWHERE = {
    "ssh": "ssh is not supported: forward the engine's socket with ssh -nNT -L"
    " /run/engine/docker.sock:/var/run/docker.sock {host} and use unix:///run/engine/docker.sock",
    "npipe": "a Linux container cannot open a Windows pipe: mount /var/run/docker.sock"
    f" and use {_USUAL}",
    "fd": f"fd:// is how systemd passes the engine its socket: use {_USUAL}",
}
"""What to use instead of spellings that only Docker's own client or the engine itself takes."""

_SOCKETS = ("unix", "http+unix")
_NETWORK = ("tcp", "http", "https")
_OF_HOSTS = "-._:"
"""What a name or an address has beside letters and digits: it comes to stand in commands."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A Unix socket, or a host and a port.

    Attributes:
        path: the socket's, absolute; empty for a host.
        host: a name or an IP address, without brackets.
        port: None where none was written: the usual one then depends on TLS.
        prefix: the path below which a proxy serves the engine's API, without a slash at its end.
        tls: whether the spelling itself asks for TLS: `https://`.
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
    """An endpoint from its text, in any spelling that Docker's client or its SDKs take.

    Raises:
        ValueError: it cannot be used; the message says what can.
    """
    text = _bare(text)
    with suppress(ValueError):  # of a URL that cannot be parsed: ours says what is taken
        if found := _socket(text) or _network(text):
            return found
    raise ValueError(f"takes {TAKES}{_instead(text)}")


def _bare(text: str) -> str:
    """The text without the blanks, Windows line ends and quotes that env files leave around it."""
    text = text.strip()
    for mark in ("'", '"'):
        if len(text) > 1 and text.startswith(mark) and text.endswith(mark):
            text = text[1:-1].strip()
    return text


def _socket(text: str) -> Endpoint | None:
    """A socket by its absolute path, None for anything else."""
    scheme, _, rest = text.partition(":") if "/" in text else ("", "", text)
    path = text if text.startswith("/") else ""
    if scheme in _SOCKETS:
        path = rest.removeprefix("//")
        path = unquote(path) if scheme != "unix" else path
        # `unix://var/run/docker.sock`: as in Docker's SDK for Python, never a relative path.
        path = path if path.startswith("/") or "/" not in path else f"/{path}"
    usable = path.startswith("/") and path.strip("/") and path.isprintable()
    return Endpoint(path=path) if usable else None


def _network(text: str) -> Endpoint | None:
    """A host and its port, None for anything else.

    Raises:
        ValueError: the text cannot be parsed as a URL.
    """
    bare = "://" not in text
    parts = urlsplit(f"tcp://{text}" if bare else text)
    extra = parts.query or parts.fragment or parts.username or "%" in parts.netloc
    if parts.scheme not in _NETWORK or not parts.hostname or extra or not text.isprintable():
        return None
    if not all(each.isalnum() or each in _OF_HOSTS for each in parts.hostname):
        return None
    if bare and (parts.port is None or parts.path.strip("/")):
        return None
    tls = parts.scheme == "https"
    return Endpoint(host=parts.hostname, port=parts.port, prefix=parts.path.rstrip("/"), tls=tls)


def _instead(text: str) -> str:
    scheme, _, rest = text.partition("://")
    advice = _ELSEWHERE.get(scheme, "")
    host = rest.partition("/")[0] or "USER@HOST"
    return f"; {advice.format(host=quote(host))}" if advice else ""


def is_address(host: str) -> bool:
    """Whether it is a literal IP address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
