"""Before every route: who may ask, by which name, and how much.

An ASGI middleware, so that it stands before streams as well and costs no task.

A request in one form, whichever of those that HTTP allows it came in. Pure.
"""

from __future__ import annotations

import ipaddress
from email.utils import formatdate
from fnmatch import fnmatchcase
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
from selfinspect.web.answers import problem
from selfinspect.web.assets import is_asset

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from selfinspect.model import Snapshot
    from selfinspect.web.credentials import Tokens


MAX_REQUEST_LINE = 8192
MAX_HEADERS = 64
_PIECE = 65_536
HEALTH = ("/healthz", "/readyz")
"""What orchestrators ask, without a token and whatever is switched off."""

# What proxies and the networks before them add; `x-forwarded…` comes on top of these.
_FORWARDED = frozenset(
    {"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"}
)
_OWN_PAGE = "open the agent's own page at /, or ask with a program that is no browser"
_REFUSALS = {
    MethodNotAllowedError: ("allow", "GET, HEAD"),
    UnauthorizedError: ("www-authenticate", "Bearer"),
}


class Guard:
    """Lets a request through, or answers it with a problem.

    Args:
        app: what stands behind.
        names: the host names we answer to now; None on a listener that checks none.
        allowed: globs over further names.
        disabled: globs over paths that are not served, nor what is below them.
        tokens: whose tokens open a path, decoded; empty for one that is open to all.
    """

    def __init__(
        self,
        app: ASGIApp,
        names: Callable[[], Collection[str]] | None = None,
        allowed: Collection[str] = (),
        *,
        disabled: Collection[str] = (),
        tokens: Callable[[str], Collection[Tokens]] = lambda _: (),
    ) -> None:
        self._app = app
        self._names = names
        self._allowed = allowed
        self._disabled = disabled
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"date", formatdate(usegmt=True).encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
                await send(message)
                return
            # In pieces: of an answer that is not taken no more than one is copied for its reader.
            body = memoryview(message.get("body", b""))
            more = message.get("more_body", False)
            for begin in range(0, len(body) or 1, _PIECE):
                piece = bytes(body[begin : begin + _PIECE])
                rest = more or begin + _PIECE < len(body)
                await send({"type": message["type"], "body": piece, "more_body": rest})

        scope = in_origin_form(scope)
        try:
            self._check(scope)
        except SelfinspectError as error:
            response = problem(error)
            if type(error) in _REFUSALS:
                name, value = _REFUSALS[type(error)]
                response.headers[name] = value
            await response(scope, receive, hardened)
        else:
            await self._app(scope, receive, hardened)

    def _check(self, scope: Scope) -> None:
        method: str = scope["method"]
        if method not in ("GET", "HEAD"):
            raise MethodNotAllowedError(f"{method} is not served: this agent only reads")
        query = len(scope["query_string"])
        line = len(f"{method}  HTTP/1.1") + len(scope["raw_path"]) + (query and query + 1)
        if line > MAX_REQUEST_LINE or len(scope["headers"]) > MAX_HEADERS:
            raise BadRequestError(
                f"a request has at most {MAX_REQUEST_LINE} bytes in its first line"
                f" and {MAX_HEADERS} headers",
                hint="shorten the path or the query, or send fewer headers",
            )
        headers, path = combined(scope["headers"]), scope["path"]
        if self._names is not None:
            stated = {
                name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()
            }
            check_forwarding(stated)
            check_host(stated.get("host", ""), self._names(), self._allowed)
            check_origin(stated, scope["scheme"])
            if not is_asset(path):
                check_site(stated)
        if path not in HEALTH:
            check_token(headers.get(b"authorization", b""), self._tokens(path))
            check_disabled(path, self._disabled)


def check_forwarding(headers: Mapping[str, str]) -> None:
    """Refuse what came through a proxy: whoever is behind it is not local.

    Raises:
        ForbiddenError: a header says so.
    """
    for name in headers:
        # Servers that pass headers on as variables write both alike.
        spelt = name.replace("_", "-")
        if spelt in _FORWARDED or spelt.startswith("x-forwarded"):
            raise ForbiddenError(
                f"the request came through a proxy: it has a {name} header",
                hint="ask from inside the container",
            )


def check_host(host: str, names: Collection[str], allowed: Collection[str] = ()) -> None:
    """Refuse a request for another host: a web page may have made its name point here.

    Args:
        host: the Host header.
        names: what we are called, besides `localhost` and every IP address.
        allowed: globs over further names.

    Raises:
        MisdirectedError: it is none of ours.
    """
    name = _host_name(host)
    ours = name == "localhost" or _is_address(name) or name in {own.lower() for own in names}
    if not ours and not any(fnmatchcase(name, glob.lower()) for glob in allowed):
        raise MisdirectedError(
            f"host {host!r} is not served here",
            hint="ask by IP address or localhost, or name the host with --allow-host",
        )


def check_origin(headers: Mapping[str, str], scheme: str) -> None:
    """Refuse a web page of another origin.

    Raises:
        ForbiddenError: the browser says that there is one.
    """
    origin = headers.get("origin")
    own = f"{scheme}://{headers.get('host', '')}"
    if origin is not None and origin.lower() != own.lower():
        raise ForbiddenError(f"a page of {origin!r} may not ask here", hint=_OWN_PAGE)


def check_site(headers: Mapping[str, str]) -> None:
    """Refuse what a page of another origin has a browser load, which may come without an Origin.

    Another port of this host is the same site: any other program's page may stand there.

    Raises:
        ForbiddenError: the browser says that there is such a page (Fetch Metadata, W3C).
    """
    site = headers.get("sec-fetch-site", "").lower()
    if "cross-site" in site or "same-site" in site:
        raise ForbiddenError("a page of another origin may not ask here", hint=_OWN_PAGE)


def check_token(authorization: bytes, tokens: Collection[Tokens]) -> None:
    """Refuse who bears none of the tokens, where there are files of them.

    Raises:
        UnauthorizedError: the header bears none, or another.
    """
    if tokens and not any(each.admit(authorization) for each in tokens):
        said = "the token is not one of ours" if authorization else "the request bears no token"
        raise UnauthorizedError(
            said,
            hint="send Authorization: Bearer and a token of the file in SELFINSPECT_TOKEN_FILE",
        )


def check_disabled(path: str, disabled: Collection[str]) -> None:
    """Refuse a path that is switched off, or is below one that is.

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
                f"{path} is switched off by --disable {glob}",
                hint="it is the agent's own option; another path may tell what you need",
            )


def names_of(snapshot: Snapshot, hostname: str = "") -> tuple[str, ...]:
    """The names by which a container is called: its hostname, its own, its network aliases.

    Args:
        snapshot: what is known now.
        hostname: the kernel's word for it, which is known before anything else is.
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


def in_origin_form(scope: Scope) -> Scope:
    """A request, were its target a whole URI, as one for its path at its host.

    RFC 9112, section 3.2.2: a server takes the absolute form, whose host stands for the header's.
    """
    _, mark, rest = scope["raw_path"].partition(b"://")
    if scope["raw_path"].startswith(b"/") or not mark:
        return scope
    host, slash, path = rest.partition(b"/")
    raw_path = slash + path or b"/"
    others = [header for header in scope["headers"] if header[0] != b"host"]
    return {
        **scope,
        "raw_path": raw_path,
        "path": unquote(raw_path.decode("ascii")),
        "headers": [(b"host", host), *others],
    }


def combined(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name, the values of a repeated one joined: RFC 9110, section 5.2."""
    combined: dict[bytes, bytes] = {}
    for name, value in headers:
        combined[name] = combined[name] + b", " + value if name in combined else value
    return combined
