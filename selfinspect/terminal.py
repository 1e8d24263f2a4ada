"""What a terminal may be sent, and how much of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO


USUAL_COLUMNS = 80


def columns(stream: TextIO) -> int | None:
    """How many columns a terminal has, the usual ones where it does not say; None: it is none."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or USUAL_COLUMNS
    except OSError:
        return None


def in_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether to write in colour: on a terminal that has them, unless `NO_COLOR` says not to."""
    return stream.isatty() and environ.get("TERM") != "dumb" and not environ.get("NO_COLOR")
