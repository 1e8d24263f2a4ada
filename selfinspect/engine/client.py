"""Read-only by construction: every request that can be made of an engine is a method here."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from selfinspect.engine.access import integer, text
from selfinspect.engine.capabilities import Capabilities
from selfinspect.engine.refusals import check
from selfinspect.engine.transport import Answer, Stream, Transport
from selfinspect.errors import EngineError, EngineUnsupportedError
from selfinspect.model import Engine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selfinspect.engine.tls import Tls
    from selfinspect.engine.transport import Observe
    from selfinspect.model import Json

HIGHEST_API = "1.51"
LOWEST_API = "1.12"
ONE_SHOT_SINCE = (1, 41)
_SURROUNDINGS = ("network", "volume", "daemon")


def connect(
    endpoint: str,
    *,
    api_version: str | None = None,
    timeout: float = 10.0,
    patience: float | None = None,
    observe: Observe | None = None,
    tls: Tls | None = None,
) -> Connection:
    """Ask who is there and agree on a version of the API.

    Args:
        endpoint: `unix:///path/of.sock` or `tcp://host:port`.
        api_version: speak this one and do not negotiate (`DOCKER_API_VERSION`).
        timeout: seconds for each whole answer.
        patience: the same for the first one, connecting included; None for `timeout`.
        observe: told of each request: its name, the answer's status (0 for none), seconds.
        tls: the certificates, None to speak in the clear.

    Raises:
        EngineUnreachableError: nobody answers there, or not as an engine does.
        EngineAnswerError: somebody answers, and refuses.
    """
    transport = Transport(endpoint, timeout=patience or timeout, observe=observe, tls=tls)
    try:
        engine = _greet(transport, api_version)
    except EngineError:
        transport.close()
        raise
    transport.timeout = timeout
    return Connection(transport, engine)


def _greet(transport: Transport, api_version: str | None) -> Engine:
    answer = transport.get("ping", "/_ping")
    check(answer, "ping", transport)
    offered = answer.headers.get("Api-Version", "")
    if not re.fullmatch(r"\d+\.\d+", offered):
        raise transport.failed("answers /_ping, but not as an engine does")
    if _version(offered) < _version(LOWEST_API):
        raise transport.failed(
            f"speaks API version {offered}, and {LOWEST_API} is the oldest understood here",
            outcome="API too old",
            hint="update the engine",
        )
    if "Libpod-Api-Version" in answer.headers:
        product, version = "Podman", answer.headers["Libpod-Api-Version"]
    else:
        product, _, version = answer.headers.get("Server", "").partition(" ")[0].partition("/")
    spoken = api_version or min(offered, HIGHEST_API, key=_version)
    return Engine(transport.endpoint, product or "Docker", version or None, spoken)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


@dataclass(frozen=True, slots=True)
class Connection:
    """An engine that answered, and the version of the API agreed with it.

    Attributes:
        capabilities: what is let through, as far as it was asked for.
    """

    transport: Transport
    engine: Engine
    capabilities: Capabilities = field(default_factory=Capabilities, compare=False, repr=False)

    def get(self, capability: str, path: str, **query: str) -> bytes:
        """The body of a successful GET.

        Raises:
            EngineUnreachableError: no answer.
            EngineAnswerError: an answer that is no success.
        """
        answer = self.transport.get(capability, self.path(path, query))
        check(answer, capability, self.transport)
        return answer.body

    def json(self, capability: str, path: str, **query: str) -> Json:
        """The same, as JSON."""
        return self.decoded(capability, self.get(capability, path, **query))

    def decoded(self, capability: str, body: bytes) -> Json:
        """An answer's JSON.

        Raises:
            EngineUnreachableError: it is none.
        """
        try:
            document: Json = json.loads(body)
        except ValueError as error:
            raise self.transport.failed(f"the answer to {capability} is no JSON") from error
        return document

    def path(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """A path of the API with its version before it."""
        return f"/v{self.engine.api_version}{path}" + (f"?{urlencode(query)}" if query else "")

    def version(self) -> Json:
        """The engine's version, the API versions it speaks, and its machine's system."""
        return self.json("version", "/version")


@dataclass(frozen=True, slots=True)
class Prober:
    """What may be asked before the identity stands; answers about others are discarded."""

    connection: Connection

    def inspect(self, container: str) -> Json:
        """A candidate's inspect document."""
        return self.connection.json("inspect", f"{_container(container)}/json")

    def commands(self, container: str) -> Sequence[str]:
        """The command name, as in `/proc/PID/comm`, of each process of a candidate."""
        return [command for _, command in self._top(container, "comm")]

    def mount_namespaces(self, container: str) -> Mapping[str, str]:
        """The inode of the mount namespace of each process of a candidate, by the engine's PIDs.

        Not every machine's `ps` knows them; the engine answers with an error then.
        """
        return dict(self._top(container, "mntns"))

    def _top(self, container: str, column: str) -> list[tuple[str, str]]:
        path = f"{_container(container)}/top"
        body = self.connection.get("top", path, ps_args=f"-eo pid,{column}")
        if not body.strip():  # Podman 4 without a `ps` to run
            raise EngineUnsupportedError(
                "top: the engine answered nothing",
                code=HTTPStatus.OK,
                capability="top",
                endpoint=self.connection.engine.endpoint,
            )
        top = self.connection.decoded("top", body)
        rows = top.get("Processes") if isinstance(top, dict) else None
        rows = rows if isinstance(rows, list) else []
        return [
            (str(row[0]), str(row[1])) for row in rows if isinstance(row, list) and len(row) > 1
        ]

    def stamp(self, container: str, path: str) -> str | None:
        """When a file of a candidate was modified, RFC 3339; None where it has no such file."""
        answer = self.connection.transport.head(
            "archive", self.connection.path(f"{_container(container)}/archive", {"path": path})
        )
        if answer.code == HTTPStatus.NOT_FOUND:
            return None
        check(answer, "archive", self.connection.transport)
        try:
            stat = json.loads(base64.b64decode(answer.headers["X-Docker-Container-Path-Stat"]))
            return str(stat["mtime"])
        except (KeyError, TypeError, ValueError, binascii.Error):
            return None

    def running(self) -> Mapping[str, int]:
        """The IDs of the running containers, and when each was created, Unix seconds."""
        rows = self.connection.json("list", "/containers/json")
        found = {}
        for row in rows if isinstance(rows, list) else []:
            if identifier := text(row, "Id"):
                found[identifier] = integer(row, "Created") or 0
        return found


@dataclass(frozen=True, slots=True)
class Client:
    """What may be asked once the identity stands: of one container, by its full ID.

    What was refused is not asked for again at once: see `Connection.capabilities`.
    """

    connection: Connection
    id: str = field(repr=False)

    def inspect(self) -> Json:
        """Our own inspect document."""
        return self._json("inspect", f"{_container(self.id)}/json")

    def image(self, image_id: str) -> Json:
        """The inspect document of our own image."""
        return self._json("image", f"/images/{quote(image_id, safe=':')}/json")

    def info(self) -> Json:
        """What the engine says of itself and its machine."""
        return self._json("info", "/info")

    def stats(self) -> Json:
        """One frame of our own stats; an empty document where the engine has none to give.

        From API 1.41 on without the second frame that costs the engine a second or more.
        """
        query = {"stream": "false"}
        if _version(self.connection.engine.api_version) >= ONE_SHOT_SINCE:
            query["one-shot"] = "true"
        body = self.connection.capabilities.ask(
            "stats",
            lambda: self.connection.get("stats", f"{_container(self.id)}/stats", **query),
        )
        try:
            return json.loads(body) if body.strip() else {}
        except ValueError as error:
            raise self.connection.transport.failed("the answer to stats is no JSON") from error

    def size(self) -> int | None:
        """Bytes in our writable layer, None where they are not told.

        The engine walks the disk to count them: seconds, for a large one.
        """
        return integer(self._json("inspect", f"{_container(self.id)}/json", size="true"), "SizeRw")

    def own_events(self, since: str | None = None) -> Stream:
        """The events whose actor is this container.

        Args:
            since: seconds and nanoseconds of the first moment to replay, `"%d.%09d"`.
        """
        return self._events({"container": [self.id]}, since)

    def surrounding_events(self, since: str | None = None) -> Stream:
        """The events of networks, volumes and the daemon: of these, some concern us.

        The engine's filter matches a container that is the actor; in a network's or a volume's
        event it is an attribute.
        """
        return self._events({"type": list(_SURROUNDINGS)}, since)

    def _events(self, filters: Mapping[str, Sequence[str]], since: str | None) -> Stream:
        query = {"filters": json.dumps(filters)} | ({"since": since} if since else {})
        return self.connection.capabilities.ask("events", lambda: self._stream("events", query))

    def _stream(self, capability: str, query: Mapping[str, str]) -> Stream:
        transport = self.connection.transport
        stream = transport.stream(capability, self.connection.path(f"/{capability}", query))
        if stream.code != HTTPStatus.OK:
            with stream:
                check(Answer(stream.code, {}, stream.text()), capability, transport)
        return stream

    def _json(self, capability: str, path: str, **query: str) -> Json:
        connection = self.connection
        return connection.capabilities.ask(
            capability, lambda: connection.json(capability, path, **query)
        )


def _container(container: str) -> str:
    return f"/containers/{quote(container, safe='')}"
