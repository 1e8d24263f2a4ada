"""Read-only by construction: all that can be asked of an engine once the identity stands.

What may be asked before that is in `prober`; nothing else makes requests.

Read-only by construction: all that can be asked of an engine before the identity stands.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from selfinspect import times
from selfinspect.engine.api.capabilities import check
from selfinspect.engine.api.connection import container_path
from selfinspect.engine.inspect.listings import listed
from selfinspect.jsonread import integer, parsed, sequence, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selfinspect.engine.api.connection import Connection
    from selfinspect.engine.http.stream import Stream
    from selfinspect.engine.inspect.listings import Process
    from selfinspect.model import Engine, Json

ONE_SHOT_SINCE = "1.41"
_SURROUNDINGS = ("network", "volume", "daemon")


@dataclass(frozen=True, slots=True)
class Client:
    """What may be asked once the identity stands: of one container, by its full ID.

    What was refused is not asked for again at once: see `Connection.capabilities`.
    """

    connection: Connection
    id: str = field(repr=False)

    def inspect(self) -> Json:
        """Our own inspect document."""
        return self._json("inspect", f"{container_path(self.id)}/json")

    def image(self, image_id: str) -> Json:
        """The inspect document of our own image."""
        return self._json("image", f"/images/{quote(image_id, safe=':')}/json")

    def history(self, image_id: str) -> Json:
        """The layers of our own image, the newest first."""
        return self._json("history", f"/images/{quote(image_id, safe=':')}/history")

    def info(self) -> Json:
        """What the engine says of itself and its machine."""
        return self._json("info", "/info")

    def stats(self) -> Json:
        """One frame of our own stats; an empty document where the engine has none to give.

        From API 1.41 on without the second frame that costs the engine a second or more.
        """
        query = {"stream": "false"}
        if self.connection.speaks(ONE_SHOT_SINCE):
            query["one-shot"] = "true"
        body = self.connection.capabilities.ask(
            "stats",
            lambda: self.connection.get("stats", f"{container_path(self.id)}/stats", **query),
        )
        return self.connection.decoded("stats", body) if body.strip() else {}

    def size(self) -> int | None:
        """Bytes in our writable layer, None where they are not told.

        The engine walks the disk to count them: seconds, for a large one.
        """
        return integer(
            self._json("inspect", f"{container_path(self.id)}/json", size="true"), "SizeRw"
        )

    def top(self, arguments: str | None = None) -> Json:
        """Our own processes, as the `ps` of the engine's machine lists them.

        Args:
            arguments: of `ps`, checked by `processes.arguments` before; None for the engine's own.
        """
        connection, query = self.connection, {"ps_args": arguments} if arguments else {}
        return connection.capabilities.ask("top", lambda: connection.top(self.id, **query))

    def changes(self) -> Json:
        """What differs in our file system from our image's."""
        return self._json("changes", f"{container_path(self.id)}/changes")

    def logs(self, query: Mapping[str, str]) -> Stream:
        """Our own log, as the engine sends it."""
        return self._stream("logs", f"{container_path(self.id)}/logs", query)

    def own_events(
        self, since: str | None = None, until: str | None = None, *, patience: float | None = None
    ) -> Stream:
        """The events whose actor is this container.

        Args:
            since: seconds and nanoseconds of the first moment to replay, `"%d.%09d"`.
            until: the same of the last: then the answer ends. Without both it begins now.
            patience: seconds for the headers, None for as long as any answer may take.
        """
        return self._events({"container": [self.id]}, since, until, patience)

    def surrounding_events(
        self, since: str | None = None, until: str | None = None, *, patience: float | None = None
    ) -> Stream:
        """The events of networks, volumes and the daemon: of these, some concern us.

        The engine's filter matches a container that is the actor; in a network's or a volume's
        event it is an attribute.
        """
        return self._events({"type": list(_SURROUNDINGS)}, since, until, patience)

    def all_events(self, until: str) -> Stream:
        """All the events that the engine holds, whomever they are about.

        A proxy that allows our own may refuse these: that says nothing of the capability.
        """
        return self.connection.stream("events", "/events", {"until": until})

    def _events(
        self,
        filters: Mapping[str, Sequence[str]],
        since: str | None,
        until: str | None,
        patience: float | None,
    ) -> Stream:
        given = {"filters": json.dumps(filters), "since": since, "until": until}
        query = {name: value for name, value in given.items() if value}
        return self._stream("events", "/events", query, patience)

    def _stream(
        self, capability: str, path: str, query: Mapping[str, str], patience: float | None = None
    ) -> Stream:
        connection = self.connection
        return connection.capabilities.ask(
            capability, lambda: connection.stream(capability, path, query, patience=patience)
        )

    def _json(self, capability: str, path: str, **query: str) -> Json:
        connection = self.connection
        return connection.capabilities.ask(
            capability, lambda: connection.json(capability, path, **query)
        )


_HEADERS = 5.0
"""Seconds for those of a stream: an engine sends them at once, a proxy may hold them back."""


@dataclass(frozen=True, slots=True)
class Prober:
    """What may be asked before the identity stands; answers about others are discarded."""

    connection: Connection

    @property
    def engine(self) -> Engine:
        """Who is asked."""
        return self.connection.engine

    def inspect(self, container: str) -> Json:
        """A candidate's inspect document."""
        return self.connection.json("inspect", f"{container_path(container)}/json")

    def processes(self, container: str, *, namespaces: bool) -> Sequence[Process]:
        """The processes of a candidate, with their mount namespaces where those are asked for.

        BusyBox's `ps` knows none, and refuses the whole question then.
        """
        ps_args = "-eo pid,comm,mntns" if namespaces else "-o pid,comm"
        top = self.connection.top(container, ps_args=ps_args)
        return listed(top, namespaces=namespaces)

    def stamp(self, container: str, path: str) -> str | None:
        """When a file of a candidate was modified, RFC 3339; None where it has no such file."""
        answer = self.connection.transport.head(
            "archive", self.connection.path(f"{container_path(container)}/archive", {"path": path})
        )
        if answer.code == HTTPStatus.NOT_FOUND:
            return None
        check(answer, "archive", self.connection.transport)
        try:
            stat = parsed(base64.b64decode(answer.headers["X-Docker-Container-Path-Stat"]))
        except (KeyError, ValueError):  # binascii's error is one of these
            return None
        return text(stat, "mtime")

    def events_named(self, name: str, since: int) -> Stream:
        """The events of containers by that name, as they happen; of others that begin with it, too.

        Args:
            name: without a slash.
            since: nanoseconds since the Unix epoch from which on those of the past come first.
        """
        query = {"filters": json.dumps({"container": [name]}), "since": times.unix(since)}
        return self.connection.stream("events", "/events", query, patience=_HEADERS)

    def running(self) -> Mapping[str, int]:
        """The IDs of the running containers, and when each was created, Unix seconds."""
        found = {}
        for row in sequence(self.connection.json("list", "/containers/json")):
            if identifier := text(row, "Id"):
                found[identifier] = integer(row, "Created") or 0
        return found
