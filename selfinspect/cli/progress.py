"""A line on a terminal that tells what takes long, and goes away once it is over."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock, Timer
from typing import TYPE_CHECKING

from selfinspect.terminal import USUAL_COLUMNS, columns, steer, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

    from selfinspect.cli.streams import Streams

_CLEAR = "\r\x1b[K"


@contextmanager
def progress(streams: Streams, text: str, *, after: float = 0.5) -> Iterator[Callable[[str], None]]:
    """Show what is being done while it is done; nothing where standard error is no terminal.

    Args:
        streams: of which standard error is written to.
        text: what is being done.
        after: seconds until it is worth telling.

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
