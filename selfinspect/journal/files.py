"""The journal's file: opening it for one agent at a time, and setting aside what is not a journal.

A file that cannot be used is renamed, never deleted: somebody may still want to read it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import stat
from binascii import crc32
from contextlib import ExitStack, closing, suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from selfinspect.background import future_of
from selfinspect.errors import JournalBusyError
from selfinspect.files import open_own
from selfinspect.journal.database import (
    UnusableError,
    check,
    connected,
    create,
    in_memory,
    is_new,
    newest_in_memory,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Notify: TypeAlias = "Callable[[Notice], None]"

_KIBIBYTES_OF_CACHE = 256
# SQLITE_ERROR is of statements that SQLite does not understand: ours are always the same, so it
# is the file's form that it does not understand. No journal of ours needs what is denied, too
# big or interrupted.
_BROKEN = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_AUTH}
    | {sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_INTERRUPT}
)
_MODE = 0o600
_PATIENCE = 30.0
_ENDINGS = ("", "-wal", "-shm", "-journal")


class Notice(NamedTuple):
    """What a person should know about the journal.

    Attributes:
        event: `journal.set_aside`: the file could not be continued, and a new one is begun;
            `journal.left`: one named by the container's ID stays beside the one in use;
            `journal.damaged`: what cannot be read of it is skipped;
            `journal.busy`: another agent writes it; `journal.in_memory`: it cannot be written.
            After the last two, events are held in memory and end with the agent; so are the
            history's figures after `history.in_memory`.
        file: the journal's file, or its new name if it was set aside.
        reason: why.
        hint: what to do about it, if something can be done.
    """

    event: Literal[
        "journal.set_aside",
        "journal.left",
        "journal.damaged",
        "journal.busy",
        "journal.in_memory",
        "history.in_memory",
    ]
    file: Path
    reason: str
    hint: str | None = None


class JournalFile:
    """A database on disk, locked until it is closed or the process ends, however it does.

    Args:
        path: where it is, `path_of` a folder; what is missing there is made.
        container: whose events it holds, by its mark or its full ID.
        notify: called with a notice when a file is set aside.
        former: the full ID by which an earlier version named the container's file, if it did.

    Raises:
        JournalBusyError: another agent has it.
        OSError: the folder or the file cannot be made.
        sqlite3.Error: the file cannot be written.
    """

    def __init__(
        self, path: Path, container: str, notify: Notify, former: str | None = None
    ) -> None:
        self.path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as undoing:
            undoing.callback(os.close, _locked(path))
            if former is not None:
                _take_over(path, container, former, notify)
            try:
                self.database = _opened(path, container)
            except UnusableError as error:
                notify(Notice("journal.set_aside", _set_aside(path), str(error)))
                self.database = _opened(path, container)
            undoing.callback(self.database.close)
            self._closing = undoing.pop_all()

    def close(self) -> None:
        """Close the database, then release the lock."""
        self._closing.close()


def path_of(folder: Path, container: str) -> Path:
    """Where a container's journal is.

    Args:
        folder: where journals are.
        container: the full ID; or the mark, by which PID 1 names its record of runs, too.
    """
    mark = "/" in container
    name = f"{crc32(container.encode(errors='surrogateescape')):08x}" if mark else container
    return folder / f"{name}.db"


def read(
    path: Path, container: str, most: int | None, patience: float = _PATIENCE
) -> sqlite3.Connection:
    """Copy a journal into memory without writing anything; an empty one if there is none.

    Without a write-ahead log the file is complete, and reading needs nothing beside it. If there
    is a log that cannot be read, the file alone is read.

    Args:
        path: where it is.
        container: whose events it holds, by its mark or its full ID.
        most: bytes that its newest events may take; None for all there are.
        patience: seconds after which it counts as unreadable. SQLite opens a file by its name, and
            one that was replaced by a pipe after our look at it would never be open.
    """
    copying = partial(_copied, path, container, most)
    try:
        copy = future_of("journal", copying)
    except RuntimeError:  # the container has as many tasks as it may have
        return copying()
    try:
        return copy.result(patience)
    except TimeoutError:
        return in_memory()


def _copied(path: Path, container: str, most: int | None) -> sqlite3.Connection:
    with_log, alone = "mode=ro", "mode=ro&immutable=1"
    with suppress(OSError, UnusableError):
        _check_files(path)
        has_log = path.with_name(f"{path.name}-wal").exists()
        for options in (with_log, alone) if has_log else (alone,):
            with suppress(sqlite3.Error, UnusableError):
                address = f"{path.absolute().as_uri()}?{options}"
                with closing(connected(address, uri=True)) as source:
                    check(source, container)
                    return newest_in_memory(source, most)
    return in_memory()


def _locked(path: Path) -> int:
    """Lock a journal for this process, and return the lock's descriptor."""
    descriptor = _open(path.with_suffix(".lock"))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if not isinstance(error, BlockingIOError):
            raise
        raise JournalBusyError(
            f"another agent writes {path}",
            hint="one agent per container is enough; a second one needs a --journal of its own",
        ) from error
    return descriptor


def _take_over(path: Path, container: str, former: str, notify: Notify) -> None:
    """Rename a journal that is named by the container's ID to the name that it has now.

    If the new one holds events already, both stay: their numbers would be given out twice.

    Raises:
        JournalBusyError: another agent writes the old one.
    """
    old = path_of(path.parent, former)
    if not os.path.lexists(old):
        return
    lock = _locked(old)
    try:
        _rename(old, former, path, container)
        old.with_suffix(".lock").unlink(missing_ok=True)
    except (UnusableError, sqlite3.Error) as error:
        notify(Notice("journal.left", old, str(error)))
    finally:
        os.close(lock)


def _rename(old: Path, former: str, path: Path, container: str) -> None:
    if _holds_events(path):
        raise UnusableError(f"{path.name} holds events, too, and is the one in use")
    _check_files(old)
    with closing(_private(old)) as database:
        if not _is_of(database, container):  # it is, if we ended before it was renamed
            check(database, former)
            database.execute("UPDATE meta SET value = ? WHERE name = 'container'", [container])
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for each in _files(path):
        each.unlink(missing_ok=True)
    old.rename(path)


def _holds_events(path: Path) -> bool:
    if not os.path.lexists(path):
        return False
    _check_files(path)
    with closing(_private(path)) as database:
        return not is_new(database) and bool(
            database.execute("SELECT EXISTS (SELECT 1 FROM events)").fetchone()[0]
        )


def _is_of(database: sqlite3.Connection, container: str) -> bool:
    try:
        check(database, container)
    except UnusableError:
        return False
    return True


def _opened(path: Path, container: str) -> sqlite3.Connection:
    _check_files(path)
    database = _private(path)
    try:
        database.execute(f"PRAGMA cache_size = {-_KIBIBYTES_OF_CACHE}")
        if is_new(database):
            database.execute("PRAGMA journal_mode = WAL")
            create(database, container)
        else:
            check(database, container, index=True)
        # A commit is on the disk before its events reach a subscriber, so that even after a
        # power cut no number is given out twice. Costs one fdatasync an event.
        database.execute("PRAGMA synchronous = FULL")
    except BaseException as error:
        database.close()
        primary = getattr(error, "sqlite_errorcode", 0) & 0xFF  # extended codes end in it
        if isinstance(error, sqlite3.Error) and primary in _BROKEN:
            raise UnusableError(f"corrupt: {error}") from error
        raise
    return database


def _files(path: Path) -> Iterator[Path]:
    """The database and what SQLite keeps beside it."""
    return (path.with_name(f"{path.name}{ending}") for ending in _ENDINGS)


def _check_files(path: Path) -> None:
    """Check that the database and what SQLite keeps beside it are regular files, or missing.

    Reading a pipe would wait for ever, and a second link may be to any file of its owner's.

    Raises:
        UnusableError: one is something else.
    """
    for each in _files(path):
        with suppress(FileNotFoundError):
            status = each.lstat()
            if not stat.S_ISREG(status.st_mode):
                raise UnusableError("not a regular file")
            if status.st_nlink > 1:
                raise UnusableError("it has a second hard link")


def _private(path: Path) -> sqlite3.Connection:
    """Open a database for its owner alone. SQLite follows links, so compare what it opened.

    Raises:
        OSError: the file was replaced meanwhile, or cannot be made.
    """
    descriptor = _open(path)
    try:
        status = os.fstat(descriptor)
        if stat.S_IMODE(status.st_mode) != _MODE:
            os.fchmod(descriptor, _MODE)
        database = connected(f"{path.absolute().as_uri()}?mode=rw", uri=True)
        if sum(os.path.samestat(status, each) for each in _all_open()) > 1:
            return database
        database.close()
        raise OSError(errno.ESTALE, "the file was replaced while it was being opened")
    finally:
        os.close(descriptor)  # before SQLite locks it: with this one all locks would end


def _all_open() -> Iterator[os.stat_result]:
    """The status of each file that this process has open."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names are all we need
        with suppress(OSError):
            yield os.fstat(int(name))


def _open(path: Path) -> int:
    """Open a file for writing, make it if it is missing, and return its descriptor.

    Raises:
        OSError: it is not a regular file, or cannot be made.
    """
    return open_own(str(path), os.O_RDWR | os.O_CREAT, mode=_MODE)


def _set_aside(path: Path) -> Path:
    """Rename a journal, and what SQLite keeps beside it, to the first name that is free."""
    names = (path.with_name(f"{path.name}.aside-{number}") for number in count(1))
    aside = next(name for name in names if not os.path.lexists(name))
    for old, new in zip(_files(path), _files(aside), strict=True):
        if os.path.lexists(old):
            old.rename(new)
    return aside
