"""Reads what PID 1 wrote down of this container's runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.model import RunRecord
from selfinspect.supervise.record import lines, mark_of, path_of

if TYPE_CHECKING:
    from pathlib import Path

_FACTS = (5, 6)  # the sixth is younger than the others
_DIGITS = 19  # of nanoseconds, until the year 2286


def read_records(folder: Path, root: Path) -> tuple[RunRecord, ...]:
    """The runs written down in a folder, oldest first.

    Args:
        folder: where the journal is.
        root: the folder below which `proc/` is this container's.
    """
    try:
        mountinfo = (root / "proc/self/mountinfo").read_text(errors="surrogateescape")
    except OSError:
        return ()
    mark = mark_of(mountinfo)
    if mark is None:
        return ()
    read = (parse_record(line) for line in lines(path_of(str(folder), mark), mark))
    return tuple(record for record in read if record is not None)


def parse_record(line: str) -> RunRecord | None:
    """One line, None where it is none that PID 1 writes."""
    words = line.split(" ")
    started, boot, *facts = words if len(words) > 1 else ("", "")
    if len(facts) not in _FACTS:
        return None
    try:
        numbers = [None if fact == "-" else _number(fact) for fact in facts]
        finished, exit_code, signal, forwarded, oom_kills, *mapped = numbers
        return RunRecord(
            _number(started),
            None if boot == "-" else boot,
            finished,
            exit_code,
            signal,
            forwarded,
            oom_kills,
            mapped == [1],
        )
    except ValueError:
        return None


def _number(word: str) -> int:
    """A number that PID 1 may have written; anybody else with the folder may have written more.

    Raises:
        ValueError: it is none, or larger than any time, code or count.
    """
    if not (word.isascii() and word.isdecimal() and len(word) <= _DIGITS):
        raise ValueError(word)
    return int(word)
