"""The events of this container in the order of their arrival, the newest ones kept."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from selfinspect.errors import JournalBusyError
from selfinspect.events.cursor import Cursor, parse_cursor
from selfinspect.events.journal_file import (
    JournalFile,
    copied,
    in_memory,
    not_written,
    path_of,
    read,
)
from selfinspect.events.query import MATCHES, Query
from selfinspect.events.rows import INSERT, Row, digest, row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from selfinspect.events.journal_file import Notice
    from selfinspect.events.translate import Occurrence
    from selfinspect.model import Event, Json

# An engine replays up to 256 events: their keys are to outlast any limit.
_KEPT_AT_LEAST = 512

_Result = TypeVar("_Result")


class Page(NamedTuple):
    """Events after a cursor, oldest first.

    `next` is the cursor to go on from. `gap` says that the cursor was of another journal or
    of an event no longer kept, so that the page begins with the oldest held.
    """

    events: tuple[Event, ...]
    next: str
    gap: bool


class Journal:
    """Gives each event its `seq`, rising by one from 1, and keeps the newest of them.

    In memory until it is opened. Safe to use from several threads.

    Args:
        limit: how many events are held.
        tell: takes what a person should know, from whichever thread finds it out.
    """

    def __init__(self, limit: int, tell: Callable[[Notice], None] = lambda _: None) -> None:
        self._limit = limit
        self._tell = tell
        self._lock = threading.Lock()
        self._container: str | None = None
        self._file: JournalFile | None = None
        self._use(in_memory())
        self._volatile = self._name
        self._former = Cursor(self._name, 0)

    def open(self, folder: Path, container: str) -> None:
        """Go on where the container's journal on disk ends; called before the first `append`.

        What can be read and not be written is gone on with in memory. What is open stays open.

        Args:
            folder: where journals are; it is made where it is missing.
            container: the full ID.
        """
        with self._lock:
            if container == self._container:
                return
            self._container = container
            self._let_go()
            path = path_of(folder, container)
            try:
                self._file = JournalFile(path, container, self._tell)
                self._use(self._file.database)
            except (JournalBusyError, OSError, sqlite3.Error) as error:
                self._let_go()
                self._use(read(path, container))
                self._go_on_in_memory(path, error)

    def read(self, folder: Path, container: str) -> None:
        """Hold what a container's journal on disk holds, and leave the disk as it is."""
        with self._lock:
            self._use(read(path_of(folder, container), container))

    def close(self) -> None:
        """Let go of the file; what is appended after that ends with the process."""
        with self._lock:
            self._let_go()

    def append(self, *occurrences: Occurrence) -> tuple[Event, ...]:
        """The events, now in their places, without those that stand there already.

        All of them or, where the process ends meanwhile, none are in the journal.
        """
        return self._on_disk_or_not(lambda: self._append(occurrences))

    def unknown(self, *occurrences: Occurrence) -> tuple[Occurrence, ...]:
        """Those that do not stand here yet."""
        query = "SELECT 1 FROM events WHERE key = ?"

        def missing() -> tuple[Occurrence, ...]:
            found = (
                self._database.execute(query, [digest(each)]).fetchone() for each in occurrences
            )
            return tuple(each for each, row in zip(occurrences, found, strict=True) if row is None)

        return self._on_disk_or_not(missing)

    def after(
        self, cursor: str | None, limit: int | None = None, query: Query | None = None
    ) -> Page:
        """The events that follow a cursor and match; all that are held without one.

        `next` lies behind all that was looked at: whoever goes on need not look at it again.

        Raises:
            BadRequestError: the cursor is none that any journal gives out.
        """
        place = None if cursor is None else parse_cursor(cursor)
        matching = (query or Query()).parameters()

        def page() -> Page:
            before = self._oldest() - 1
            seq = before if place is None else self._seq(place)
            gap = seq is None or seq < before
            events = self._select(
                f"seq > :seq AND {MATCHES} ORDER BY seq LIMIT :limit",
                {
                    **matching,
                    "seq": before if gap else seq,
                    "limit": -1 if limit is None else limit,
                },
            )
            full = limit is not None and len(events) == limit
            return Page(events, events[-1].cursor if full else self._cursor(self._last), gap)

        return self._on_disk_or_not(page)

    def held(self, *actions: str) -> tuple[Event, ...]:
        """All events held, oldest first; of these actions alone where any are named."""
        among = f"AND action IN ({', '.join('?' * len(actions))})" if actions else ""
        return self._on_disk_or_not(
            lambda: self._select(f"seq >= ? {among} ORDER BY seq", (self._oldest(), *actions))
        )

    def newest(self) -> int | None:
        """Nanoseconds since the Unix epoch of the latest event that an engine told of."""
        query = (
            "SELECT max(nanoseconds) FROM events WHERE source <> 'reconciled' AND type <> 'agent'"
        )
        latest: int | None = self._on_disk_or_not(lambda: self._value(query))
        return latest

    def remember(self, facts: Json) -> None:
        """Keep a small document beside the events, in place of the one before."""
        statement = "INSERT OR REPLACE INTO meta VALUES ('facts', ?)"
        self._on_disk_or_not(lambda: self._database.execute(statement, [json.dumps(facts)]))

    def remembered(self) -> Json:
        """The document kept last, None where there is none."""
        query = "SELECT value FROM meta WHERE name = 'facts'"
        text = self._on_disk_or_not(lambda: self._value(query))
        facts: Json = None if text is None else json.loads(text)
        return facts

    def _use(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._name: str = self._value("SELECT value FROM meta WHERE name = 'name'")
        self._last: int = self._value("SELECT max(seq) FROM events") or 0
        self._run: int | None = self._value("SELECT run FROM events ORDER BY seq DESC LIMIT 1")

    def _let_go(self) -> None:
        if self._file is not None:
            self._database = in_memory()
            self._file.close()
            self._file = None

    def _on_disk_or_not(self, call: Callable[[], _Result]) -> _Result:
        """The result of a call; of a second one, in memory, where the disk fails the first."""
        with self._lock:
            try:
                return call()
            except sqlite3.Error as error:
                if self._file is None or self._container is None:
                    raise
                self._database = copied(self._database, self._container)
                self._go_on_in_memory(self._file.path, error)
                with suppress(sqlite3.Error):
                    self._file.close()
                self._file = None
                return call()

    def _go_on_in_memory(self, path: Path, error: Exception) -> None:
        """Go on in memory with what is held, and say so.

        Under another name: once the file is gone on with, the numbers are given out again.
        """
        self._former = Cursor(self._name, self._last)
        self._name = self._volatile
        self._tell(not_written(path, error))

    def _append(self, occurrences: Sequence[Occurrence]) -> tuple[Event, ...]:
        last, run, added = self._last, self._run, list[Row]()
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            for occurrence in occurrences:
                starts = (occurrence.type, occurrence.action) == ("container", "start")
                new = row(last + 1, (run or 0) + 1 if starts else run, occurrence)
                if self._database.execute(INSERT, new).rowcount:
                    last, run = new.seq, new.run
                    added.append(new)
            pruned = last - max(self._limit, _KEPT_AT_LEAST)
            self._database.execute("DELETE FROM events WHERE seq <= ?", [pruned])
        self._last, self._run = last, run
        return tuple(new.event(self._cursor(new.seq)) for new in added)

    def _select(
        self, rest: str, parameters: Sequence[str | int] | Mapping[str, str | int | None]
    ) -> tuple[Event, ...]:
        rows = self._database.execute(f"SELECT * FROM events WHERE {rest}", parameters)  # noqa: S608
        return tuple(found.event(self._cursor(found.seq)) for found in map(Row._make, rows))

    def _value(self, query: str) -> Any:
        found = self._database.execute(query).fetchone()
        return found[0] if found else None

    def _oldest(self) -> int:
        first: int | None = self._value("SELECT min(seq) FROM events")
        return self._last + 1 if first is None else max(first, self._last - self._limit + 1)

    def _seq(self, place: Cursor) -> int | None:
        """Where a cursor leads in this journal; None where it is not of it."""
        known = {self._former.name: self._former.seq, self._name: self._last}
        return place.seq if place.seq <= known.get(place.name, -1) else None

    def _cursor(self, seq: int) -> str:
        name = self._former.name if 0 < seq <= self._former.seq else self._name
        return str(Cursor(name, seq))
