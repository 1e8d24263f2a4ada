"""Prints text of others on a terminal without the control sequences that may be in it.

An exec's command, a variable, a log line may hold sequences that set a terminal's title, write its
clipboard or overwrite a line. A verb's streams are `Terminal`s where they lead to one, so that
everything printed is shown as text; only `steer` sends control sequences, our own.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO


USUAL_COLUMNS = 80

_C0, _DELETE_AND_C1 = range(0x20), range(0x7F, 0xA0)
_DIRECTIONS = (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Unicode's bidirectional formatting characters: text between them is shown in another order."""

_BREAKS = (0x2028, 0x2029)
_SHOWN = {
    code: chr(code).encode("unicode_escape").decode()
    for code in (*_C0, *_DELETE_AND_C1, *_DIRECTIONS, *_BREAKS)
}
_SHOWN_BETWEEN_LINES = {code: shown for code, shown in _SHOWN.items() if chr(code) not in "\n\t"}


def visible(text: str, *, one_line: bool = False) -> str:
    r"""A text with its control characters written as Python writes them: `\x1b`.

    Args:
        text: what anybody may have written.
        one_line: whether line breaks and tabs are shown so, too.
    """
    return text.translate(_SHOWN if one_line else _SHOWN_BETWEEN_LINES)


class Terminal(TextIOWrapper):
    """A terminal that gets only text: control characters are made visible.

    Args:
        stream: the terminal's own, which stays open when this one is closed.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        file = open(stream.fileno(), "wb", closefd=False)  # noqa: SIM115
        super().__init__(file, stream.encoding, "backslashreplace", line_buffering=True)

    def write(self, text: str, /) -> int:
        """Write a text; of its control characters only line breaks and tabs pass."""
        return super().write(visible(text))

    def steer(self, sequence: str) -> None:
        """Write one of our own control sequences."""
        super().write(sequence)


def of_this_process() -> tuple[TextIO, TextIO]:
    """Standard output and standard error, for text of others.

    A closed stream leads to /dev/null; what a stream cannot encode is escaped; one that leads to a
    terminal takes only text.
    """
    for name in ("stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            stream = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it stays
            setattr(sys, name, stream)
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    return guarded(sys.stdout), guarded(sys.stderr)


def guarded(stream: TextIO) -> TextIO:
    """A stream for text of others: a `Terminal` where it leads to one, else itself."""
    return Terminal(stream) if stream.isatty() else stream


def unguarded(stream: TextIO) -> TextIO:
    """The stream behind a `Terminal`, for a writer that makes values visible itself."""
    return stream.stream if isinstance(stream, Terminal) else stream


def print_line(stream: TextIO, text: str) -> None:
    """Print a line; on a terminal it stays one line whatever is in it."""
    print(visible(text, one_line=True) if stream.isatty() else text, file=stream)


def steer(stream: TextIO, sequence: str) -> None:
    """Write one of our own control sequences."""
    if isinstance(stream, Terminal):
        stream.steer(sequence)
    else:
        stream.write(sequence)


def columns(stream: TextIO) -> int | None:
    """The columns of a terminal, the usual number where it reports none; None for other streams."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or USUAL_COLUMNS
    except OSError:
        return None


def in_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether to write in colour: on a terminal that has them, unless `NO_COLOR` says not to."""
    return stream.isatty() and environ.get("TERM") != "dumb" and not environ.get("NO_COLOR")
