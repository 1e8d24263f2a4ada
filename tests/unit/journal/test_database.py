"""The journal in memory: the newest events, as far as there is room."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.journal.database import BYTES
from selfinspect.journal.journal import Journal
from tests.support.occurrences import occurrence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selfinspect.model import Occurrence

ID = "c" * 64
LARGE = BYTES // 64


def _large(number: int) -> Occurrence:
    return replace(occurrence(number), attributes={"command": "x" * LARGE})


def _seqs(journal: Journal) -> list[int]:
    return [event.seq for event in journal.held()]


@contextmanager
def _on_disk(folder: Path, count: int) -> Iterator[Journal]:
    """A journal of so many large events, while its file is open."""
    journal = Journal(10_000)
    journal.open(folder, ID)
    for number in range(count):
        journal.append(_large(number))
    try:
        yield journal
    finally:
        journal.close()


def test_large_events_are_held_as_far_as_there_is_room() -> None:
    """The oldest go, and their readers learn of the gap; numbers go on."""
    journal = Journal(10_000)
    [first] = journal.append(_large(0))
    for number in range(1, 300):
        journal.append(_large(number))
    seqs = _seqs(journal)
    assert seqs == list(range(seqs[0], 301))
    assert 30 < len(seqs) <= 64
    assert journal.after(first.cursor).gap


def test_one_event_is_held_however_large_it_is() -> None:
    """What came last can be read, and is recognised when it comes again."""
    journal = Journal(10_000)
    huge = replace(occurrence(2), attributes={"command": "x" * 2 * BYTES})
    journal.append(occurrence(1), huge)
    assert _seqs(journal) == [2]
    assert journal.append(huge) == ()


def test_of_a_file_that_cannot_be_written_the_newest_are_held(tmp_path: Path) -> None:
    """An agent that goes on in memory keeps to its bound from the first moment."""
    with _on_disk(tmp_path, 300) as first:
        second = Journal(10_000)
        second.open(tmp_path, ID)
        seqs = _seqs(second)
        assert seqs == list(range(seqs[0], 301))
        assert 30 < len(seqs) <= 65
        assert len(_seqs(first)) == 300


def test_a_verb_reads_all_there_is(tmp_path: Path) -> None:
    """The bound is the agent's: a command line ends soon."""
    with _on_disk(tmp_path, 300):
        journal = Journal(10_000, memory=None)
        journal.read(tmp_path, ID)
        assert len(_seqs(journal)) == 300
        journal.append(_large(300))
        assert len(_seqs(journal)) == 301
