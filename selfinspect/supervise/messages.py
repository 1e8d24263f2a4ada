"""What PID 1 logs: one line each on standard error.

`contextlib.suppress` without `contextlib`, which loads `functools` and `collections`: 3 ms.
"""

from __future__ import annotations

import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_STDERR = 2


def say(event: str, **fields: object) -> None:
    """Write `selfinspect run: <event> key=value…`.

    A standard error that is closed or that nobody reads is ignored.
    """
    words = (f"{key}={_word(str(value))}" for key, value in fields.items())
    line = " ".join(("selfinspect run:", event, *words)) + "\n"
    with suppress(OSError):
        if _takes_a_line(_STDERR):
            os.write(_STDERR, line.encode(errors="surrogateescape")[: select.PIPE_BUF])


def _takes_a_line(stream: int) -> bool:
    """Whether `PIPE_BUF` bytes can be written without waiting for who reads them."""
    streams = select.poll()
    streams.register(stream, select.POLLOUT)
    try:
        return bool(streams.poll(0))
    except OSError:  # where no descriptors are allowed, it is not for lack of a reader
        return True


def _word(text: str) -> str:
    return text if text and text.isprintable() and not set(text) & set(' "=') else repr(text)


class suppress:  # noqa: N801 - the name it has in the standard library
    """Ignore exceptions of some classes.

    Args:
        kinds: the classes.
    """

    __slots__ = ("_kinds",)

    def __init__(self, *kinds: type[BaseException]) -> None:
        self._kinds = kinds

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        return kind is not None and issubclass(kind, self._kinds)
