"""What makes an SQLite database a journal, and one that this version can go on with."""

from __future__ import annotations

import secrets
import sqlite3

from selfinspect.events.rows import TABLE

_APPLICATION = int.from_bytes(b"self")
_VERSION = 1
_META = "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
_TABLES = {"meta", "events"}


class UnusableError(Exception):
    """Raised when a database is no journal that can be gone on with."""


def connected(place: str, *, uri: bool = False) -> sqlite3.Connection:
    """A database as journals use it: from several threads, one at a time.

    What stands in it as text and is damaged comes with U+FFFD, not as an error.
    """
    database = sqlite3.connect(place, isolation_level=None, check_same_thread=False, uri=uri)
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


def check(database: sqlite3.Connection, container: str) -> None:
    """See that it is a whole journal of this container's, in the form that we know.

    Raises:
        UnusableError: it is not.
        sqlite3.Error: it is no database, or one that cannot be read.
    """
    [well] = database.execute("PRAGMA quick_check(1)").fetchone()
    if well != "ok":
        raise UnusableError(f"it is corrupt: {well}")
    if _application(database) != _APPLICATION or not _tables(database) >= _TABLES:
        raise UnusableError("it is no journal of selfinspect")
    version = _version(database)
    if version != _VERSION:
        raise UnusableError(f"its form is {version}, and this selfinspect knows {_VERSION}")
    meta = dict(database.execute("SELECT name, value FROM meta"))
    if meta.get("container") != container:
        raise UnusableError("it is another container's")
    if "name" not in meta:
        raise UnusableError("it has lost its name")


def _application(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA application_id").fetchone()[0])


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _tables(database: sqlite3.Connection) -> set[str]:
    return {name for [name] in database.execute("SELECT name FROM sqlite_schema")}
