"""Where an engine listens, as `DOCKER_HOST` and `--engine` write it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

PLAIN_PORT = 2375
TLS_PORT = 2376
"""The ports IANA has registered for Docker: in the clear, and with TLS."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A Unix socket's path, or a host (a name or an IP address, without brackets) and a port.

    `port` is None where none was written: which one it is depends on TLS.
    """

    path: str = ""
    host: str = ""
    port: int | None = None

    def __str__(self) -> str:
        if self.path:
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}" + ("" if self.port is None else f":{self.port}")


def parse_endpoint(text: str) -> Endpoint:
    """An endpoint from its text.

    Raises:
        ValueError: it is neither `unix:///path` nor `tcp://host:port`.
    """
    if text.startswith("unix:///") and len(text) > len("unix:///"):
        return Endpoint(path=text.removeprefix("unix://"))
    try:
        parts = urlsplit(text)
        extra = parts.path.rstrip("/") or parts.query or parts.fragment or parts.username
        if parts.scheme == "tcp" and parts.hostname and not extra and "%" not in parts.netloc:
            return Endpoint(host=parts.hostname, port=parts.port)
    except ValueError:
        pass  # its words are about URLs
    raise ValueError("takes unix:///path/of.sock or tcp://host:port")
