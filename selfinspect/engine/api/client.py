"""All that is ever asked of an engine: read-only by construction, nothing else makes requests.

`Prober` is what may be asked before the identity stands, `Client` after that, and `Inquiry` what a
client answers on demand, masked.
"""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from dataclasses import field
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from selfinspect import times
from selfinspect.engine.api.capabilities import check
from selfinspect.engine.inspect import listings
from selfinspect.engine.inspect.log import Log
from selfinspect.engine.quirks import named
from selfinspect.errors import EngineAnswerError, EngineError, EngineUnreachableError
from selfinspect.frozen import dataclass
from selfinspect.jsonread import boolean, integer, parsed, sequence, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from selfinspect.engine.api.capabilities import Answered
    from selfinspect.engine.api.connection import Connection
    from selfinspect.engine.http.stream import Stream
    from selfinspect.engine.inspect.log import LogQuery
    from selfinspect.masking import Masking
    from selfinspect.model import Capability, Engine, Json

ONE_SHOT_SINCE = "1.41"
_SURROUNDINGS = ("network", "volume", "daemon")

_HEADERS = 5.0
"""Seconds for those of a stream: an engine sends them at once, a proxy may hold them back."""


class Prober:
    """What may be asked about candidates, before the identity stands.

    Answers about others are discarded.

    Raises:
        EngineAnswerError: by every method, where the engine answers with an error.
        EngineUnreachableError: where it does not answer.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def engine(self) -> Engine:
        """The engine that is asked; a proxy may keep its name back, and not its `/version`."""
        greeted = self.connection.engine
        if greeted.version is not None:
            return greeted
        with suppress(EngineError):
            return named(greeted, self.connection.json("version"))
        return greeted

    def inspect(self, container: str) -> Json:
        """A candidate's inspect document."""
        return self.connection.json("inspect", container)

    def processes(self, container: str, *, namespaces: bool) -> Sequence[listings.Process]:
        """The processes of a candidate, with their mount namespaces where those are asked for.

        BusyBox's `ps` has no such column, and refuses the whole question then.
        """
        ps_args = "-eo pid,comm,mntns" if namespaces else "-o pid,comm"
        top = self.connection.json("top", container, ps_args=ps_args)
        return listings.listed(top, namespaces=namespaces)

    def stamp(self, container: str, path: str) -> str | None:
        """When a file of a candidate was modified, RFC 3339; None where it has no such file."""
        answer = self.connection.answer("archive", container, path=path)
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
        filters = json.dumps({"container": [name]})
        query = {"filters": filters, "since": times.unix(since)}
        return self.connection.stream("events", "", query, patience=_HEADERS)

    def running(self) -> Mapping[str, int]:
        """The IDs of the running containers, and when each was created, Unix seconds."""
        rows = sequence(self.connection.json("list"))
        return {
            identifier: integer(row, "Created") or 0
            for row in rows
            if (identifier := text(row, "Id"))
        }


@dataclass(frozen=True, slots=True)
class Client:
    """What may be asked once the identity stands: of one container, by its full ID.

    What was refused is not asked for again at once: see `Connection.capabilities`.
    """

    connection: Connection
    id: str = field(repr=False)

    def inspect(self) -> Json:
        """Our own inspect document."""
        return self._json("inspect", self.id)

    def image(self, image_id: str) -> Json:
        """The inspect document of our own image."""
        return self._json("image", image_id)

    def history(self, image_id: str) -> Json:
        """The layers of our own image, the newest first."""
        return self._json("history", image_id)

    def info(self) -> Json:
        """What the engine reports of itself and its machine."""
        return self._json("info")

    def stats(self) -> Json:
        """One frame of our own stats; an empty document where the engine has none to give.

        From API 1.41 on without the second frame that costs the engine a second or more.
        """
        connection, query = self.connection, {"stream": "false"}
        if connection.speaks(ONE_SHOT_SINCE):
            query["one-shot"] = "true"
        body = self._ask("stats", lambda: connection.get("stats", self.id, **query))
        return connection.decoded("stats", body) if body.strip() else {}

    def size(self) -> int | None:
        """Bytes in our writable layer, None where they are not reported.

        The engine walks the disk to count them: seconds, for a large one.
        """
        return integer(self._json("inspect", self.id, size="true"), "SizeRw")

    def top(self, arguments: str | None = None) -> Json:
        """Our own processes, as the `ps` of the engine's machine lists them.

        Args:
            arguments: of `ps`, checked by `listings.arguments` before; None for the engine's own.
        """
        return self._json("top", self.id, **({"ps_args": arguments} if arguments else {}))

    def changes(self) -> Json:
        """What differs in our file system from our image's."""
        return self._json("changes", self.id)

    def logs(self, query: Mapping[str, str]) -> Stream:
        """Our own log, as the engine sends it."""
        return self._ask("logs", lambda: self.connection.stream("logs", self.id, query))

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
        """All the events that the engine holds, of every container.

        A proxy that allows our own may refuse these: that says nothing of the capability.
        """
        return self.connection.stream("events", "", {"until": until})

    def _events(
        self,
        filters: Mapping[str, Sequence[str]],
        since: str | None,
        until: str | None,
        patience: float | None,
    ) -> Stream:
        given = {"filters": json.dumps(filters), "since": since, "until": until}
        query = {name: value for name, value in given.items() if value}
        stream = partial(self.connection.stream, "events", "", query, patience=patience)
        return self._ask("events", stream)

    def _json(self, capability: Capability, of: str = "", **query: str) -> Json:
        return self._ask(capability, lambda: self.connection.json(capability, of, **query))

    def _ask(self, capability: Capability, question: Callable[[], Answered]) -> Answered:
        return self.connection.capabilities.ask(capability, question)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What an engine answers on demand about one container, masked.

    Each question may take as long as the engine does, and raises EngineError.

    Attributes:
        client: asks the engine.
        masking: what is hidden of the answers.
        inspect: the container's inspect document.
    """

    client: Client
    masking: Masking
    inspect: Json

    def top(self, args: str | None = None) -> Json:
        """The container's processes.

        Args:
            args: of `ps`, to choose the columns; None for the engine's own.

        Raises:
            BadRequestError: they do more than that.
        """
        if args is not None:
            listings.arguments(args)
        try:
            return listings.processes(self.client.top(args), self.masking)
        except EngineAnswerError as error:
            if error.code != HTTPStatus.CONFLICT:
                raise
            raise EngineUnreachableError(
                "there are no processes", hint="the container is not running"
            ) from error

    def changes(self) -> Json:
        """What differs in the container's file system from its image's."""
        return listings.changes(self.client.changes(), self.masking)

    def image(self) -> Json:
        """The container's image; its history is null where that alone is refused."""
        identifier = text(self.inspect, "Image") or ""
        inspect = self.client.image(identifier)
        try:
            history = self.client.history(identifier)
        except EngineAnswerError:
            history = None
        reference = text(self.inspect, "Config", "Image")
        return listings.image(inspect, history, reference=reference, masking=self.masking)

    def log(self, query: LogQuery) -> Log:
        """The container's own log, open."""
        stream = self.client.logs(query.parameters())
        terminal = boolean(self.inspect, "Config", "Tty") is True
        return Log(stream, query, self.masking, terminal=terminal)
