"""The journal's SQLite database, on disk or in memory: connection, schema and table of events.

A file may be damaged or made by somebody else: whatever is in it, reading it takes bounded time
and memory, and runs none of its code.
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
"""The memory that an agent's journal may take: some two thousand events of the usual size.

All events that an engine replays fit, as long as each takes less than four kibibytes.
"""

_SECONDS: Final = 5.0
"""Seconds of CPU that one statement may take: whoever made the file decides what it costs."""

_HEAP: Final = 16 * 2**20
"""Bytes that SQLite may take in an agent, all its databases together."""

_APPLICATION = int.from_bytes(b"self")
_VERSION = 1
_META = "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
_NAME = re.compile(r"[0-9a-f]{8}")

# What `sqlite_schema` holds in each version: type, name, table and the statement that made it.
# Who adds a version keeps the one before, and says how a copy of it becomes the new one.
_SCHEMAS = {
    _VERSION: {
        ("table", "meta", "meta", _META),
        ("table", "events", "events", TABLE),
        ("index", "sqlite_autoindex_events_1", "events", None),
    }
}
# What a person's ANALYZE adds; it only says how many rows there are.
_STATISTICS = ("table", "sqlite_stat1", "sqlite_stat1", "CREATE TABLE sqlite_stat1(tbl,idx,stat)")

# Of the longest row, and of the longest statement, those of the schema among them.
_LONGEST, _LONGEST_STATEMENT = 16 * 2**20, 20_000
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: _LONGEST,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: _LONGEST_STATEMENT,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_STEPS = 100_000
"""Steps of SQLite's virtual machine, about a millisecond, between two looks at the clock."""

_SIZE = """
SELECT (page_count - freelist_count) * page_size
FROM pragma_page_count, pragma_freelist_count, pragma_page_size
"""
_DROP_OLDEST = """
DELETE FROM events WHERE seq < (SELECT max(seq) FROM events)
    AND seq IN (SELECT seq FROM events ORDER BY seq LIMIT 16)
"""
# An engine replays up to 256 events: their keys have to outlast any limit.
_KEPT_AT_LEAST = 512
# A container at its memory limit has one a minute: they must not crowd out the engine's.
_KERNEL_EVENTS = 500


class UnusableError(Exception):
    """Raised when a database is not a journal that can be continued."""


class _Connection(sqlite3.Connection):
    """A connection that raises only database errors, and whose statements take bounded time."""

    _until = math.inf

    def execute(self, *statement: Any) -> sqlite3.Cursor:
        self._until = time.thread_time() + _SECONDS
        try:
            return super().execute(*statement)
        except UnicodeDecodeError as error:  # SQLite's message quotes what is damaged
            raise _corrupt(error.object.decode(errors="replace")) from error
        except MemoryError as error:
            raise _corrupt("it needs more memory than a journal may take") from error

    def is_late(self) -> bool:
        """Whether the statement that is being executed has used up its time."""
        return time.thread_time() > self._until


def _corrupt(why: str) -> sqlite3.DatabaseError:
    failure = sqlite3.DatabaseError(why)
    failure.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return failure


def connected(place: str, *, uri: bool = False) -> sqlite3.Connection:
    """Connect to a database for use by several threads, one at a time.

    Damaged text is read with U+FFFD in place of what is not UTF-8. Nothing in the schema is run:
    no trigger, no view, no function that does more than compute.
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


def _only_from_us(*asked: object) -> int:
    """Refuse what a trigger or a view does; somebody may add one while the file is open."""
    return sqlite3.SQLITE_OK if asked[-1] is None else sqlite3.SQLITE_DENY


def bound_memory(database: sqlite3.Connection) -> None:
    """Limit what SQLite may take in this process, for as long as it lasts."""
    database.execute(f"PRAGMA hard_heap_limit = {_HEAP}")


def is_new(database: sqlite3.Connection) -> bool:
    """Whether nothing is in it yet."""
    header = _pragma(database, "application_id"), _pragma(database, "user_version")
    return (*header, _schema(database)) == (0, 0, set())


def create(database: sqlite3.Connection, container: str) -> None:
    """Make a journal of it, whole or, if the process ends meanwhile, not at all."""
    for statement in (
        "BEGIN IMMEDIATE",
        f"PRAGMA application_id = {_APPLICATION}",
        f"PRAGMA user_version = {_VERSION}",
        _META,
        TABLE,
    ):
        database.execute(statement)
    facts = [container, secrets.token_hex(4)]
    database.execute("INSERT INTO meta VALUES ('container', ?), ('name', ?)", facts)
    database.execute("COMMIT")


def check(database: sqlite3.Connection, container: str, *, index: bool = False) -> None:
    """Check that it is a whole journal of this container, in a version that we support.

    Args:
        database: the one to check.
        container: the full ID, or the mark.
        index: whether to check the index of the keys, too; reading needs none.

    Raises:
        UnusableError: it is not.
        sqlite3.Error: it is not a database, or cannot be read.
    """
    if _pragma(database, "application_id") != _APPLICATION:
        raise UnusableError("not a journal of selfinspect")
    version = _pragma(database, "user_version")
    expected = _SCHEMAS.get(version)
    if expected is None:
        raise UnusableError(f"its version is {version}, and this selfinspect supports {_VERSION}")
    # Before anything else is read: a check would compute what the schema says.
    if other := (_schema(database) - {_STATISTICS}) ^ expected:
        names = sorted({str(name) for _, name, *_ in other})[:3]
        raise UnusableError(
            f"not a journal of selfinspect: its schema differs in {', '.join(names)}"
        )
    result = _pragma(database, "integrity_check(1)" if index else "quick_check(1)")
    if result != "ok":
        raise UnusableError(f"corrupt: {result}")
    meta = dict(database.execute("SELECT name, value FROM meta"))
    if meta.get("container") != container:
        raise UnusableError("it belongs to another container")
    if not _NAME.fullmatch(str(meta.get("name"))):
        raise UnusableError("its name is missing")


def _pragma(database: sqlite3.Connection, name: str) -> Any:
    return database.execute(f"PRAGMA {name}").fetchone()[0]


def _schema(database: sqlite3.Connection) -> set[tuple[str | None, ...]]:
    """What the database is made of; of more than any version has, not all."""
    return set(database.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema LIMIT 16"))


def in_memory() -> sqlite3.Connection:
    """An empty journal that ends with the process."""
    database = connected(":memory:")
    create(database, "")
    return database


def newest_in_memory(source: sqlite3.Connection, most: int | None) -> sqlite3.Connection:
    """Copy the newest events of a journal into memory.

    Args:
        source: the journal.
        most: bytes that they may take; None for all there are.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    database = in_memory()
    try:
        for fact in source.execute("SELECT name, value FROM meta"):
            database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", fact)
        database.execute("BEGIN")
        for event in source.execute("SELECT * FROM events ORDER BY seq DESC"):
            if most is not None and _size(database) > most:
                break
            database.execute(INSERT, event)
        database.execute("COMMIT")
    except BaseException:
        database.close()
        raise
    return database


def _size(database: sqlite3.Connection) -> int:
    [size] = database.execute(_SIZE).fetchone()
    return int(size)


class Table:
    """Numbers the events that come, and drops the oldest. For one thread at a time.

    Args:
        database: holds a whole journal.
        memory: bytes that it may take, if it is in memory; None for no limit.

    Attributes:
        name: the journal's.
        last: the highest number given out.

    Raises:
        sqlite3.Error: from any method, when the database fails.
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
        """Continue this table's numbers in another database, whichever of its events that has."""
        other = Table(database, memory)
        other.name, other.last, other._run = self.name, self.last, self._run
        return other

    def append(self, occurrences: Sequence[Occurrence], limit: int) -> list[Row]:
        """Store what is not there yet, all of it or none, and return it as rows.

        Args:
            occurrences: in this order.
            limit: how many events are kept, at least.
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
                [_KERNEL_EVENTS],
            )
            if self._memory is not None:
                while _size(self.database) > self._memory:
                    if not self.database.execute(_DROP_OLDEST).rowcount:
                        break
        self.last, self._run = last, run
        return added

    def holds(self, occurrence: Occurrence) -> bool:
        """Whether an event is stored."""
        query = "SELECT 1 FROM events WHERE key = ?"
        return self._value(query, [digest(occurrence)]) is not None

    def rows(
        self, condition: str, parameters: Sequence[str | int] | Mapping[str, str | int | None]
    ) -> Iterator[Row]:
        """The rows that meet a condition: an SQL expression and what may follow it."""
        query = f"SELECT * FROM events WHERE {condition}"  # noqa: S608
        return map(Row._make, self.database.execute(query, parameters))

    def oldest(self) -> int | None:
        """The lowest number that is left."""
        first: int | None = self._value("SELECT min(seq) FROM events")
        return first

    def newest(self) -> int | None:
        """When the latest event happened that an engine reported, in nanoseconds since 1970."""
        latest: int | None = self._value(
            "SELECT max(nanoseconds) FROM events"
            " WHERE typeof(nanoseconds) = 'integer' AND source <> 'reconciled'"
            " AND type NOT IN ('agent', 'kernel')"
        )
        return latest

    def remember(self, facts: str) -> None:
        """Store a text beside the events, in place of the one before."""
        self.database.execute("INSERT OR REPLACE INTO meta VALUES ('facts', ?)", [facts])

    def remembered(self) -> str | None:
        """The text stored last."""
        facts: str | None = self._value("SELECT value FROM meta WHERE name = 'facts'")
        return facts

    def _value(self, query: str, parameters: Sequence[bytes] = ()) -> Any:
        found = self.database.execute(query, parameters).fetchone()
        return found[0] if found else None
