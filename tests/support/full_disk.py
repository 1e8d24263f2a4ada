"""Fills the disk below a folder with a journal, in a process of its own.

Prints as JSON the journal's notices, and the numbers of its events as they were shown and as they
stand in it afterwards.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from selfinspect.journal.journal import Journal
from tests.support.occurrences import occurrence

if TYPE_CHECKING:
    from selfinspect.journal.files import Notice


def main(folder: Path, container: str, count: int) -> None:
    """Append so many events."""
    notices: list[Notice] = []
    journal = Journal(count, notices.append)
    journal.open(folder, container)
    shown = [event.seq for number in range(count) for event in journal.append(occurrence(number))]
    outcome = {
        "notices": [(notice.event, notice.reason) for notice in notices],
        "shown": shown,
        "held": [event.seq for event in journal.held()],
    }
    print(json.dumps(outcome))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
