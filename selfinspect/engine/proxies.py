"""What a proxy before the engine must be told so that it lets a request through. Pure."""

from __future__ import annotations

import re
from http import HTTPStatus

_OWN = "/containers/<this container's ID>"
_REQUESTS = {
    "ping": ("GET /_ping", "PING=1"),
    "version": ("GET /version", "VERSION=1"),
    "info": ("GET /info", "INFO=1"),
    "events": ("GET /events", "EVENTS=1"),
    "image": ("GET /images/<its image's ID>/json", "IMAGES=1"),
    "history": ("GET /images/<its image's ID>/history", "IMAGES=1"),
    "archive": (f"HEAD {_OWN}/archive", "CONTAINERS=1"),
    "list": ("GET /containers/json", "CONTAINERS=1"),
    "inspect": (f"GET {_OWN}/json", "CONTAINERS=1"),
    "stats": (f"GET {_OWN}/stats", "CONTAINERS=1"),
    "top": (f"GET {_OWN}/top", "CONTAINERS=1"),
    "logs": (f"GET {_OWN}/logs", "CONTAINERS=1"),
    "changes": (f"GET {_OWN}/changes", "CONTAINERS=1"),
}


_PLUGIN = re.compile(r"authorization denied by plugin (?P<name>[^\s:]+)")
_DENIALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED)
_NOBODY_BEHIND = (
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)


def mending(code: int, capability: str, said: str, endpoint: str, proxy: str | None) -> str | None:
    """What a person does about an error status, None where nobody can say.

    Args:
        code: its status.
        capability: which of our requests was answered.
        said: what stands in it.
        endpoint: who was asked.
        proxy: what the proxy calls itself that answered, None where an engine did.
    """
    if plugin := _PLUGIN.search(said):
        request = _REQUESTS[capability][0]
        return f"let the engine's authorization plugin {plugin['name']} allow {request}"
    if code in _DENIALS:
        return allowing(capability)
    if code == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return f"{endpoint} is a proxy for the web: name the engine itself, with --engine"
    if proxy is not None and code in _NOBODY_BEHIND:
        return (
            f"{proxy} answers, and the engine behind it does not: systemctl start docker, and let"
            f" {proxy} lead to its socket"
        )
    if capability == "ping" and code == HTTPStatus.NOT_FOUND:
        return f"where a proxy serves the engine below a path, name that, too: {endpoint}/PATH"
    return None


def allowing(capability: str) -> str:
    """How a person opens a capability: a proxy's variable, or the path for one that takes paths.

    The variables are those of Tecnativa's and linuxserver's proxies; the latter opens single paths
    under `ADVANCED=1`, where `CONTAINERS_ID_STATS=1` is one.
    """
    request, variable = _REQUESTS[capability]
    return (
        f"set {variable} on the proxy in front of the engine (Tecnativa, linuxserver);"
        f" on another, allow {request}"
    )


def unbuffered(proxy: str | None) -> str:
    """What to set in a proxy that holds events back.

    Args:
        proxy: what it calls itself, None where it does not say.
    """
    setting = "proxy_buffering off; proxy_read_timeout 1h;"
    if proxy == "nginx":
        return f"in nginx's location for the engine: {setting}"
    name = f"the proxy {proxy}" if proxy else "the proxy in front of the engine"
    return f"have {name} pass /events on unbuffered (in nginx: {setting})"
