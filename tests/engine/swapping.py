"""Swap links and files in place of others', a thousand times, as a neighbour on a volume could."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

SWAPS = 1000
NAMES = ("uri", "uri.1", "token", "token.1")


def main() -> None:
    """Swap whatever stands in the folders that the command line names."""
    folders = [Path(word) for word in sys.argv[1:]]
    print("swapping", flush=True)  # noqa: T201
    for turn in range(SWAPS):
        there = [each for folder in folders for each in folder.iterdir()]
        for path in {*there, *(folders[0] / name for name in NAMES)}:
            beside = path.with_name(f".{os.getpid()}")
            with suppress(OSError):
                beside.unlink(missing_ok=True)
                if turn % 2:
                    beside.write_text("half a file\n")
                else:
                    beside.symlink_to("/secret")
                beside.replace(path)
        time.sleep(0.01)  # so that restarts fall into it


if __name__ == "__main__":
    main()
