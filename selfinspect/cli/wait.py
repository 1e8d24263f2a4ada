"""`open`, `wait` and `healthcheck`: where the agent's page is, whether it is ready, and healthy."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from selfinspect.cli.options import observing, timeout_option
from selfinspect.cli.streams import Streams, progress, streams_of
from selfinspect.cli.verb import ExitCode, Verb, exits
from selfinspect.client import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    OK,
    TOKEN_FILE,
    UNAUTHORIZED,
    AgentAddress,
    ask,
    find,
    unhealthy,
)
from selfinspect.errors import NotAvailable
from selfinspect.frozen import dataclass
from selfinspect.jsonread import integer, mapping, member, sequence, text
from selfinspect.kernel.network import is_host, links
from selfinspect.kernel.processes import listens_beyond
from selfinspect.listen import DEFAULT_API, parse_listen
from selfinspect.terminal import print_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selfinspect.model import Json

_TIMEOUT = 5.0
_ANY_HOST = ("", "0.0.0.0", "::", "127.0.0.1", "::1")  # noqa: S104 - compared with
_AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Place:
    """What decides how the page is opened.

    Attributes:
        own: what `/v1/self` answers; null where it may not be read.
        scheme: `http` or `https`.
        port: the API's; None where it listens on a Unix socket alone.
        beyond: whether it listens beyond the loopback.
        token_file: where its token is; None where it needs none.
        hostname: the container's.
        in_pod: whether that is a pod of Kubernetes.
        in_hosts_network: whether the host's loopback is ours.
    """

    own: Json
    scheme: str
    port: int | None
    beyond: bool
    token_file: str | None
    hostname: str
    in_pod: bool = False
    in_hosts_network: bool = False


@click.command(
    "open",
    cls=Verb,
    examples=("docker exec NAME selfinspect open", "selfinspect open"),
    exits=exits(no="No agent is found, or it does not answer."),
)
@observing
@streams_of
def open_(streams: Streams, /, **given: Any) -> None:
    """Print the command or the address that opens the page.

    It is for the machine of the engine, or where kubectl is; what else is needed, a token for one,
    is said on standard error. selfinspect help page lists the ways.
    """
    command, *notes = ways(_place(streams, given))
    streams.print_lines([command])
    for note in notes:
        print_line(streams.err, f"selfinspect: {note}")


def ways(place: Place) -> Iterator[str]:
    """The command or address that opens the page, then what has to be known of it."""
    from shlex import quote  # noqa: PLC0415 - `healthcheck` goes without

    own, port = place.own, place.port or DEFAULT_API.port
    pod = text(own, "kubernetes", "pod") or place.hostname
    name = pod if place.in_pod else text(own, "name") or place.hostname
    client = "podman" if text(own, "engine", "product") == "Podman" else "docker"
    [*bindings] = sequence(own, "port_bindings", f"{port}/tcp")
    address = next(iter(mapping(own, "networks").values()), None)
    if place.port is not None and place.in_pod:
        namespace = text(own, "kubernetes", "namespace")
        within = f"--namespace {quote(namespace)} " if namespace else ""
        yield f"kubectl port-forward {within}pod/{quote(name)} {port}"
        yield f"then open {place.scheme}://localhost:{port}/"
        client = f"kubectl {within}".rstrip()
    elif place.port is not None and place.in_hosts_network:
        yield f"{place.scheme}://localhost:{port}/"
    elif place.beyond and bindings and (published := integer(bindings[0], "host_port")):
        host = text(bindings[0], "host_ip") or ""
        shown = "localhost" if host in _ANY_HOST else f"[{host}]" if ":" in host else host
        yield f"{place.scheme}://{shown}:{published}/"
        yield "that is on the engine's machine"
    elif place.beyond and (ip := text(address, "ip")):
        yield f"{place.scheme}://{ip}:{port}/"
        yield f"that is on the engine's machine; --publish 127.0.0.1:{port}:{port} gives it a port"
    elif place.beyond and member(own, "port_bindings") is None:
        yield f"{client} port {quote(name)} {port}"
        yield f"that prints where it is published, if it is: open {place.scheme}:// and that"
    else:
        image = text(own, "image", "reference") or "IMAGE"
        options = (
            f"--publish 127.0.0.1:{port}:{port}",
            f"--env SELFINSPECT_LISTEN=0.0.0.0:{port}",
            f"--env SELFINSPECT_TOKEN_FILE={_AUTO}",
        )
        yield f"{client} run {' '.join(options)} ... {quote(image)}"
        yield "as it runs, nothing outside of this container reaches the page: start it again so"
        yield f"then open http://localhost:{port}/; Compose and Swarm: selfinspect help page"
        return
    if place.token_file is not None:
        dashes = "-- " if place.in_pod else ""
        yield f"its token: {client} exec {quote(name)} {dashes}cat {quote(place.token_file)}"


def _place(streams: Streams, given: Mapping[str, Any]) -> Place:
    """What decides how the page is opened, from the agent and the kernel.

    Raises:
        NotAvailable: there is no agent, or it does not answer.
    """
    from selfinspect.cli.answers import answer  # noqa: PLC0415
    from selfinspect.documents import as_document  # noqa: PLC0415

    environ = streams.environ
    agent = find(environ, streams.uri_file)
    if agent is None:
        raise NotAvailable(
            f"no agent found: neither SELFINSPECT_URI nor {streams.uri_file} names one",
            hint="selfinspect help page says how to start one whose page can be opened",
        )
    scheme = agent.uri.partition("://")[0]
    reply = ask(AgentAddress(agent.uri, trusted=False), "/v1/self", timeout=_TIMEOUT)
    if reply is None and scheme != "https":  # which clients in the container do not speak
        raise NotAvailable(f"no agent answers at {agent.uri}", hint="selfinspect doctor says why")
    own = answer(streams, given, "/v1/self", lambda look: as_document(look.snapshot.self))
    closed = reply is not None and reply.status == UNAUTHORIZED
    ports = list(_ports(agent.uri, environ))
    beyond = next((port for port in ports if listens_beyond(port)), None)
    named = environ.get("SELFINSPECT_TOKEN_FILE") or _AUTO
    with_tls = beyond is not None and environ.get("SELFINSPECT_TLS_CERT")
    return Place(
        own,
        scheme="https" if with_tls or scheme == "https" else "http",
        port=beyond or next(iter(ports), None),
        beyond=beyond is not None,
        token_file=(TOKEN_FILE if named == _AUTO else named) if closed else None,
        hostname=socket.gethostname(),
        in_pod="KUBERNETES_SERVICE_HOST" in environ or member(own, "kubernetes") is not None,
        in_hosts_network=is_host(links(Path("/"))),
    )


def _ports(uri: str, environ: Mapping[str, str]) -> Iterator[int]:
    """The API's ports: that of its address in here, then those that `--listen`'s variable names."""
    with suppress(ValueError):
        if port := urlsplit(uri).port:
            yield port
    for address in environ.get("SELFINSPECT_LISTEN", "").split(","):
        with suppress(ValueError):
            if port := parse_listen(address.strip()).port:
                yield port


@click.command(
    cls=Verb,
    examples=("selfinspect wait --timeout 5s && curl -s $SELFINSPECT_URI/v1/self/name",),
    exits=exits(no="It was not ready in time."),
)
@timeout_option("30s", "How long to wait; 0 looks once.")
@streams_of
def wait(streams: Streams, /, timeout: float) -> int:
    """Wait until this container's agent is ready.

    It is ready once the identity is resolved, a first sample is taken and the journal answers. An
    agent that does not run yet is waited for, too.
    """
    deadline, pause = time.monotonic() + timeout, FIRST_PAUSE
    with progress(streams, "waiting for the agent") as show:
        while lack := _lack(streams, max(deadline - time.monotonic(), 1.0)):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            show(f"waiting: {lack}")
            time.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE)
    if lack:
        streams.complain(lack)
        return ExitCode.NO
    return ExitCode.OK


def _lack(streams: Streams, timeout: float) -> str | None:
    """Why the agent is not ready, None where it is."""
    agent = find(streams.environ, streams.uri_file)
    if agent is None:
        return f"no agent found: neither SELFINSPECT_URI nor {streams.uri_file} names one"
    reply = ask(agent, "/readyz", timeout=timeout)
    if reply is None:
        return f"no agent answers at {agent.uri}"
    if reply.status == OK:
        return None
    return ": ".join(filter(None, (f"the agent at {agent.uri} is not ready", _failing(reply.body))))


def _failing(body: bytes) -> str:
    """The checks that fail, and why; empty where the answer names none."""
    try:
        checks = sequence(json.loads(body), "checks")
    except (ValueError, RecursionError):
        return ""
    return "; ".join(
        f"{text(each, 'name')}: {text(each, 'detail')}" for each in checks if not member(each, "ok")
    )


@click.command(
    cls=Verb,
    examples=('HEALTHCHECK CMD ["selfinspect", "healthcheck"]',),
    exits=exits(no="It does not answer in time, or is not healthy."),
)
@timeout_option("5s", "How long to wait for an answer.")
@streams_of
def healthcheck(streams: Streams, /, timeout: float) -> int:
    """Ask whether this container's agent is healthy.

    It asks the agent's /healthz, for an image that holds the agent alone; an image with an app
    checks its app. Where the agent could not leave its address (a read-only root without a tmpfs
    on /run/selfinspect), SELFINSPECT_LISTEN or its default is asked, provided that a process of
    this container listens there: in a shared network it may be a neighbour's agent.
    """
    try:
        lack = unhealthy(streams.environ, streams.uri_file, timeout=timeout)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="SELFINSPECT_LISTEN") from error
    if lack:
        streams.complain(lack)
        return ExitCode.NO
    print("ok", file=streams.out)
    return ExitCode.OK
