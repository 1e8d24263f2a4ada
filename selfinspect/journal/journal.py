"""The events of this container in the order of their arrival, the newest ones kept.

Cursors: the name of a journal and the number of an event in it.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from selfinspect.errors import BadRequestError, JournalBusyError
from selfinspect.journal.database import (
    BYTES,
    Table,
    UnusableError,
    bound_memory,
    in_memory,
    rescued,
)
from selfinspect.journal.files import JournalFile, damaged, not_written, path_of, read
from selfinspect.journal.rows import ALL, MATCHES, DamagedError, Query, newest_of_each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from selfinspect.journal.files import Notice
    from selfinspect.journal.rows import Row
    from selfinspect.model import Event, Json, Occurrence

_Result = TypeVar("_Result")
PATIENCE = 10.0
"""Seconds after which a journal counts as hanging; it answers in milliseconds."""


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

    In memory until it is opened. What is damaged in it is passed over, and that is told once.
    Safe to use from several threads.

    Args:
        limit: how many events are held.
        tell: takes what a person should know, from whichever thread finds it out.
        memory: bytes that those take which are on no disk, at most; None for no bound.
        patience: seconds after which a question that is not answered means that it hangs.
    """

    def __init__(
        self,
        limit: int,
        tell: Callable[[Notice], None] = lambda _: None,
        *,
        memory: int | None = BYTES,
        patience: float = PATIENCE,
    ) -> None:
        self._limit = limit
        self._tell = tell
        self._memory = memory
        self._patience = patience
        self._path: Path | None = None
        self._damage_told = False
        self._lock = threading.Lock()
        self._container: str | None = None
        self._former_name: str | None = None
        self._file: JournalFile | None = None
        self._busy_since: float | None = None
        self._table = Table(in_memory(), memory)
        if memory is not None:
            bound_memory(self._table.database)
        self._volatile = self._table.name
        self._former = Cursor(self._volatile, 0)

    def open(self, folder: Path, container: str, former: str | None = None) -> None:
        """Go on where the container's journal on disk ends; called before the first `append`.

        What can be read and not be written is gone on with in memory. What is open stays open.

        Args:
            folder: where journals are; it is made where it is missing.
            container: its mark, or its full ID.
            former: its full ID, by which an earlier version may have named its journal.
        """
        with self._working():
            named = former is not None and os.path.lexists(path_of(folder, former))
            if container == self._container and (former == self._former_name or not named):
                return
            self._container, self._former_name = container, former
            self._let_go()
            self._path = path = path_of(folder, container)
            self._damage_told = False
            try:
                self._file = JournalFile(path, container, self._tell, former)
                self._table = Table(self._file.database)
            except (JournalBusyError, UnusableError, OSError, sqlite3.Error) as error:
                self._let_go()
                self._hold(folder, container, former)
                self._go_on_in_memory(path, error)

    def read(self, folder: Path, container: str, former: str | None = None) -> None:
        """Hold what a container's journal on disk holds, and leave the disk as it is.

        Args:
            folder: where journals are.
            container: its mark, or its full ID.
            former: its full ID, which counts where there is no file of the other name.
        """
        with self._working():
            self._path = path_of(folder, container)
            self._hold(folder, container, former)

    @property
    def answers(self) -> bool:
        """Whether it can be asked now: nobody has waited long for its disk. Asks it nothing."""
        since = self._busy_since
        return since is None or time.monotonic() - since < self._patience

    def close(self) -> None:
        """Let go of the file; what is appended after that ends with the process."""
        with self._lock:
            self._let_go()

    def append(self, *occurrences: Occurrence) -> tuple[Event, ...]:
        """The events, now in their places, without those that stand there already.

        All of them or, where the process ends meanwhile, none are in the journal.
        """

        def append(table: Table) -> tuple[Event, ...]:
            added = table.append(occurrences, self._limit)
            return tuple(row.event(self._cursor(row.seq)) for row in added)

        return self._on_disk_or_not(append)

    def unknown(self, *occurrences: Occurrence) -> tuple[Occurrence, ...]:
        """Those that do not stand here yet."""
        return self._on_disk_or_not(
            lambda table: tuple(each for each in occurrences if not table.holds(each))
        )

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

        return self._on_disk_or_not(page)

    def held(self, *actions: str, newest: int = ALL, per_run: int = ALL) -> tuple[Event, ...]:
        """The events held, oldest first.

        Args:
            actions: those of these alone, where any are named.
            newest: so many at most, those that came last.
            per_run: so many at most of each action in each run, those that came last.
        """
        condition = newest_of_each(actions)

        def rows(table: Table) -> tuple[Event, ...]:
            parameters: list[str | int] = [self._oldest(), *actions, per_run, newest]
            return tuple(self._events(table.rows(condition, parameters)))

        return self._on_disk_or_not(rows)[::-1]

    def newest(self) -> int | None:
        """Nanoseconds since the Unix epoch of the latest event that an engine told of."""
        return self._on_disk_or_not(Table.newest)

    def remember(self, facts: Json) -> None:
        """Keep a small document beside the events, in place of the one before."""
        text = json.dumps(facts)
        self._on_disk_or_not(lambda table: table.remember(text))

    def remembered(self) -> Json:
        """The document kept last, None where there is none."""
        text = self._on_disk_or_not(Table.remembered)
        try:
            facts: Json = None if text is None else json.loads(text)
        except ValueError as error:
            self._tell_of_damage(error)
            return None
        return facts

    def _hold(self, folder: Path, container: str, former: str | None) -> None:
        if former is not None and not os.path.lexists(path_of(folder, container)):
            container = former
        copy = read(path_of(folder, container), container, self._memory)
        self._table = Table(copy, self._memory)

    @contextmanager
    def _working(self) -> Iterator[None]:
        with self._lock:
            self._busy_since = time.monotonic()
            try:
                yield
            finally:
                self._busy_since = None

    def _let_go(self) -> None:
        if self._file is not None:
            self._table = Table(in_memory(), self._memory)
            self._file.close()
            self._file = None

    def _on_disk_or_not(self, call: Callable[[Table], _Result]) -> _Result:
        """The result of a call; of a second one, in memory, where the disk fails the first."""
        with self._working():
            try:
                return call(self._table)
            except sqlite3.Error as error:
                if self._file is None:
                    raise
                copy = rescued(self._table.database, self._memory)
                self._table = self._table.moved(copy, self._memory)
                self._go_on_in_memory(self._file.path, error)
                with suppress(sqlite3.Error):
                    self._file.close()
                self._file = None
                return call(self._table)

    def _go_on_in_memory(self, path: Path, error: Exception) -> None:
        """Go on in memory with what is held, and say so.

        Under another name: once the file is gone on with, the numbers are given out again.
        """
        self._former = Cursor(self._table.name, self._table.last)
        self._table.name = self._volatile
        self._tell(not_written(path, error))

    def _events(self, rows: Iterable[Row]) -> Iterator[Event]:
        for each in rows:
            try:
                yield each.event(self._cursor(each.seq))
            except DamagedError as error:
                self._tell_of_damage(error)

    def _tell_of_damage(self, error: Exception) -> None:
        if self._path is not None and not self._damage_told:
            self._damage_told = True
            self._tell(damaged(self._path, error))

    def _oldest(self) -> int:
        first, last = self._table.oldest(), self._table.last
        return last + 1 if first is None else max(first, last - self._limit + 1)

    def _seq(self, place: Cursor) -> int | None:
        """Where a cursor leads in this journal; None where it is not of it."""
        known = {self._former.name: self._former.seq, self._table.name: self._table.last}
        return place.seq if place.seq <= known.get(place.name, -1) else None

    def _cursor(self, seq: int) -> str:
        name = self._former.name if 0 < seq <= self._former.seq else self._table.name
        return str(Cursor(name, seq))


_CURSOR = re.compile(r"(?P<name>[0-9a-z]{1,64})-(?P<seq>[0-9]{1,18})")


class Cursor(NamedTuple):
    """Behind which event a reader goes on."""

    name: str
    seq: int

    def __str__(self) -> str:
        return f"{self.name}-{self.seq}"


def parse_cursor(text: str) -> Cursor:
    """A cursor as `str` writes it.

    Raises:
        BadRequestError: it is none that any journal gives out.
    """
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise BadRequestError(
            f"{text!r} is no cursor",
            hint="take `next` of /v1/events, or the id of a streamed event",
        )
    return Cursor(match["name"], int(match["seq"]))
