"""What a verb reads and writes: its streams, how it prints, and the line that shows progress.

They are handed in, so that a test can hand in its own.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from threading import Lock, Timer
from typing import TYPE_CHECKING

import click

from selfinspect import terminal
from selfinspect.frozen import dataclass
from selfinspect.listen import URI_FILE
from selfinspect.terminal import USUAL_COLUMNS, columns, print_line, steer, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import TextIO

    from selfinspect.errors import SelfinspectError
    from selfinspect.model import Json

_CLEAR = "\r\x1b[K"


@dataclass(frozen=True, slots=True)
class Streams:
    """What a verb meets outside.

    Attributes:
        out: where answers go.
        err: where messages go.
        environ: the environment.
        uri_file: where this container's agent leaves its address.
    """

    out: TextIO
    err: TextIO
    environ: Mapping[str, str]
    uri_file: str = URI_FILE

    def print_json(self, document: Json) -> None:
        """Print a document for people to read."""
        print(json.dumps(document, indent=2, ensure_ascii=False), file=self.out)

    def print_lines(self, lines: Iterable[str]) -> None:
        """Print lines; on a terminal each stays one line whatever is in it."""
        for line in lines:
            print_line(self.out, line)

    def report(self, error: SelfinspectError) -> None:
        """One line on what went wrong, one on what to do about it."""
        self.complain(error.detail)
        if error.hint:
            print_line(self.err, f"selfinspect: hint: {error.hint}")

    def complain(self, text: str) -> None:
        """One line on what went wrong."""
        print_line(self.err, f"selfinspect: error: {text}")


streams_of = click.make_pass_decorator(Streams)


def of_this_process() -> Streams:
    """This process's own."""
    return Streams(*terminal.of_this_process(), os.environ)


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A line for each row; the last cell may be as long as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=False)]
    for row in rows:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=False))
        yield "  ".join(cells).rstrip()


def folded(text: str, indent: str = "") -> list[str]:
    """A text in lines that fit the usual terminal; a word that is longer than one stays whole."""
    from textwrap import wrap  # noqa: PLC0415 - few verbs print texts

    return wrap(
        text,
        USUAL_COLUMNS - 1,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


@contextmanager
def progress(streams: Streams, text: str, *, after: float = 0.5) -> Iterator[Callable[[str], None]]:
    """Show what is being done while it is done; nothing where standard error is no terminal.

    Args:
        streams: of which standard error is written to.
        text: what is being done.
        after: seconds until it is shown.

    Yields:
        What to call with another text once something else is being done.
    """
    if not streams.err.isatty() or streams.environ.get("TERM") == "dumb":
        yield lambda _: None
        return
    line = _Line(streams.err, text)
    timer = Timer(after, line.show)
    timer.daemon = True
    timer.start()
    try:
        yield line.change
    finally:
        timer.cancel()
        line.clear()


class _Line:
    """The terminal's last line. The timer's thread and the verb's write it in turn."""

    def __init__(self, err: TextIO, text: str) -> None:
        self._err = err
        self._text = text
        self._lock = Lock()
        self._shown = self._over = False

    def show(self) -> None:
        with self._lock:
            if not self._over:
                self._shown = True
                self._write(self._text)

    def change(self, text: str) -> None:
        with self._lock:
            self._text = text
            if self._shown:
                self._write(text)

    def clear(self) -> None:
        with self._lock:
            self._over = True
            if self._shown:
                self._write("")

    def _write(self, text: str) -> None:
        steer(self._err, _CLEAR)
        shown = visible(text, one_line=True)
        self._err.write(shown[: (columns(self._err) or USUAL_COLUMNS) - 1])
        self._err.flush()
