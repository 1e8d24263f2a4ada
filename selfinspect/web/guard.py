"""The checks before every route: who may ask, for which host, for which path, and how much.

An ASGI middleware: that costs no task, and streams pass it as well.
"""

from __future__ import annotations

import ipaddress
import time
from email.utils import formatdate
from fnmatch import fnmatchcase
from functools import lru_cache, partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from selfinspect.errors import (
    BadRequestError,
    ForbiddenError,
    MethodNotAllowedError,
    MisdirectedError,
    SelfinspectError,
    UnauthorizedError,
)
from selfinspect.frozen import dataclass
from selfinspect.web.answers import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from selfinspect.model import Snapshot
    from selfinspect.web.credentials import Tokens

MAX_REQUEST_LINE = 8192
MAX_HEADERS = 64
HEALTH = ("/healthz", "/readyz")
"""What orchestrators ask: without a token, and even where it is disabled."""

METRICS = ("/metrics", "/metrics/")
"""With the slash too: some scrape configurations are written so."""

PAGE = "/page/"
_PIECE = 65_536
# Headers that proxies and CDNs add; every `x-forwarded…` comes on top of these.
_FORWARDED = frozenset(
    {"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"}
)
_OWN_PAGE = "open the agent's own page at /, or use a program other than a browser"


@dataclass(frozen=True, slots=True)
class Guard:
    """Passes a request on to the application, or answers it with a problem.

    Attributes:
        app: the application.
        snapshot: has the names of this container; None on a listener that checks no host.
        hostname: the kernel's, which is there before anything else is.
        allowed: globs over further host names.
        disabled: globs over paths that are not served, nor anything below them.
        tokens: open every path; None where they are open.
        metrics_tokens: open `METRICS`, as those do; None where they are open.
    """

    app: ASGIApp
    snapshot: Callable[[], Snapshot] | None = None
    hostname: str = ""
    allowed: Collection[str] = ()
    disabled: Collection[str] = ()
    tokens: Tokens | None = None
    metrics_tokens: Tokens | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request, as ASGI has it; the server passes on no other scope."""

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"date", _date(int(time.time()))),
                    (b"x-content-type-options", b"nosniff"),
                ]
            body = message.get("body", b"")
            if len(body) <= _PIECE:
                await send(message)
                return
            # In pieces: only one of them is copied for a client that does not read its answer.
            whole, more = memoryview(body), message.get("more_body", False)
            for begin in range(0, len(body), _PIECE):
                piece = bytes(whole[begin : begin + _PIECE])
                rest = more or begin + _PIECE < len(body)
                await send({"type": message["type"], "body": piece, "more_body": rest})

        try:
            scope = in_origin_form(scope)
            self._check(scope)
        except SelfinspectError as error:
            answer = problem(error)
            if isinstance(error, BadRequestError):
                # Where it ends may be read in two ways: nothing behind it is a request.
                answer.headers["connection"] = "close"
            await answer(scope, receive, hardened)
        else:
            await self.app(scope, receive, hardened)

    def _check(self, scope: Scope) -> None:
        method: str = scope["method"]
        headers, path = combined(scope["headers"]), scope["path"]
        # Before any refusal that keeps the connection.
        if "transfer-encoding" in headers and "content-length" in headers:
            raise BadRequestError(
                "a request has either a Content-Length or a Transfer-Encoding",
                hint="send no body at all: this agent reads none",
            )
        if method not in ("GET", "HEAD"):
            raise MethodNotAllowedError(f"{method} is not supported: this agent is read-only")
        query = len(scope["query_string"])
        line = len(f"{method}  HTTP/1.1") + len(scope["raw_path"]) + (query and query + 1)
        if line > MAX_REQUEST_LINE or len(scope["headers"]) > MAX_HEADERS:
            raise BadRequestError(
                f"a request may have {MAX_REQUEST_LINE} bytes in its first line"
                f" and {MAX_HEADERS} headers",
                hint="shorten the path or the query, or send fewer headers",
            )
        if self.snapshot is not None:
            check_forwarding(headers)
            names = partial(names_of, self.snapshot(), self.hostname)
            check_host(headers.get("host", ""), names, self.allowed)
            check_origin(headers, scope["scheme"])
            if not is_asset(path):
                check_site(headers)
        if path not in HEALTH:
            _check_token(headers.get("authorization", ""), self._needed(path))
            check_disabled(path, self.disabled)

    def _needed(self, path: str) -> list[Tokens]:
        """Of which one is needed for a path, which is decoded; none for an open one."""
        if is_asset(path):
            return []
        # Whoever may ask for everything may ask for metrics too.
        files = [self.tokens, self.metrics_tokens if path in METRICS else None]
        return [each for each in files if each is not None]


@lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


def is_asset(path: str) -> bool:
    """Whether a path is the page or one of its files, which are the same for everyone."""
    return path == "/" or path.startswith(PAGE)


def in_origin_form(scope: Scope) -> Scope:
    """A request whose target is a whole URI, as one for a path: RFC 9112, section 3.2.2.

    The URI's host replaces the Host header.

    Raises:
        BadRequestError: it is a URI of something else.
    """
    scheme, mark, rest = scope["raw_path"].partition(b"://")
    if scope["raw_path"].startswith(b"/") or not mark:
        return scope
    if scheme.lower() not in (b"http", b"https"):
        raise BadRequestError(
            f"a URI of {scheme.decode('latin-1')} is not served here",
            hint="ask for a path, or for a URI that begins with http://",
        )
    host, slash, path = rest.partition(b"/")
    raw_path = slash + path or b"/"
    others = [header for header in scope["headers"] if header[0] != b"host"]
    return {
        **scope,
        "raw_path": raw_path,
        "path": unquote(raw_path.decode("ascii")),
        "headers": [(b"host", host), *others],
    }


def combined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name, the values of a repeated one joined: RFC 9110, section 5.2."""
    combined: dict[str, str] = {}
    for name, value in (
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in headers
    ):
        combined[name] = f"{combined[name]}, {value}" if name in combined else value
    return combined


def check_forwarding(headers: Mapping[str, str]) -> None:
    """Refuse a request that came through a proxy: whoever sent it there is not local.

    Raises:
        ForbiddenError: a header shows it.
    """
    for name in headers:
        # Servers that pass headers on as variables write both alike.
        spelt = name.replace("_", "-")
        if spelt in _FORWARDED or spelt.startswith("x-forwarded"):
            raise ForbiddenError(
                f"the request came through a proxy: it has a {name} header",
                hint="ask from inside the container",
            )


def check_host(
    host: str, names: Callable[[], Collection[str]], allowed: Collection[str] = ()
) -> None:
    """Refuse a request for another host: a web page may have made its name resolve to us.

    Args:
        host: the Host header.
        names: returns our names, besides `localhost` and every IP address.
        allowed: globs over further names.

    Raises:
        MisdirectedError: it is another host.
    """
    name = _host_name(host)
    ours = name == "localhost" or _is_address(name) or name in {own.lower() for own in names()}
    if not ours and not any(fnmatchcase(name, glob.lower()) for glob in allowed):
        raise MisdirectedError(
            f"host {host!r} is not served here",
            hint="ask by IP address or localhost, or name the host with --allow-host",
        )


def check_origin(headers: Mapping[str, str], scheme: str) -> None:
    """Refuse a request from a web page of another origin.

    Raises:
        ForbiddenError: the Origin header names one.
    """
    origin = headers.get("origin")
    own = f"{scheme}://{headers.get('host', '')}"
    if origin is not None and origin.lower() != own.lower():
        raise ForbiddenError(f"requests from a page of {origin!r} are refused", hint=_OWN_PAGE)


def check_site(headers: Mapping[str, str]) -> None:
    """Refuse what a page of another origin makes a browser load, which may lack an Origin header.

    Another port of this host is the same site: any other program's page may be served there.

    Raises:
        ForbiddenError: the browser reports such a page (Fetch Metadata, W3C).
    """
    site = headers.get("sec-fetch-site", "").lower()
    if "cross-site" in site or "same-site" in site:
        raise ForbiddenError("requests from a page of another origin are refused", hint=_OWN_PAGE)


def _check_token(authorization: str, tokens: Collection[Tokens]) -> None:
    if tokens and not any(each.admit(authorization.encode("latin-1")) for each in tokens):
        raise UnauthorizedError(
            "the token is wrong" if authorization else "the request has no token",
            hint="send Authorization: Bearer and a token of the file in SELFINSPECT_TOKEN_FILE",
        )


def check_disabled(path: str, disabled: Collection[str]) -> None:
    """Refuse a path that is disabled, or is below one that is.

    Args:
        path: decoded.
        disabled: globs, whose `*` goes beyond a slash.

    Raises:
        ForbiddenError: one matches.
    """
    if not disabled:
        return
    parts = path.split("/")
    above = ["/".join(parts[:length]) for length in range(2, len(parts))]
    for glob in disabled:
        if any(fnmatchcase(each, glob) for each in (*above, path)):
            raise ForbiddenError(
                f"{path} is disabled by --disable {glob}",
                hint="that is an option of the agent; another path may have what you need",
            )


def names_of(snapshot: Snapshot, hostname: str = "") -> tuple[str, ...]:
    """The names of a container: its hostname, its own, its network aliases.

    Args:
        snapshot: the current one.
        hostname: the kernel's, which is there before anything else is.
    """
    own = snapshot.self
    if own is None:
        return (hostname,) if hostname else ()
    aliases = [alias for network in (own.networks or {}).values() for alias in network.aliases]
    return tuple(name for name in (hostname, own.hostname, own.name, *aliases) if name)


def _host_name(host: str) -> str:
    """A Host header without its port, in lower case."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()


def _is_address(name: str) -> bool:
    """Whether it is an IPv4 address, or an IPv6 address in brackets."""
    in_brackets = name.startswith("[") and name.endswith("]")
    try:
        if in_brackets:
            ipaddress.IPv6Address(name[1:-1])
        else:
            ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True
