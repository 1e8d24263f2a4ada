"""The journal's database in memory: for whom there is no disk, and who only reads it."""

from __future__ import annotations

import sqlite3

from selfinspect.events.rows import INSERT
from selfinspect.events.schema import check, connected, create

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
