"""A container's own log: asked for, taken apart and masked as it comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from selfinspect import times
from selfinspect.engine.frames import LogLine, LogLines
from selfinspect.errors import EngineUnreachableError
from selfinspect.masking import LineMasking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from selfinspect.engine.frames import LogStream
    from selfinspect.engine.stream import Stream
    from selfinspect.masking import Masking


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which lines of a log: None is all.

    Attributes:
        tail: so many of the last.
        since: those from a moment on, nanoseconds since the Unix epoch.
        until: those before a moment, the same.
        follow: those to come as well, until the container ends.
        stdout: those of the standard output.
        stderr: those of the standard error.
        timed: with the time of each.
    """

    tail: int | None = None
    since: int | None = None
    until: int | None = None
    follow: bool = False
    stdout: bool = True
    stderr: bool = True
    timed: bool = False

    def parameters(self) -> Mapping[str, str]:
        """The same in the words of the Engine API."""
        moments = {"since": self.since, "until": self.until}
        return {
            "stdout": _flag(self.stdout),
            "stderr": _flag(self.stderr),
            "follow": _flag(self.follow),
            "timestamps": _flag(self.timed),
            "tail": "all" if self.tail is None else str(self.tail),
            **{
                name: times.unix(max(0, each)) for name, each in moments.items() if each is not None
            },
        }


class Log:
    """An open log. Iterate in one thread, `cancel` from any.

    Args:
        stream: the engine's answer.
        query: what was asked for.
        masking: what is a secret.
        terminal: whether the container has one.
    """

    def __init__(
        self, stream: Stream, query: LogQuery, masking: Masking, *, terminal: bool
    ) -> None:
        self._stream = stream
        self._silence = None if query.follow else stream.timeout
        self._lines = LogLines(framed=not terminal, timed=query.timed)
        self._masking = masking
        self._maskings: dict[LogStream, LineMasking] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def batches(self) -> Iterator[list[LogLine]]:
        """The lines as they come, some at a time.

        Ends where the log does, or when it is cancelled. Where it breaks off, the last line is
        the engine's, and says so.
        """
        broken: list[LogLine] = []
        try:
            for piece in self._stream.pieces(self._silence):
                if batch := self._masked(self._lines.feed(piece)):
                    yield batch
        except (EngineUnreachableError, ValueError) as error:
            broken = [LogLine("engine", None, f"the log breaks off here: {error}")]
        if last := [*self._masked(self._lines.rest()), *broken]:
            yield last

    def cancel(self) -> None:
        """End the iteration, wherever it waits."""
        self._stream.cancel()

    def close(self) -> None:
        """Give the connection up; waits for an iteration that is under way, so cancel it first."""
        self._stream.close()

    def _masked(self, lines: Iterable[LogLine]) -> list[LogLine]:
        return [each._replace(line=self._masking_of(each.stream).line(each.line)) for each in lines]

    def _masking_of(self, stream: LogStream) -> LineMasking:
        return self._maskings.setdefault(stream, LineMasking(self._masking))


def _flag(on: bool) -> str:  # noqa: FBT001 - a boolean is what it writes
    return "true" if on else "false"
