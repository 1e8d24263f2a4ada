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

from selfinspect.engine.transport import Answer, Stream, Transport
from selfinspect.errors import (
    EngineAnswerError,
    EngineDeniedError,
    EngineError,
    EngineUnreachableError,
    EngineUnsupportedError,
    UnknownContainerError,
)
from selfinspect.model import Engine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selfinspect.engine.transport import Observe
    from selfinspect.model import Json

HIGHEST_API = "1.51"
ONE_SHOT_SINCE = (1, 41)
_SURROUNDINGS = ("network", "volume", "daemon")
_REFUSALS: Mapping[int, type[EngineAnswerError]] = {
    HTTPStatus.UNAUTHORIZED: EngineDeniedError,
    HTTPStatus.FORBIDDEN: EngineDeniedError,
    HTTPStatus.METHOD_NOT_ALLOWED: EngineDeniedError,
    HTTPStatus.NOT_FOUND: UnknownContainerError,
    HTTPStatus.NOT_IMPLEMENTED: EngineUnsupportedError,
}


def connect(
    endpoint: str,
    *,
    api_version: str | None = None,
    timeout: float = 10.0,
    observe: Observe | None = None,
) -> Connection:
    """Ask who is there and agree on a version of the API.

    Args:
        endpoint: `unix:///path/of.sock`.
        api_version: speak this one and do not negotiate (`DOCKER_API_VERSION`).
        timeout: seconds for each whole answer.
        observe: told of each request: its name, the answer's status (0 for none), seconds.

    Raises:
        EngineUnreachableError: nobody answers there, or not as an engine does.
        EngineAnswerError: somebody answers, and refuses.
    """
    if not endpoint.startswith("unix://"):
        raise EngineUnreachableError(
            f"{endpoint}: only Unix sockets are spoken to so far",
            endpoint=endpoint,
            outcome="unsupported",
            hint="mount the engine's socket, or a proxy's, and name it with --engine unix://…",
        )
    transport = Transport(endpoint, timeout=timeout, observe=observe)
    try:
        return Connection(transport, _greet(transport, api_version))
    except EngineError:
        transport.close()
        raise


def _greet(transport: Transport, api_version: str | None) -> Engine:
    answer = transport.get("ping", "/_ping")
    _check(answer, "ping", transport)
    offered = answer.headers.get("Api-Version", "")
    if not re.fullmatch(r"\d+\.\d+", offered):
        raise transport.failed("answers /_ping, but not as an engine does")
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
    """An engine that answered, and the version of the API agreed with it."""

    transport: Transport
    engine: Engine

    def get(self, capability: str, path: str, **query: str) -> bytes:
        """The body of a successful GET.

        Raises:
            EngineUnreachableError: no answer.
            EngineAnswerError: an answer that is no success.
        """
        answer = self.transport.get(capability, self.path(path, query))
        _check(answer, capability, self.transport)
        return answer.body

    def json(self, capability: str, path: str, **query: str) -> Json:
        """The same, as JSON."""
        body = self.get(capability, path, **query)
        try:
            document: Json = json.loads(body)
        except ValueError as error:
            raise self.transport.failed(f"the answer to {capability} is no JSON") from error
        return document

    def path(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """A path of the API with its version before it."""
        return f"/v{self.engine.api_version}{path}" + (f"?{urlencode(query)}" if query else "")


@dataclass(frozen=True, slots=True)
class Prober:
    """What may be asked before the identity stands; answers about others are discarded."""

    connection: Connection

    def inspect(self, container: str) -> Json:
        """A candidate's inspect document."""
        return self.connection.json("inspect", f"{_container(container)}/json")

    def commands(self, container: str) -> Sequence[str]:
        """The command name, as in `/proc/PID/comm`, of each process of a candidate."""
        top = self.connection.json("top", f"{_container(container)}/top", ps_args="-eo pid,comm")
        rows = top.get("Processes") if isinstance(top, dict) else None
        rows = rows if isinstance(rows, list) else []
        return [str(row[1]) for row in rows if isinstance(row, list) and len(row) > 1]

    def stamp(self, container: str, path: str) -> str | None:
        """When a file of a candidate was modified, RFC 3339; None where it has no such file."""
        answer = self.connection.transport.head(
            "archive", self.connection.path(f"{_container(container)}/archive", {"path": path})
        )
        if answer.code == HTTPStatus.NOT_FOUND:
            return None
        _check(answer, "archive", self.connection.transport)
        try:
            stat = json.loads(base64.b64decode(answer.headers["X-Docker-Container-Path-Stat"]))
            return str(stat["mtime"])
        except (KeyError, TypeError, ValueError, binascii.Error):
            return None

    def running(self) -> Sequence[str]:
        """The IDs of the running containers."""
        rows = self.connection.json("list", "/containers/json")
        rows = rows if isinstance(rows, list) else []
        ids = [row.get("Id") for row in rows if isinstance(row, dict)]
        return [identifier for identifier in ids if isinstance(identifier, str)]


@dataclass(frozen=True, slots=True)
class Client:
    """What may be asked once the identity stands: of one container, by its full ID."""

    connection: Connection
    id: str = field(repr=False)

    def inspect(self) -> Json:
        """Our own inspect document."""
        return self.connection.json("inspect", f"{_container(self.id)}/json")

    def image(self, image_id: str) -> Json:
        """The inspect document of our own image."""
        return self.connection.json("image", f"/images/{quote(image_id, safe=':')}/json")

    def info(self) -> Json:
        """What the engine says of itself and its machine."""
        return self.connection.json("info", "/info")

    def stats(self) -> Json:
        """One frame of our own stats; an empty document where the engine has none to give.

        From API 1.41 on without the second frame that costs the engine a second or more.
        """
        query = {"stream": "false"}
        if _version(self.connection.engine.api_version) >= ONE_SHOT_SINCE:
            query["one-shot"] = "true"
        body = self.connection.get("stats", f"{_container(self.id)}/stats", **query)
        try:
            return json.loads(body) if body.strip() else {}
        except ValueError as error:
            raise self.connection.transport.failed("the answer to stats is no JSON") from error

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
        transport = self.connection.transport
        stream = transport.stream("events", self.connection.path("/events", query))
        if stream.code != HTTPStatus.OK:
            with stream:
                _check(Answer(stream.code, {}, stream.text()), "events", transport)
        return stream


def _container(container: str) -> str:
    return f"/containers/{quote(container, safe='')}"


def _check(answer: Answer, capability: str, transport: Transport) -> None:
    """Raise what an answer's status means, with the engine's or the proxy's own words."""
    if answer.code in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
        return
    said = _message(answer.body)
    detail = f"{capability}: the engine answered {answer.code}" + (f": {said}" if said else "")
    if answer.code < HTTPStatus.BAD_REQUEST:
        raise transport.failed(detail)
    kind = _REFUSALS.get(answer.code, EngineAnswerError)
    raise kind(
        detail,
        code=answer.code,
        capability=capability,
        endpoint=transport.endpoint,
        hint=f"let the proxy in front of the engine allow {capability}"
        if kind is EngineDeniedError
        else None,
    )


def _message(body: bytes) -> str:
    """What an error says: `{"message": …}` of an engine; a proxy's own text, shortened."""
    text = body.decode(errors="replace").strip()
    try:
        message = json.loads(text)["message"]
    except (ValueError, KeyError, TypeError):
        message = re.sub(r"(?:<[^>]*>|\s)+", " ", text).strip()
    return str(message)[:200]
