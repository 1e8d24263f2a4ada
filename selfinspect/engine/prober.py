"""Read-only by construction: all that can be asked of an engine before the identity stands."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from selfinspect import times
from selfinspect.engine.access import integer, parsed, sequence, text
from selfinspect.engine.connection import container_path
from selfinspect.engine.processes import listed
from selfinspect.engine.refusals import check

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selfinspect.engine.connection import Connection
    from selfinspect.engine.processes import Process
    from selfinspect.engine.stream import Stream
    from selfinspect.model import Engine, Json


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
