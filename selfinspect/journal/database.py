"""The journal's database in memory: for whom there is no disk, and who only reads it.

What makes an SQLite database a journal, and one that this version can go on with.

The journal's tables in one SQLite database, on disk or in memory: rows in, rows out.

Events as rows of the journal's table, and what selects them. Pure.

Which of the events held a reader asks for.
"""

from __future__ import annotations

import math
import re
import secrets
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Final

from selfinspect.journal.rows import INSERT, TABLE, Row, digest, row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from selfinspect.model import Occurrence

BYTES = 2**20
"""What an agent's journal takes of memory, at most: some two thousand events as they usually are.

As many as an engine replays are among them as long as each is smaller than four kibibytes.
"""

_SIZE = """
SELECT (page_count - freelist_count) * page_size
FROM pragma_page_count, pragma_freelist_count, pragma_page_size
"""
_DROP_OLDEST = """
DELETE FROM events WHERE seq < (SELECT max(seq) FROM events)
    AND seq IN (SELECT seq FROM events ORDER BY seq LIMIT 16)
"""


def in_memory() -> sqlite3.Connection:
    """An empty journal that ends with the process."""
    database = connected(":memory:")
    create(database, "")
    return database


def copied(source: sqlite3.Connection, container: str, most: int | None) -> sqlite3.Connection:
    """A journal in memory that holds the newest events of another.

    Args:
        source: the other.
        container: whose events it holds, by its full ID.
        most: bytes that they may take; None for all there are.

    Raises:
        UnusableError: the source is no journal of this container's.
        sqlite3.Error: it cannot be read.
    """
    check(source, container)
    return _newest(source, most)


def rescued(source: sqlite3.Connection, most: int | None) -> sqlite3.Connection:
    """The same of one that was looked at when it was opened; an empty one where it is none now."""
    try:
        return _newest(source, most)
    except sqlite3.Error:
        return in_memory()


def _newest(source: sqlite3.Connection, most: int | None) -> sqlite3.Connection:
    database = in_memory()
    try:
        facts = source.execute("SELECT name, value FROM meta")
        database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", facts)
        database.execute("BEGIN")
        for row in source.execute("SELECT * FROM events ORDER BY seq DESC"):
            if most is not None and _size(database) > most:
                break
            database.execute(INSERT, row)
        database.execute("COMMIT")
    except BaseException:
        database.close()
        raise
    return database


def trim(database: sqlite3.Connection, most: int) -> None:
    """Drop the oldest events until the rest takes no more than so many bytes, or is one."""
    while _size(database) > most and database.execute(_DROP_OLDEST).rowcount:
        pass


def _size(database: sqlite3.Connection) -> int:
    [size] = database.execute(_SIZE).fetchone()
    return int(size)


PATIENCE: Final = 5.0
"""Seconds of CPU that one statement may take: whoever made the file decides what it costs."""

HEAP: Final = 16 * 2**20
"""Bytes that SQLite may take in an agent, all its databases together."""

_APPLICATION = int.from_bytes(b"self")
_VERSION = 1
_META = "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
_NAME = re.compile(r"[0-9a-f]{8}")

# What stands in `sqlite_schema` of each form: type, name, table and the statement that made it.
# Who adds a form keeps the one before, and says how a copy of it becomes the new one.
_SCHEMAS = {
    _VERSION: {
        ("table", "meta", "meta", _META.strip().rstrip(";")),
        ("table", "events", "events", TABLE.strip().rstrip(";")),
        ("index", "sqlite_autoindex_events_1", "events", None),
    }
}
# What a person's ANALYZE leaves there; it says nothing but how many rows there are.
_STATISTICS = ("table", "sqlite_stat1", "sqlite_stat1", "CREATE TABLE sqlite_stat1(tbl,idx,stat)")

# Of the longest row, and of the longest statement, which the schema's own are as well.
_LONGEST, _LONGEST_STATEMENT = 16 * 2**20, 20_000
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: _LONGEST,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: _LONGEST_STATEMENT,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_STEPS = 100_000
"""Of SQLite's virtual machine, about a millisecond, after which the clock is looked at."""


class UnusableError(Exception):
    """Raised when a database is no journal that can be gone on with."""


class _Connection(sqlite3.Connection):
    """One that fails with the errors of databases alone, and in bounded time."""

    _until = math.inf

    def execute(self, *statement: Any) -> sqlite3.Cursor:
        self._begin()
        try:
            return super().execute(*statement)
        except UnicodeDecodeError as error:  # SQLite's message quotes what is damaged
            raise _failed(error.object.decode(errors="replace")) from error
        except MemoryError as error:
            raise _failed("it takes more memory than a journal does") from error

    def executemany(self, *statement: Any) -> sqlite3.Cursor:
        self._begin()
        return super().executemany(*statement)

    def executescript(self, script: str) -> sqlite3.Cursor:
        self._begin()
        return super().executescript(script)

    def _begin(self) -> None:
        self._until = time.thread_time() + PATIENCE

    def is_late(self) -> bool:
        """Whether what is being executed has had its time."""
        return time.thread_time() > self._until


def _failed(why: str) -> sqlite3.DatabaseError:
    failure = sqlite3.DatabaseError(why)
    failure.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return failure


def connected(place: str, *, uri: bool = False) -> sqlite3.Connection:
    """A database as journals use it: from several threads, one at a time.

    What stands in it as text and is damaged comes with U+FFFD, not as an error. Nothing that
    stands in its schema is run: no trigger, no view, no function that does more than compute.
    """
    database = sqlite3.connect(
        place, isolation_level=None, check_same_thread=False, factory=_Connection, uri=uri
    )
    database.text_factory = lambda text: text.decode(errors="replace")
    for limit, value in _LIMITS.items():
        database.setlimit(limit, value)
    database.set_progress_handler(database.is_late, _STEPS)
    database.set_authorizer(_only_from_us)
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA cell_size_check = ON")
    return database


def bound_memory(database: sqlite3.Connection) -> None:
    """Let SQLite take no more than `HEAP`, for as long as the process lasts."""
    database.execute(f"PRAGMA hard_heap_limit = {HEAP}")


def _only_from_us(*asked: object) -> int:
    """Refuse what a trigger or a view does, which somebody may add while the file is open."""
    return sqlite3.SQLITE_OK if asked[-1] is None else sqlite3.SQLITE_DENY


def is_new(database: sqlite3.Connection) -> bool:
    """Whether nothing is in it yet."""
    return (_application(database), _version(database), _schema(database)) == (0, 0, set())


def create(database: sqlite3.Connection, container: str) -> None:
    """Make a journal of it, whole or, where the process ends meanwhile, not at all."""
    database.executescript(
        f"BEGIN IMMEDIATE; PRAGMA application_id = {_APPLICATION};"
        f" PRAGMA user_version = {_VERSION}; {_META} {TABLE}"
    )
    name = secrets.token_hex(4)
    database.executemany(
        "INSERT INTO meta VALUES (?, ?)", [("container", container), ("name", name)]
    )
    database.execute("COMMIT")


def check(database: sqlite3.Connection, container: str, *, index: bool = False) -> None:
    """See that it is a whole journal of this container's, in the form that we know.

    Args:
        database: what may be one.
        container: the full ID.
        index: whether that of the keys is looked at, too: who only reads can do without.

    Raises:
        UnusableError: it is not.
        sqlite3.Error: it is no database, or one that cannot be read.
    """
    if _application(database) != _APPLICATION:
        raise UnusableError("it is no journal of selfinspect")
    version = _version(database)
    known = _SCHEMAS.get(version)
    if known is None:
        raise UnusableError(f"its form is {version}, and this selfinspect knows {_VERSION}")
    # Before anything else is asked: a check would compute what the schema says.
    if other := (_schema(database) - {_STATISTICS}) ^ known:
        names = sorted({str(name) for _, name, *_ in other})[:3]
        raise UnusableError(f"it is no journal of selfinspect: others made {', '.join(names)}")
    extent = "integrity" if index else "quick"
    [well] = database.execute(f"PRAGMA {extent}_check(1)").fetchone()
    if well != "ok":
        raise UnusableError(f"it is corrupt: {well}")
    meta = dict(database.execute("SELECT name, value FROM meta"))
    if meta.get("container") != container:
        raise UnusableError("it is another container's")
    if not _NAME.fullmatch(str(meta.get("name"))):
        raise UnusableError("it has lost its name")


def _application(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA application_id").fetchone()[0])


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _schema(database: sqlite3.Connection) -> set[tuple[str | None, ...]]:
    """What the database is made of; of more than any form has, not all."""
    return set(database.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema LIMIT 16"))


# An engine replays up to 256 events: their keys are to outlast any limit.
_KEPT_AT_LEAST = 512

# A container at its limit has one a minute: they are not to crowd out the engine's.
_OF_THE_KERNEL = 500


class Table:
    """Numbers what comes, and drops the oldest. One thread at a time may use it.

    Args:
        database: holds a whole journal.
        memory: bytes that it may take, for one in memory; None for no bound.

    Attributes:
        name: the journal's.
        last: the highest number given out.

    Raises:
        sqlite3.Error: from anywhere, the database does not do as it is told.
    """

    def __init__(self, database: sqlite3.Connection, memory: int | None = None) -> None:
        self.database = database
        self._memory = memory
        self.name: str = self._value("SELECT value FROM meta WHERE name = 'name'")
        self.last: int = self._value("SELECT max(seq) FROM events") or 0
        self._run: int | None = self._value(
            "SELECT run FROM events WHERE typeof(run) = 'integer' ORDER BY seq DESC LIMIT 1"
        )

    def moved(self, database: sqlite3.Connection, memory: int | None) -> Table:
        """This one, gone on with in another database, whatever is still there of it."""
        other = Table(database, memory)
        other.name, other.last, other._run = self.name, self.last, self._run
        return other

    def append(self, occurrences: Sequence[Occurrence], limit: int) -> list[Row]:
        """What was not there yet, now in its place; all of it or none is written.

        Args:
            occurrences: in this order.
            limit: how many are to be kept, at least.
        """
        last, run, added = self.last, self._run, list[Row]()
        with self.database:
            self.database.execute("BEGIN IMMEDIATE")
            for occurrence in occurrences:
                starts = (occurrence.type, occurrence.action) == ("container", "start")
                new = row(last + 1, (run or 0) + 1 if starts else run, occurrence)
                if self.database.execute(INSERT, new).rowcount:
                    last, run = new.seq, new.run
                    added.append(new)
            pruned = last - max(limit, _KEPT_AT_LEAST)
            self.database.execute("DELETE FROM events WHERE seq <= ?", [pruned])
            self.database.execute(
                "DELETE FROM events WHERE type = 'kernel' AND seq <= (SELECT seq FROM events"
                " WHERE type = 'kernel' ORDER BY seq DESC LIMIT 1 OFFSET ?)",
                [_OF_THE_KERNEL],
            )
            if self._memory is not None:
                trim(self.database, self._memory)
        self.last, self._run = last, run
        return added

    def holds(self, occurrence: Occurrence) -> bool:
        """Whether it has its place here."""
        query = "SELECT 1 FROM events WHERE key = ?"
        return self._value(query, [digest(occurrence)]) is not None

    def rows(
        self, condition: str, parameters: Sequence[str | int] | Mapping[str, str | int | None]
    ) -> Iterator[Row]:
        """Those that meet a condition, an SQL expression and what may follow it."""
        query = f"SELECT * FROM events WHERE {condition}"  # noqa: S608
        return map(Row._make, self.database.execute(query, parameters))

    def oldest(self) -> int | None:
        """The lowest number that is left."""
        first: int | None = self._value("SELECT min(seq) FROM events")
        return first

    def newest(self) -> int | None:
        """Nanoseconds since the Unix epoch of the latest event that an engine told of."""
        latest: int | None = self._value(
            "SELECT max(nanoseconds) FROM events"
            " WHERE typeof(nanoseconds) = 'integer' AND source <> 'reconciled'"
            " AND type NOT IN ('agent', 'kernel')"
        )
        return latest

    def remember(self, facts: str) -> None:
        """Keep a text beside the events, in place of the one before."""
        self.database.execute("INSERT OR REPLACE INTO meta VALUES ('facts', ?)", [facts])

    def remembered(self) -> str | None:
        """The text kept last."""
        facts: str | None = self._value("SELECT value FROM meta WHERE name = 'facts'")
        return facts

    def _value(self, query: str, parameters: Sequence[bytes] = ()) -> Any:
        found = self.database.execute(query, parameters).fetchone()
        return found[0] if found else None
