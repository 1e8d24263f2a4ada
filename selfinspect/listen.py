"""Addresses to listen on: what options say, and the URI by which a client finds them. Pure.

PID 1 loads this module, so it goes without `dataclasses` (1.5 MiB) and `urllib.parse`, and loads
`ipaddress` (0.6 MiB) only where an option names an address.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

URI_FILE = "/run/selfinspect/uri"
"""Where that URI stands, for those who do not see the environment of `run`'s command."""

_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound
_LAST_PORT = 65535
_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"


class ListenAddress:
    """A literal IP address and a port (0 for any free one), or the path of a Unix socket."""

    __slots__ = ("host", "path", "port")

    def __init__(self, host: str = "", port: int = 0, *, path: str = "") -> None:
        self.host = host
        self.port = port
        self.path = path

    def __str__(self) -> str:
        if self.path:
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __repr__(self) -> str:
        return f"<ListenAddress {self}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ListenAddress) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    @property
    def is_loopback(self) -> bool:
        """Whether only this network namespace reaches it; a Unix socket counts as such."""
        from ipaddress import ip_address  # noqa: PLC0415

        return bool(self.path) or ip_address(self.host).is_loopback

    def uri(self, *, tls: bool = False) -> str:
        """Where a client in this container finds it, wildcards through the loopback.

        A Unix socket is written `http+unix://` with its path percent-encoded.

        Args:
            tls: whether it is a listener that speaks TLS.
        """
        if self.path:
            return f"http+unix://{_quote(self.path)}"
        reachable = ListenAddress("127.0.0.1", self.port) if self.host in _WILDCARDS else self
        return f"https://{reachable}" if tls else f"http://{reachable}"


DEFAULT_API = ListenAddress("127.0.0.1", 10310)
DEFAULT_METRICS = ListenAddress("::", 10311)


def parse_listen(text: str) -> ListenAddress:
    """The address an option names: `host:port`, `[ipv6]:port` or `unix:///path`.

    The host is a literal address or `localhost`: a name would need DNS, which may be slow or
    absent, before the app has started.

    Raises:
        ValueError: the text is none of these; the message says what it takes.
    """
    from ipaddress import ip_address  # noqa: PLC0415

    if text.startswith("unix:///") and len(text) > len("unix:///"):
        return ListenAddress(path=text.removeprefix("unix://"))
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    literal = host[1:-1] if bracketed else host
    try:
        address = ip_address("127.0.0.1" if literal == "localhost" else literal)
        number = int(port)
    except ValueError:
        pass
    else:
        if (":" in literal) is bracketed and port.isdigit() and number <= _LAST_PORT:
            return ListenAddress(str(address), number)
    raise ValueError(
        f"{text!r}: takes host:port, [ipv6]:port (a literal address or localhost) or unix:///path"
    )


def uri_of(addresses: Sequence[ListenAddress], *, tls: bool) -> str | None:
    """Where a client in this container is best sent: in the clear, where that stays inside.

    Args:
        addresses: where the API is served.
        tls: whether TLS is spoken beyond loopback.

    Returns:
        None where it is served nowhere.
    """
    if not addresses:
        return None
    inside = [address for address in addresses if not tls or address.is_loopback]
    return inside[0].uri() if inside else addresses[0].uri(tls=True)


def _quote(path: str) -> str:
    """Percent-encode all but the unreserved characters of RFC 3986."""
    return "".join(
        chr(byte) if byte in _UNRESERVED else f"%{byte:02X}"
        for byte in path.encode(errors="surrogateescape")
    )


def unquoted(text: str) -> str:
    """Percent-decode a path.

    Raises:
        ValueError: a percent sign has no two digits after it.
    """
    begin, *rest = text.encode(errors="surrogateescape").split(b"%")
    decoded = [bytes([int(part[:1], 16) << 4 | int(part[1:2], 16)]) + part[2:] for part in rest]
    return b"".join([begin, *decoded]).decode(errors="surrogateescape")
