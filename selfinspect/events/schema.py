"""What makes an SQLite database a journal, and one that this version can go on with."""

from __future__ import annotations

import re
import secrets
import sqlite3
from typing import Any

from selfinspect.events.rows import TABLE, Row

_APPLICATION = int.from_bytes(b"self")
_VERSION = 1
_META = "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
_TABLES = {"meta", "events"}
_NAME = re.compile(r"[0-9a-f]{8}")


class UnusableError(Exception):
    """Raised when a database is no journal that can be gone on with."""


class _Connection(sqlite3.Connection):
    """One that fails with the errors of databases alone."""

    def execute(self, *statement: Any) -> sqlite3.Cursor:
        try:
            return super().execute(*statement)
        except UnicodeDecodeError as error:  # SQLite's message quotes what is damaged
            failure = sqlite3.DatabaseError(error.object.decode(errors="replace"))
            failure.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise failure from error


def connected(place: str, *, uri: bool = False) -> sqlite3.Connection:
    """A database as journals use it: from several threads, one at a time.

    What stands in it as text and is damaged comes with U+FFFD, not as an error.
    """
    database = sqlite3.connect(
        place, isolation_level=None, check_same_thread=False, factory=_Connection, uri=uri
    )
    database.text_factory = lambda text: text.decode(errors="replace")
    return database


def is_new(database: sqlite3.Connection) -> bool:
    """Whether nothing is in it yet."""
    return (_application(database), _version(database), _tables(database)) == (0, 0, set())


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
    extent = "integrity" if index else "quick"
    [well] = database.execute(f"PRAGMA {extent}_check(1)").fetchone()
    if well != "ok":
        raise UnusableError(f"it is corrupt: {well}")
    if _application(database) != _APPLICATION or not _tables(database) >= _TABLES:
        raise UnusableError("it is no journal of selfinspect")
    version = _version(database)
    if version != _VERSION:
        raise UnusableError(f"its form is {version}, and this selfinspect knows {_VERSION}")
    if _columns(database) != Row._fields:
        raise UnusableError("it is corrupt: its columns are others")
    meta = dict(database.execute("SELECT name, value FROM meta"))
    if meta.get("container") != container:
        raise UnusableError("it is another container's")
    if not _NAME.fullmatch(str(meta.get("name"))):
        raise UnusableError("it has lost its name")


def _application(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA application_id").fetchone()[0])


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _tables(database: sqlite3.Connection) -> set[str]:
    return {name for [name] in database.execute("SELECT name FROM sqlite_schema")}


def _columns(database: sqlite3.Connection) -> tuple[str, ...]:
    rows = database.execute("SELECT name FROM pragma_table_info('events')")
    return tuple(name for [name] in rows)
