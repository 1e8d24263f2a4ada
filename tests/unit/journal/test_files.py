"""The journal on disk: across restarts, beside others, and where the disk fails."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfinspect.journal.files import read
from selfinspect.journal.journal import Journal
from selfinspect.journal.rows import digest
from selfinspect.supervise.record import path_of as record_of
from tests.support.occurrences import occurrence
from tests.support.odd_files import ODD_FILES, see_that_nothing_leaked, swapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selfinspect.journal.files import Notice

ID = "c" * 64
OTHER = "d" * 64
MARK = f"upperdir=/var/lib/docker/overlay2/aa/diff /docker/containers/{ID}/hostname"
OWN_MOUNTS = ("unshare", "--mount", "sh", "-c")
MAY_MOUNT = (
    subprocess.run(
        [*OWN_MOUNTS, "mount -t tmpfs tmpfs /run"], capture_output=True, check=False
    ).returncode
    == 0
)


class Journals:
    """Opens journals of one folder, one after another, and keeps their notices."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / f"{ID}.db"
        self.notices: list[Notice] = []

    @contextmanager
    def open(
        self, limit: int = 1000, container: str = ID, former: str | None = None
    ) -> Iterator[Journal]:
        """A journal that is closed in the end."""
        journal = Journal(limit, self.notices.append)
        journal.open(self.folder, container, former)
        try:
            yield journal
        finally:
            journal.close()

    def events(self) -> list[str]:
        """The notices' names."""
        return [notice.event for notice in self.notices]


@pytest.fixture
def journals(tmp_path: Path) -> Journals:
    """Journals of a folder that is not there yet."""
    return Journals(tmp_path / "lib" / "selfinspect")


def _numbers(journal: Journal) -> list[object]:
    return [event.attributes["n"] for event in journal.held()]


def _seqs(journal: Journal) -> list[int]:
    return [event.seq for event in journal.held()]


def test_a_journal_goes_on_where_it_ended(journals: Journals) -> None:
    """Events, numbers, cursors, runs and what is remembered outlast the agent."""
    with journals.open() as journal:
        first = journal.append(occurrence(1), occurrence(2, "die"))
        journal.remember({"name": "web"})
    with journals.open() as journal:
        assert journal.held() == first
        assert journal.append(occurrence(2, "die")) == ()
        [third] = journal.append(occurrence(3))
        assert (third.seq, third.run) == (3, 2)
        assert journal.after(first[1].cursor).events == (third,)
        assert journal.remembered() == {"name": "web"}
        assert journal.newest() == 3
    assert journals.events() == []


def test_only_its_owner_reads_a_journal(journals: Journals) -> None:
    """The file is private from its first moment, and made so where it was not."""
    with journals.open():
        files = list(journals.folder.iterdir())
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    journals.file.chmod(0o644)
    with journals.open():
        assert stat.S_IMODE(journals.file.stat().st_mode) == 0o600


def test_opening_again_changes_nothing(journals: Journals) -> None:
    """The keeper may say once more who we are; another container's journal is another."""
    with journals.open() as journal:
        events = journal.append(occurrence(1))
        journal.open(journals.folder, ID)
        assert journal.held() == events
        journal.open(journals.folder, OTHER)
        assert journal.held() == ()
        with journals.open() as first:
            assert first.held() == events
    assert journals.events() == []


def test_a_cursor_from_before_it_was_opened_leads_to_the_beginning(journals: Journals) -> None:
    """Who asked before the identity stood has seen nothing yet, and missed nothing."""
    with journals.open() as journal:
        journal.append(occurrence(1))
    journal = Journal(9)
    early = journal.after(None).next
    journal.open(journals.folder, ID)
    page = journal.after(early)
    assert ([event.seq for event in page.events], page.gap) == ([1], False)
    journal.close()


def test_a_lower_limit_shows_less_and_a_higher_one_no_more(journals: Journals) -> None:
    """What was dropped stays a gap, whatever the limit is later."""
    with journals.open(limit=1) as journal:
        first, *_ = journal.append(*(occurrence(n) for n in range(600)))
        assert _seqs(journal) == [600]
    with journals.open(limit=1000) as journal:
        assert len(journal.held()) == 512
        assert journal.after(first.cursor).gap
        assert not journal.after(journal.held()[0].cursor).gap


def test_pruning_keeps_the_file_small(journals: Journals) -> None:
    """However many events come, the file holds those of the limit."""
    with journals.open(limit=600) as journal:
        for start in range(0, 6000, 100):
            journal.append(*(occurrence(n) for n in range(start, start + 100)))
        assert _seqs(journal) == list(range(5401, 6001))
    assert journals.file.stat().st_size < 300_000


def test_a_second_agent_is_refused_and_says_so(journals: Journals) -> None:
    """Who comes second holds what there is in memory, and leaves the file alone."""
    with journals.open() as first:
        [event] = first.append(occurrence(1))
        with journals.open() as second:
            [notice] = journals.notices
            assert (notice.event, notice.file) == ("journal.busy", journals.file)
            assert notice.hint is not None
            assert second.held() == (event,)
            [own] = second.append(occurrence(2))
            [others] = first.append(occurrence(3))
            assert own.seq == others.seq == 2
            assert own.cursor != others.cursor
            assert second.after(event.cursor).events == (own,)
            assert first.after(own.cursor).gap
        assert first.held() == (event, others)
    with journals.open() as third:
        assert third.held() == (event, others)
    assert journals.events() == ["journal.busy"]


def test_a_journal_named_by_the_mark_lies_beside_pid_1s_record(journals: Journals) -> None:
    """One name for all files of a container."""
    with journals.open(container=MARK):
        assert Path(record_of(str(journals.folder), MARK)).with_suffix(".db").exists()
        assert not journals.file.exists()


def test_a_journal_named_by_the_id_is_taken_over(journals: Journals) -> None:
    """It goes on under its new name: events, numbers, cursors and what is remembered."""
    with journals.open() as journal:
        events = journal.append(occurrence(1), occurrence(2, "die"))
        journal.remember({"name": "web"})
    with journals.open(container=MARK, former=ID) as journal:
        assert journal.held() == events
        assert journal.remembered() == {"name": "web"}
        [third] = journal.append(occurrence(3))
        assert third.seq == 3
        assert journal.after(events[-1].cursor).events == (third,)
    assert [path.name for path in journals.folder.iterdir() if ID in path.name] == []
    with journals.open(container=MARK) as journal:
        assert len(journal.held()) == 3
    assert journals.events() == []


def test_a_journal_named_by_the_id_is_found_once_that_is_known(journals: Journals) -> None:
    """An engine that comes later says who we are; nothing was written until then."""
    with journals.open() as journal:
        events = journal.append(occurrence(1))
    with journals.open(container=MARK) as journal:
        assert journal.held() == ()
        journal.open(journals.folder, MARK, ID)
        assert journal.held() == events
        journal.open(journals.folder, MARK, ID)
        journal.open(journals.folder, MARK)
        assert journal.held() == events
    assert journals.events() == []


def test_two_journals_with_events_stay_two(journals: Journals) -> None:
    """Their numbers would be given out twice: the older one is kept, and that is said once."""
    with journals.open(container=MARK) as journal:
        newer = journal.append(occurrence(2))
    with journals.open() as journal:
        older = journal.append(occurrence(1))
    with journals.open(container=MARK, former=ID) as journal:
        assert journal.held() == newer
        journal.open(journals.folder, MARK, ID)
    with journals.open() as journal:
        assert journal.held() == older
    assert journals.events() == ["journal.left"]


def test_a_taking_over_that_was_cut_short_is_finished(journals: Journals) -> None:
    """The process may end between the new owner and the new name."""
    with journals.open() as journal:
        events = journal.append(occurrence(1))
    with closing(sqlite3.connect(journals.file)) as database:
        database.execute("UPDATE meta SET value = ? WHERE name = 'container'", [MARK])
        database.commit()
    with journals.open(container=MARK, former=ID) as journal:
        assert journal.held() == events
    assert journals.events() == []


def test_a_taking_over_keeps_what_a_killed_agent_had_not_checkpointed(journals: Journals) -> None:
    """The log beside the file holds the newest events."""
    with journals.open() as journal:
        events = journal.append(occurrence(1))
        copy = journals.folder.parent / "copy"
        shutil.copytree(journals.folder, copy)
    journals.folder = copy
    with journals.open(container=MARK, former=ID) as journal:
        assert journal.held() == events


def test_a_file_by_the_ids_name_that_is_anothers_is_left(journals: Journals) -> None:
    """Whatever has come to stand there: it is not written to, nor taken for ours."""
    with journals.open(container=OTHER) as journal:
        journal.append(occurrence(1))
    journals.folder.joinpath(f"{OTHER}.db").rename(journals.file)
    for content in (journals.file.read_bytes(), b"no database" * 1000):
        journals.file.write_bytes(content)
        with journals.open(container=MARK, former=ID) as journal:
            assert journal.held() == ()
        assert journals.file.read_bytes() == content
    journals.file.unlink()
    os.mkfifo(journals.file)
    with journals.open(container=MARK, former=ID) as journal:
        assert journal.held() == ()
    assert journals.events() == ["journal.left"] * 3


def test_a_journal_that_another_agent_writes_is_not_taken_over(journals: Journals) -> None:
    """An older version may still be there; what there is is held in memory."""
    with journals.open() as first:
        events = first.append(occurrence(1))
        with journals.open(container=MARK, former=ID) as second:
            assert second.held() == events
        assert journals.events() == ["journal.busy"]
        assert first.append(occurrence(2))


def test_who_only_looks_takes_nothing_over(journals: Journals) -> None:
    """The journal counts by either name; the disk stays as it is."""
    with journals.open() as journal:
        events = journal.append(occurrence(1))
    before = sorted(journals.folder.iterdir())
    looking = Journal(9)
    looking.read(journals.folder, MARK, ID)
    assert looking.held() == events
    assert sorted(journals.folder.iterdir()) == before


def _garbage(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 2 // 3)


def _stub(path: Path) -> None:
    os.truncate(path, 50)


def _scribbled(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(5000)
        file.write(b"\xa5" * 6000)


def _patched(old: bytes, new: bytes) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        content = path.read_bytes()
        assert old in content
        path.write_bytes(content.replace(old, new))

    return change


def _of_a_later_sqlite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(47)  # the schema's format, 4 at most; see https://www.sqlite.org/fileformat2.html
        file.write(b"\x09")


def _with_two_keys_of_one_event(path: Path) -> None:
    key = digest(occurrence(1))
    content = path.read_bytes()
    assert content.count(key) == len(["in the table", "in its index"])
    path.write_bytes(content.replace(key, bytes(len(key)), 1))


def _sql(statement: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as database, database:
            database.executescript(statement)

    return change


_ENDLESS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n
"""


def _altered(old: str, new: str) -> Callable[[Path], None]:
    """Rewrite the statement that made the events, as no statement of SQL can."""
    quoted = new.replace("'", "''")
    replaced = f"replace(sql, '{old}', '{quoted}')"
    return _sql(
        "PRAGMA writable_schema = ON;"
        f" UPDATE sqlite_schema SET sql = {replaced} WHERE name = 'events'"
    )


_with_many_tables = _sql("""
    PRAGMA writable_schema = ON;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000)
    INSERT INTO sqlite_schema
    SELECT 'table', 't' || i, 't' || i, 2, 'CREATE TABLE t' || i || ' (a, b, c, d, e, f, g, h)'
    FROM n
""")


def _somebody_elses(path: Path) -> None:
    path.unlink()
    _sql("CREATE TABLE theirs (a)")(path)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (_garbage, "corrupt"),
        (_cut, "corrupt"),
        (_stub, "corrupt"),
        (_scribbled, "corrupt"),
        (_patched(b"WITHOUT ROWID", b"WITHOUT\xa5ROWID"), "corrupt"),
        (_patched(b"actor_name TEXT", b"actor_nane TEXT"), "schema differs in events"),
        (_of_a_later_sqlite, "corrupt"),
        (_with_two_keys_of_one_event, "corrupt"),
        (_somebody_elses, "not a journal of selfinspect"),
        (_sql("DROP TABLE events"), "not a journal of selfinspect"),
        (_sql("PRAGMA user_version = 2"), "its version is 2, and this selfinspect supports 1"),
        (
            _sql(f"CREATE TRIGGER t AFTER INSERT ON events BEGIN {_ENDLESS}; END"),
            "schema differs in t",
        ),
        (_sql(f"CREATE VIEW v AS {_ENDLESS}"), "schema differs in v"),
        (_sql("CREATE INDEX i ON events (seq) WHERE zeroblob(9) > '1'"), "schema differs in i"),
        (_sql("CREATE INDEX i ON events (zeroblob(9))"), "schema differs in i"),
        (_sql("CREATE TABLE sqlitf_stat1 (tbl, idx, stat)"), "schema differs in sqlitf_stat1"),
        (
            _altered("PRIMARY KEY", "PRIMARY KEY CHECK (randomblob(9) > '')"),
            "schema differs in events",
        ),
        (
            _altered("actor_name TEXT", "actor_name TEXT AS (zeroblob(9))"),
            "schema differs in events",
        ),
        (
            _altered("NOT NULL UNIQUE", "NOT NULL DEFAULT (randomblob(9)) UNIQUE"),
            "schema differs in ev",
        ),
        (_with_many_tables, "more memory than a journal may"),
        (_sql("UPDATE meta SET value = 'x' WHERE name = 'container'"), "another container"),
        (_sql("DELETE FROM meta"), "another container"),
        (_sql("DELETE FROM meta WHERE name = 'name'"), "its name is missing"),
        (_sql("UPDATE meta SET value = 'A-b' WHERE name = 'name'"), "its name is missing"),
    ],
)
def test_what_cannot_be_continued_is_set_aside(
    journals: Journals, damage: Callable[[Path], None], why: str
) -> None:
    """The file gets a name of its own, with a notice, and a new journal is begun."""
    with journals.open() as journal:
        [old] = journal.append(occurrence(1))
        journal.append(*(occurrence(n) for n in range(2, 100)))
    damage(journals.file)
    content = journals.file.read_bytes()
    with journals.open() as journal:
        [notice] = journals.notices
        assert (notice.event, notice.file.parent) == ("journal.set_aside", journals.folder)
        assert why in notice.reason
        assert notice.file.read_bytes() == content
        [new] = journal.append(occurrence(1))
        assert new.seq == 1
        assert journal.after(old.cursor).gap
    _garbage(journals.file)
    with journals.open():
        assert len({notice.file for notice in journals.notices}) == 2
        assert all(notice.file.exists() for notice in journals.notices)
    with journals.open():
        assert len(journals.notices) == 2


def test_statistics_are_no_hindrance(journals: Journals) -> None:
    """A person's ANALYZE leaves the journal what it is."""
    with journals.open() as journal:
        journal.append(occurrence(1))
    _sql("ANALYZE")(journals.file)
    with journals.open() as journal:
        assert _seqs(journal) == [1]
    assert journals.notices == []


def test_what_is_put_into_an_open_journal_is_not_run(journals: Journals) -> None:
    """A trigger that comes while it is open is refused: what happens is held in memory."""
    with journals.open() as journal:
        journal.append(occurrence(1))
        _sql(f"CREATE TRIGGER t AFTER INSERT ON events BEGIN {_ENDLESS}; END")(journals.file)
        journal.append(occurrence(2))
        assert _seqs(journal) == [1, 2]
        assert journal.answers
    assert journals.events() == ["journal.in_memory"]
    with journals.open() as journal:
        journal.append(occurrence(3))
    assert journals.events() == ["journal.in_memory", "journal.set_aside"]


def test_a_journal_that_hangs_says_so(tmp_path: Path) -> None:
    """While somebody has waited for it longer than a disk takes, it does not count as answering."""
    seen: list[bool] = []
    journal = Journal(10, lambda _: seen.append(journal.answers), patience=0.0)
    assert journal.answers
    (tmp_path / f"{ID}.db").mkdir()
    journal.open(tmp_path, ID)
    assert (seen, journal.answers) == ([False], True)
    journal.close()


def test_reading_runs_nothing_of_a_file(journals: Journals) -> None:
    """Who only looks, as the command line does, finds nothing in another file."""
    with journals.open() as journal:
        journal.append(occurrence(1))
    _sql(f"DROP TABLE events; CREATE VIEW events AS {_ENDLESS}")(journals.file)
    looking = Journal(1000)
    looking.read(journals.folder, ID)
    assert looking.held() == ()


_HELD = """
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
file = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print(flush=True)
signal.pause()
"""


def test_a_file_that_never_opens_is_not_waited_for(journals: Journals) -> None:
    """As a pipe in its place that came after our look at it: here a lease keeps it shut."""
    with journals.open() as journal:
        journal.append(occurrence(1))
    holder = subprocess.Popen([sys.executable, "-c", _HELD, journals.file], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"\n"
        with closing(read(journals.file, ID, None, patience=0.1)) as copy:
            assert copy.execute("SELECT count(*) FROM events").fetchone() == (0,)
    finally:
        holder.kill()
        holder.communicate()
    with closing(read(journals.file, ID, None)) as copy:
        assert copy.execute("SELECT count(*) FROM events").fetchone() == (1,)


@pytest.mark.parametrize("beside", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("kind", [kind for kind in ODD_FILES if kind != "huge"])
def test_what_is_no_file_of_its_own_is_set_aside(
    journals: Journals, kind: str, beside: str
) -> None:
    """Nobody waits for a pipe's writer, no link is followed, and no second name written through."""
    journals.folder.mkdir(parents=True)
    path = journals.file.with_name(f"{journals.file.name}{beside}")
    ODD_FILES[kind](path)
    looking = Journal(1000)
    looking.read(journals.folder, ID)
    assert looking.held() == ()
    with journals.open() as journal:
        [notice] = journals.notices
        reason = "it has a second hard link" if kind == "hard link" else "not a regular file"
        assert (notice.event, notice.reason) == ("journal.set_aside", reason)
        assert os.path.lexists(notice.file.with_name(f"{notice.file.name}{beside}"))
        journal.append(occurrence(1))
    with journals.open() as journal:
        assert _seqs(journal) == [1]
    see_that_nothing_leaked(path)


@pytest.mark.parametrize("kind", ODD_FILES)
def test_what_is_in_place_of_its_lock_means_memory(journals: Journals, kind: str) -> None:
    """Unless it is a file, it is neither followed nor waited for."""
    journals.folder.mkdir(parents=True)
    path = journals.file.with_suffix(".lock")
    ODD_FILES[kind](path)
    with journals.open() as journal:
        journal.append(occurrence(1))
        is_file = kind in ("hard link", "huge")
        assert journals.events() == ([] if is_file else ["journal.in_memory"])
    see_that_nothing_leaked(path)


def test_a_link_that_takes_its_place_as_it_is_opened_means_memory(
    journals: Journals, tmp_path: Path
) -> None:
    """SQLite follows it: whatever was opened is compared with what was looked at."""
    outside, armed = tmp_path / "outside", [True]
    outside.touch()
    journals.folder.mkdir(parents=True)

    def swap(event: str, _: object) -> None:
        if armed and event == "sqlite3.connect" and journals.file.exists():
            armed.clear()
            journals.file.unlink()
            journals.file.symlink_to(outside)

    sys.addaudithook(swap)  # for as long as the process lasts; it acts once
    with journals.open() as journal:
        journal.append(occurrence(1))
        assert journals.events() == ["journal.in_memory"]
    assert not armed
    assert outside.read_bytes() == b""


def test_a_thousand_swaps_lead_nowhere(journals: Journals) -> None:
    """A link and a file in turn while journals are opened: nothing outside is written."""
    journals.folder.mkdir(parents=True)
    with swapping(journals.file, "") as over:
        while not over.is_set():
            with journals.open() as journal:
                journal.append(occurrence(1))
    see_that_nothing_leaked(journals.file, "")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE events SET attributes = '{\"n\": ' WHERE seq = 2",
        "UPDATE events SET attributes = '[2]' WHERE seq = 2",
        "UPDATE events SET attributes = x'ff' WHERE seq = 2",
        "UPDATE events SET attributes = CAST(x'ff' AS TEXT) WHERE seq = 2",
        "UPDATE events SET time = 'yesterday' WHERE seq = 2",
        "UPDATE events SET action = x'ff' WHERE seq = 2",
        "UPDATE events SET run = 'x' WHERE seq = 2",
    ],
    ids=["cut", "a list", "bytes", "no UTF-8", "no time", "no text", "no number"],
)
def test_a_damaged_event_is_skipped_with_one_notice(journals: Journals, damage: str) -> None:
    """The others are read, page by page, and what comes has its place behind them."""
    with journals.open() as journal:
        journal.append(*map(occurrence, (1, 2, 3)))
    _sql(damage)(journals.file)
    with journals.open() as journal:
        assert _numbers(journal) == [1, 3]
        first = journal.after(None, 1)
        assert [event.seq for event in journal.after(first.next, 1).events] == [3]
        [fourth] = journal.append(occurrence(4))
        assert fourth.seq == 4
        [notice] = journals.notices
        assert (notice.event, notice.file) == ("journal.damaged", journals.file)
        assert notice.reason.startswith("event 2 is damaged: ")


def test_damaged_numbers_do_not_count(journals: Journals) -> None:
    """The next run and the latest time are those of the events that are whole."""
    with journals.open() as journal:
        journal.append(occurrence(1, "start"), occurrence(2, "start"))
    _sql("UPDATE events SET run = 'x', nanoseconds = x'ff' WHERE seq = 2")(journals.file)
    with journals.open() as journal:
        assert journal.newest() == 1
        [third] = journal.append(occurrence(3, "start"))
        assert third.run == 2


def test_what_is_remembered_and_damaged_is_forgotten(journals: Journals) -> None:
    """There is a notice, and nothing is remembered."""
    with journals.open() as journal:
        journal.remember({"name": "web"})
    _sql("UPDATE meta SET value = '{' WHERE name = 'facts'")(journals.file)
    with journals.open() as journal:
        assert journal.remembered() is None
        assert journals.events() == ["journal.damaged"]


def test_text_that_is_none_is_no_hindrance(journals: Journals) -> None:
    """Bytes that are no UTF-8 are shown as such."""
    with journals.open() as journal:
        journal.append(occurrence(1))
    _sql("UPDATE events SET action = CAST(x'ff61' AS TEXT)")(journals.file)
    with journals.open() as journal:
        assert [event.action for event in journal.held()] == ["\N{REPLACEMENT CHARACTER}a"]


def test_an_empty_file_is_a_new_journal(journals: Journals) -> None:
    """An agent that ended while it began has left nothing to set aside."""
    journals.folder.mkdir(parents=True)
    journals.file.touch()
    with journals.open() as journal:
        journal.append(occurrence(1))
    with journals.open() as journal:
        assert _seqs(journal) == [1]
    assert journals.events() == []


def _as_nobody(call: Callable[[], None]) -> None:
    """Call without root's right to write everywhere."""
    if os.geteuid() != 0:
        call()
        return
    os.seteuid(65_534)
    try:
        call()
    finally:
        os.seteuid(0)


def test_a_folder_that_cannot_be_written_means_memory(journals: Journals, tmp_path: Path) -> None:
    """It is said once, and the journal works all the same."""
    tmp_path.chmod(0o555)

    def work() -> None:
        with journals.open() as journal:
            journal.append(occurrence(1))
            journal.append(occurrence(2))
            assert _seqs(journal) == [1, 2]

    _as_nobody(work)
    [notice] = journals.notices
    assert notice.event == "journal.in_memory"
    assert "Permission denied" in notice.reason
    assert notice.hint is not None
    assert not journals.folder.exists()


@pytest.mark.parametrize("ended", ["well", "killed"])
def test_a_file_that_cannot_be_written_is_read(ended: str) -> None:
    """What was held is still held; what comes has cursors that the file never gives out."""
    with TemporaryDirectory() as name:
        before, journals = Journals(Path(name) / "before"), Journals(Path(name) / "now")
        with before.open() as journal:
            held = journal.append(occurrence(1), occurrence(2, "die"))
            if ended == "killed":
                shutil.copytree(before.folder, journals.folder)
        if ended == "well":
            shutil.copytree(before.folder, journals.folder)
        for path in (Path(name), journals.folder):
            path.chmod(0o555)
        for path in journals.folder.iterdir():
            path.chmod(0o444)

        def work() -> None:
            with journals.open() as journal:
                assert journal.held() == held
                [new] = journal.append(occurrence(3))
                assert (new.seq, new.run) == (3, 2)
                assert journal.after(held[0].cursor).events == (held[1], new)

        _as_nobody(work)
        assert journals.events() == ["journal.in_memory"]
        journals.folder.chmod(0o755)
        Path(name).chmod(0o755)


@contextmanager
def _files_no_longer_than(size: int) -> Iterator[None]:
    """Let every write beyond so many bytes fail."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_turns_the_journal_to_memory(journals: Journals) -> None:
    """It is said once; order and cursors go on, and what was on disk is gone on with later."""
    with journals.open() as journal:
        [first] = journal.append(occurrence(1))
        with _files_no_longer_than(100_000):
            shown = [first, *(journal.append(occurrence(n))[0] for n in range(2, 100))]
        [notice] = journals.notices
        assert (notice.event, notice.file) == ("journal.in_memory", journals.file)
        assert [event.seq for event in shown] == list(range(1, 100))
        assert journal.held() == tuple(shown)
        assert all(
            journal.after(event.cursor).events == tuple(shown[event.seq :])
            and not journal.after(event.cursor).gap
            for event in shown
        )
    with journals.open() as journal:
        kept = len(journal.held())
        assert 1 <= kept < 99
        assert journal.held() == tuple(shown[:kept])
        journal.append(*(occurrence(n, "other") for n in range(200)))
        for event in shown:
            page = journal.after(event.cursor)
            assert page.gap is (event.seq > kept)
    assert journals.events() == ["journal.in_memory"]


@pytest.mark.skipif(not MAY_MOUNT, reason="mounting a small file system takes root")
def test_a_small_file_system_that_fills_means_memory(tmp_path: Path) -> None:
    """The system's own word for it leads to memory as well."""
    mount = f"mount -t tmpfs -o size=256k tmpfs {tmp_path}"
    program = [*OWN_MOUNTS, f'{mount} && exec "$@"', "sh", sys.executable, "-m"]
    arguments = ["tests.support.full_disk", str(tmp_path), ID, "2000"]
    output = subprocess.run([*program, *arguments], stdout=subprocess.PIPE, check=True, text=True)
    outcome = json.loads(output.stdout)
    assert outcome["notices"] == [["journal.in_memory", "database or disk is full"]]
    assert outcome["shown"] == outcome["held"] == list(range(1, 2001))


def test_a_disk_that_is_full_from_the_start_means_memory(journals: Journals) -> None:
    """A journal that cannot be begun is held in memory; later the file can be used."""
    with _files_no_longer_than(1000), journals.open() as journal:
        journal.append(occurrence(1))
        assert _seqs(journal) == [1]
    with journals.open() as journal:
        journal.append(occurrence(2))
        assert _numbers(journal) == [2]
    assert journals.events() == ["journal.in_memory"]


def test_a_file_damaged_under_our_hands_turns_the_journal_to_memory(journals: Journals) -> None:
    """Numbers go on even where nothing can be read any more."""
    with journals.open() as journal:
        [first] = journal.append(occurrence(1))
        with closing(sqlite3.connect(journals.file)) as database:
            database.execute("DROP TABLE events")
            database.commit()
        [second] = journal.append(occurrence(2))
        assert second.seq == 2
        assert journal.after(first.cursor).events == (second,)
    assert journals.events() == ["journal.in_memory"]


def test_reading_leaves_the_disk_as_it_is(journals: Journals) -> None:
    """A verb of the command line needs no lock, beside an agent or without one."""
    with journals.open() as journal:
        events = journal.append(occurrence(1), occurrence(2))
        beside = Journal(9)
        beside.read(journals.folder, ID)
        assert beside.held() == events
    before = sorted(journals.folder.iterdir())
    without = Journal(9)
    without.read(journals.folder, ID)
    assert without.held() == events
    nowhere = Journal(9)
    nowhere.read(journals.folder, OTHER)
    assert nowhere.held() == ()
    assert sorted(journals.folder.iterdir()) == before


STEPS = st.lists(
    st.one_of(
        st.lists(st.integers(0, 12), max_size=5),
        st.sampled_from(["reopened", "killed", "full"]),
    ),
    max_size=12,
)


@settings(max_examples=50)
@given(STEPS)
def test_whatever_happens_each_event_has_one_place(steps: list[list[int] | str]) -> None:
    """Appended, reopened, killed or out of space: order stays, once each, and cursors lead on."""
    with TemporaryDirectory() as name, ExitStack() as open_:
        journals = Journals(Path(name) / "0")
        journal = open_.enter_context(journals.open())
        held: list[int] = []
        for number, step in enumerate(steps):
            if isinstance(step, list):
                new = list(dict.fromkeys(n for n in step if n not in held))
                events = journal.append(*map(occurrence, step))
                assert [event.attributes["n"] for event in events] == new
                held += new
            elif step == "full":
                journal.close()
                with _files_no_longer_than(1):
                    journal = open_.enter_context(journals.open())
            elif step == "reopened":
                journal.close()
                journal = open_.enter_context(journals.open())
            else:
                # What a killed process leaves behind, without what only its memory made good.
                left = Path(name) / str(number + 1)
                shutil.copytree(journals.folder, left, ignore=shutil.ignore_patterns("*-shm"))
                journals = Journals(left)
                journal = open_.enter_context(journals.open())
            if step in ("full", "reopened", "killed"):
                assert _numbers(journal) == held[: len(_numbers(journal))]
                held = held[: len(_numbers(journal))]
            assert _numbers(journal) == held
            assert _seqs(journal) == list(range(1, len(held) + 1))
            for event in journal.held():
                page = journal.after(event.cursor)
                assert (len(page.events), page.gap) == (len(held) - event.seq, False)


def test_what_was_shown_survives_a_kill(tmp_path: Path) -> None:
    """An agent killed a hundred times, wherever in its work, loses and repeats nothing."""
    rounds = 100
    program = [sys.executable, "-m", "tests.support.killed_writers", str(tmp_path), ID]
    output = subprocess.run([*program, str(rounds)], stdout=subprocess.PIPE, check=True, text=True)
    shown = [line.split() for line in output.stdout.splitlines()]
    with Journals(tmp_path).open(limit=100_000) as journal:
        held = journal.held()
    assert [event.seq for event in held] == list(range(1, len(held) + 1))
    assert len({event.time for event in held}) == len(held)
    places = {event.cursor: str(event.attributes["n"]) for event in held}
    assert shown
    assert all(places[cursor] == number for cursor, number in shown)
    assert len(held) <= len(shown) + rounds
