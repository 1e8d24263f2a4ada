"""Writes a journal in one process after another, each killed in the middle of its work.

Its arguments are the folder, the container and the number of rounds. It prints the cursor and the
number of each event that a process had in its hands: those are in the journal, or were lost.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from itertools import count
from pathlib import Path

from selfinspect.journal.journal import Journal
from tests.support.occurrences import occurrence


def main(folder: Path, container: str, rounds: int) -> None:
    """Kill so many writers."""
    for number in range(rounds):
        reading, writing = os.pipe()
        writer = os.fork()
        if writer == 0:
            _write(folder, container, number * 10**6, writing)
        os.close(writing)
        with os.fdopen(reading) as shown:
            for _ in range(random.randrange(5)):
                sys.stdout.write(shown.readline())
            os.kill(writer, signal.SIGKILL)
            os.waitpid(writer, 0)
            sys.stdout.write(shown.read())


def _write(folder: Path, container: str, first: int, shown: int) -> None:
    journal = Journal(100_000)
    journal.open(folder, container)
    for number in count(first):
        [event] = journal.append(occurrence(number))
        os.write(shown, f"{event.cursor} {number}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
