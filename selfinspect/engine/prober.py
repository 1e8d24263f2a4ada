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
from selfinspect.engine.refusals import check

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selfinspect.engine.connection import Connection
    from selfinspect.engine.stream import Stream
    from selfinspect.model import Json


_HEADERS = 5.0
"""Seconds for those of a stream: an engine sends them at once, a proxy may hold them back."""


@dataclass(frozen=True, slots=True)
class Prober:
    """What may be asked before the identity stands; answers about others are discarded."""

    connection: Connection

    def inspect(self, container: str) -> Json:
        """A candidate's inspect document."""
        return self.connection.json("inspect", f"{container_path(container)}/json")

    def commands(self, container: str) -> Sequence[str]:
        """The command name, as in `/proc/PID/comm`, of each process of a candidate."""
        return [command for _, command in self._top(container, "comm")]

    def mount_namespaces(self, container: str) -> Mapping[str, str]:
        """The inode of the mount namespace of each process of a candidate, by the engine's PIDs.

        Not every machine's `ps` knows them; the engine answers with an error then.
        """
        return dict(self._top(container, "mntns"))

    def _top(self, container: str, column: str) -> list[tuple[str, str]]:
        top = self.connection.top(container, ps_args=f"-eo pid,{column}")
        return [
            (str(row[0]), str(row[1]))
            for row in sequence(top, "Processes")
            if isinstance(row, list) and len(row) > 1
        ]

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
