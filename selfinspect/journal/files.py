"""The journal's SQLite database: opening it, one agent at a time, and setting aside what is none.

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
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from selfinspect.errors import JournalBusyError
from selfinspect.files import open_own
from selfinspect.journal.database import (
    UnusableError,
    check,
    connected,
    copied,
    create,
    in_memory,
    is_new,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_KIBIBYTES_OF_CACHE = 256
# The plain error is of statements that SQLite does not understand: ours are always the same, so
# it is the file's form that it does not know. What is denied, too big or interrupted is what no
# journal of ours asks for.
_BROKEN = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_AUTH}
    | {sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_INTERRUPT}
)
_MODE = 0o600
_WRITABLE = "selfinspect doctor says what would let it be written"
_BESIDE = ("", "-wal", "-shm", "-journal")


class Notice(NamedTuple):
    """What a person should know of the journal.

    Attributes:
        event: `journal.set_aside`: the file was none to go on with, and a new one is begun;
            `journal.left`: one named by the container's ID stays beside that which is gone on
            with;
            `journal.damaged`: what cannot be read of it is passed over;
            `journal.busy`: another agent writes it; `journal.in_memory`: it cannot be written.
            After the last two what happens is held in memory, and ends with the agent.
        file: the journal's file, or its new name where it was set aside.
        reason: why.
        hint: what to do about it, where something can be done.
    """

    event: str
    file: Path
    reason: str
    hint: str | None = None


class JournalFile:
    """A database on disk, ours alone until it is closed or the process ends, however it does.

    Args:
        path: where it is, `path_of` a folder; what is missing there is made.
        container: whose events it holds, by its mark or its full ID.
        tell: told of a file that was set aside.
        former: the full ID by which an earlier version named the container's file, if it did.

    Raises:
        JournalBusyError: another agent has it.
        OSError: the folder or the file cannot be made.
        sqlite3.Error: the file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        container: str,
        tell: Callable[[Notice], None],
        former: str | None = None,
    ) -> None:
        self.path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as undoing:
            undoing.callback(os.close, _locked(path.with_suffix(".lock")))
            if former is not None:
                _take_over(path, container, former, tell)
            try:
                self.database = _opened(path, container)
            except UnusableError as error:
                tell(Notice("journal.set_aside", _set_aside(path), str(error)))
                self.database = _opened(path, container)
            undoing.callback(self.database.close)
            self._closing = undoing.pop_all()

    def close(self) -> None:
        """Close the database, then let others have it."""
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


def damaged(path: Path, error: Exception) -> Notice:
    """What to say of a journal in which something cannot be read."""
    return Notice("journal.damaged", path, str(error), "the rest of it is shown, and gone on with")


def not_written(path: Path, error: Exception) -> Notice:
    """What to say of a journal that is gone on with in memory."""
    if isinstance(error, JournalBusyError):
        return Notice("journal.busy", path, error.detail, error.hint)
    return Notice("journal.in_memory", path, str(error), _WRITABLE)


def read(path: Path, container: str, most: int | None) -> sqlite3.Connection:
    """A copy, in memory, of a journal that is not to be written; an empty one where there is none.

    Without a write-ahead log the file is whole and nothing has to be made beside it to read it;
    with one that cannot be read the file is what there is.

    Args:
        path: where it is.
        container: whose events it holds, by its mark or its full ID.
        most: bytes that its newest events may take; None for all there are.
    """
    beside, alone = "mode=ro", "mode=ro&immutable=1"
    with suppress(OSError, UnusableError):
        _are_files(path)
        logged = path.with_name(f"{path.name}-wal").exists()
        for way in (beside, alone) if logged else (alone,):
            with suppress(sqlite3.Error, UnusableError):
                address = f"{path.absolute().as_uri()}?{way}"
                with closing(connected(address, uri=True)) as source:
                    return copied(source, container, most)
    return in_memory()


def _locked(path: Path) -> int:
    """The descriptor of a file that nobody else has locked; the lock ends with the process."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise JournalBusyError(
            f"another agent writes {path.with_suffix('.db')}",
            hint="one agent a container is enough; a second one needs a --journal of its own",
        ) from error
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _take_over(path: Path, container: str, former: str, tell: Callable[[Notice], None]) -> None:
    """Give a journal that is named by the container's ID the name that it has now.

    One that holds events under the new name already stays, and so does the old one: their numbers
    would be given out twice.

    Raises:
        JournalBusyError: another agent writes the old one.
    """
    old = path_of(path.parent, former)
    if not os.path.lexists(old):
        return
    lock = _locked(old.with_suffix(".lock"))
    try:
        _rename(old, former, path, container)
        old.with_suffix(".lock").unlink(missing_ok=True)
    except (UnusableError, sqlite3.Error) as error:
        tell(Notice("journal.left", old, str(error)))
    finally:
        os.close(lock)


def _rename(old: Path, former: str, path: Path, container: str) -> None:
    if _holds_events(path):
        raise UnusableError(f"{path.name} holds events, too, and is gone on with")
    _are_files(old)
    with closing(_private(old)) as database:
        if not _is_of(database, container):  # it is, where we ended before it was renamed
            check(database, former)
            database.execute("UPDATE meta SET value = ? WHERE name = 'container'", [container])
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for ending in _BESIDE:
        path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)
    old.rename(path)


def _holds_events(path: Path) -> bool:
    if not os.path.lexists(path):
        return False
    _are_files(path)
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
    _are_files(path)
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
        if isinstance(error, sqlite3.Error) and _primary(error) in _BROKEN:
            raise UnusableError(f"it is corrupt: {error}") from error
        raise
    return database


def _are_files(path: Path) -> None:
    """See that it and what SQLite keeps beside it are files, each with one name, or nothing.

    Who reads a pipe waits for ever, and what has a second name may be anything of its owner's.

    Raises:
        UnusableError: one is something else.
    """
    for ending in _BESIDE:
        with suppress(FileNotFoundError):
            status = path.with_name(f"{path.name}{ending}").lstat()
            if not stat.S_ISREG(status.st_mode):
                raise UnusableError("it is no regular file")
            if status.st_nlink > 1:
                raise UnusableError("it has a second name")


def _private(path: Path) -> sqlite3.Connection:
    """Open a database that is its owner's alone; SQLite follows links, so look at what it opened.

    Raises:
        OSError: something else was put in its place meanwhile, or it cannot be made.
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
        raise OSError(errno.ESTALE, "another file is in its place")
    finally:
        os.close(descriptor)  # before SQLite locks it: with this one all locks would end


def _all_open() -> Iterator[os.stat_result]:
    """What this process has open."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names are all we need
        with suppress(OSError):
            yield os.fstat(int(name))


def _open(path: Path) -> int:
    """Open a file to write to, and make it where it is missing; its descriptor.

    Raises:
        OSError: it is no regular file, or cannot be made.
    """
    return open_own(str(path), os.O_RDWR | os.O_CREAT, mode=_MODE)


def _set_aside(path: Path) -> Path:
    """Rename a file, and what SQLite keeps beside it, to the first name that is free."""
    names = (path.with_name(f"{path.name}.aside-{number}") for number in count(1))
    aside = next(name for name in names if not os.path.lexists(name))
    for ending in _BESIDE:
        old = path.with_name(f"{path.name}{ending}")
        if os.path.lexists(old):
            old.rename(aside.with_name(f"{aside.name}{ending}"))
    return aside


def _primary(error: sqlite3.Error) -> int:
    """The error's primary code; the extended ones hold it in their low byte."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
