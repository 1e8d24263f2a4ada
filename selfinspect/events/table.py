"""The journal's tables in one SQLite database, on disk or in memory: rows in, rows out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from selfinspect.events.journal_memory import trim
from selfinspect.events.rows import INSERT, Row, digest, row

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence

    from selfinspect.events.translate import Occurrence

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
