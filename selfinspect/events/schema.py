"""What makes an SQLite database a journal, and one that this version can go on with."""

from __future__ import annotations

import math
import re
import secrets
import sqlite3
import time
from typing import Any, Final

from selfinspect.events.rows import TABLE

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
