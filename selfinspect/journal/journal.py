"""The events of this container in the order of their arrival: the newest ones, with cursors.

A cursor is the name of a journal and the number of an event in it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from selfinspect.errors import JournalBusyError
from selfinspect.journal.database import (
    BYTES,
    Table,
    UnusableError,
    bound_memory,
    in_memory,
    newest_in_memory,
)
from selfinspect.journal.files import JournalFile, Notice, path_of, read
from selfinspect.journal.rows import (
    ALL,
    MATCHES,
    Cursor,
    DamagedError,
    Query,
    newest_of_each,
    parse_cursor,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from selfinspect.journal.files import Notify
    from selfinspect.journal.rows import Row
    from selfinspect.model import Event, Json, Occurrence

_Result = TypeVar("_Result")

_PATIENCE = 10.0
"""Seconds after which a journal counts as hanging; it answers in milliseconds."""


class Page(NamedTuple):
    """Events after a cursor, oldest first.

    `next` is the cursor to continue from. `gap` means that the cursor was of another journal or
    of an event that is no longer kept, so that the page begins with the oldest event held.
    """

    events: tuple[Event, ...]
    next: str
    gap: bool


class Journal:
    """Gives each event its `seq`, rising by one from 1, and keeps the newest of them.

    In memory until it is opened. What is damaged in it is skipped, with one notice.
    Safe to use from several threads.

    Args:
        limit: how many events are held.
        notify: called with what a person should know, from any thread.
        memory: bytes that events may take if they are on no disk; None for no limit.
        patience: seconds after which a call that has not returned means that the journal hangs.
    """

    def __init__(
        self,
        limit: int,
        notify: Notify = lambda _: None,
        *,
        memory: int | None = BYTES,
        patience: float = _PATIENCE,
    ) -> None:
        self._limit = limit
        self._notify = notify
        self._memory = memory
        self._patience = patience
        self._path: Path | None = None
        self._damage_notified = False
        self._lock = threading.Lock()
        self._container: str | None = None
        self._former_id: str | None = None
        self._file: JournalFile | None = None
        self._busy_since: float | None = None
        self._table = Table(in_memory(), memory)
        if memory is not None:
            bound_memory(self._table.database)
        # Cursors up to the last event that came from a file bear that file's name.
        self._name_in_memory = self._table.name
        self._last_of_file = Cursor(self._name_in_memory, 0)

    def open(self, folder: Path, container: str, former: str | None = None) -> None:
        """Continue the container's journal on disk; call it before the first `append`.

        One that can be read and not written is continued in memory. An open one stays open.

        Args:
            folder: where journals are; it is made if it is missing.
            container: its mark, or its full ID.
            former: its full ID, by which an earlier version may have named its journal.
        """
        with self._working():
            has_former = former is not None and os.path.lexists(path_of(folder, former))
            if container == self._container and (former == self._former_id or not has_former):
                return
            self._container, self._former_id = container, former
            self._let_go()
            self._path = path = path_of(folder, container)
            self._damage_notified = False
            try:
                self._file = JournalFile(path, container, self._notify, former)
                self._table = Table(self._file.database)
            except (JournalBusyError, UnusableError, OSError, sqlite3.Error) as error:
                self._let_go()
                self._copy(folder, container, former)
                self._continue_in_memory(path, error)

    def read(self, folder: Path, container: str, former: str | None = None) -> None:
        """Copy a container's journal from disk into memory, and leave the disk as it is.

        Args:
            folder: where journals are.
            container: its mark, or its full ID.
            former: its full ID, used if there is no file of the other name.
        """
        with self._working():
            self._path = path_of(folder, container)
            self._copy(folder, container, former)

    @property
    def answers(self) -> bool:
        """Whether no call has waited long for its disk. Does not touch the disk itself."""
        since = self._busy_since
        return since is None or time.monotonic() - since < self._patience

    def close(self) -> None:
        """Close the file; what is appended after that ends with the process."""
        with self._lock:
            self._let_go()

    def append(self, *occurrences: Occurrence) -> tuple[Event, ...]:
        """Store events, and return those that were not there already.

        All of them or, if the process ends meanwhile, none are stored.
        """

        def append(table: Table) -> tuple[Event, ...]:
            added = table.append(occurrences, self._limit)
            return tuple(row.event(self._cursor(row.seq)) for row in added)

        return self._call(append)

    def unknown(self, *occurrences: Occurrence) -> tuple[Occurrence, ...]:
        """The events that are not stored yet."""
        return self._call(
            lambda table: tuple(each for each in occurrences if not table.holds(each))
        )

    def after(
        self, cursor: str | None, limit: int | None = None, query: Query | None = None
    ) -> Page:
        """The events that follow a cursor and match; without a cursor, of all that are held.

        `next` comes after all events that were examined, matching or not.

        Raises:
            BadRequestError: no journal gives out such a cursor.
        """
        place = None if cursor is None else parse_cursor(cursor)
        matching = (query or Query()).parameters()

        def page(table: Table) -> Page:
            before = self._oldest() - 1
            seq = before if place is None else self._seq(place)
            gap = seq is None or seq < before
            seq = before if gap else seq
            while True:
                rows = [
                    *table.rows(
                        f"seq > :seq AND {MATCHES} ORDER BY seq LIMIT :limit",
                        {**matching, "seq": seq, "limit": -1 if limit is None else limit},
                    )
                ]
                events = tuple(self._events(rows))
                seq = rows[-1].seq if len(rows) == limit else table.last
                if events or seq == table.last:
                    return Page(events, self._cursor(seq), gap)

        return self._call(page)

    def held(self, *actions: str, newest: int = ALL, per_run: int = ALL) -> tuple[Event, ...]:
        """The events held, oldest first.

        Args:
            actions: only those of these; none for all.
            newest: at most so many, the newest.
            per_run: at most so many of each action in each run, the newest.
        """
        condition = newest_of_each(actions)

        def rows(table: Table) -> tuple[Event, ...]:
            parameters: list[str | int] = [self._oldest(), *actions, per_run, newest]
            return tuple(self._events(table.rows(condition, parameters)))

        return self._call(rows)[::-1]

    def newest(self) -> int | None:
        """When the latest event happened that an engine reported, in nanoseconds since 1970."""
        return self._call(Table.newest)

    def remember(self, facts: Json) -> None:
        """Store a small document beside the events, in place of the one before."""
        text = json.dumps(facts)
        self._call(lambda table: table.remember(text))

    def remembered(self) -> Json:
        """The document stored last, None where there is none."""
        text = self._call(Table.remembered)
        try:
            facts: Json = None if text is None else json.loads(text)
        except ValueError as error:
            self._notify_of_damage(error)
            return None
        return facts

    @contextmanager
    def _working(self) -> Iterator[None]:
        with self._lock:
            self._busy_since = time.monotonic()
            try:
                yield
            finally:
                self._busy_since = None

    def _call(self, call: Callable[[Table], _Result]) -> _Result:
        """Call with the table; if the disk fails, once more with a copy of it in memory."""
        with self._working():
            try:
                return call(self._table)
            except sqlite3.Error as error:
                if self._file is None:
                    raise
                try:
                    copy = newest_in_memory(self._table.database, self._memory)
                except sqlite3.Error:
                    copy = in_memory()
                self._table = self._table.moved(copy, self._memory)
                self._continue_in_memory(self._file.path, error)
                with suppress(sqlite3.Error):
                    self._file.close()
                self._file = None
                return call(self._table)

    def _copy(self, folder: Path, container: str, former: str | None) -> None:
        if former is not None and not os.path.lexists(path_of(folder, container)):
            container = former
        copy = read(path_of(folder, container), container, self._memory)
        self._table = Table(copy, self._memory)

    def _let_go(self) -> None:
        if self._file is not None:
            self._table = Table(in_memory(), self._memory)
            self._file.close()
            self._file = None

    def _continue_in_memory(self, path: Path, error: Exception) -> None:
        """Continue under another name: whoever continues the file gives the numbers out again."""
        self._last_of_file = Cursor(self._table.name, self._table.last)
        self._table.name = self._name_in_memory
        if isinstance(error, JournalBusyError):
            self._notify(Notice("journal.busy", path, error.detail, error.hint))
        else:
            hint = "selfinspect doctor says what would make it writable"
            self._notify(Notice("journal.in_memory", path, str(error), hint))

    def _events(self, rows: Iterable[Row]) -> Iterator[Event]:
        for each in rows:
            try:
                yield each.event(self._cursor(each.seq))
            except DamagedError as error:
                self._notify_of_damage(error)

    def _notify_of_damage(self, error: Exception) -> None:
        if self._path is not None and not self._damage_notified:
            self._damage_notified = True
            hint = "the rest of it is shown and continued"
            self._notify(Notice("journal.damaged", self._path, str(error), hint))

    def _oldest(self) -> int:
        first, last = self._table.oldest(), self._table.last
        return last + 1 if first is None else max(first, last - self._limit + 1)

    def _seq(self, place: Cursor) -> int | None:
        """Where a cursor leads in this journal; None if it is not of this journal."""
        file = self._last_of_file
        last = {file.name: file.seq, self._table.name: self._table.last}
        return place.seq if place.seq <= last.get(place.name, -1) else None

    def _cursor(self, seq: int) -> str:
        file = self._last_of_file
        return str(Cursor(file.name if 0 < seq <= file.seq else self._table.name, seq))
