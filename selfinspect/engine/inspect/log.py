"""A container's own log: what is asked for, and its masked lines as they come. Pure.

A frame is eight bytes and a payload, as the Engine API has it for attaching to a container: the
stream's number (1 stdout, 2 stderr, 3 an error of the engine), three zeros, and the payload's
length, big-endian. A container with a terminal has no frames: its log is one stream of bytes.
Where times are asked for, one stands at each message's begin: of a frame, or of a terminal's line.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Self, TypeAlias

from selfinspect import times
from selfinspect.errors import EngineUnreachableError
from selfinspect.masking import LineMasking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from selfinspect.engine.http.stream import Stream
    from selfinspect.masking import Masking


LogStream: TypeAlias = Literal["stdout", "stderr", "engine"]

LONGEST_LINE: Final = 65_536
"""Bytes of a line that are kept; what is cut off is counted."""

_MOST = 4 << 20
"""Characters of the last lines that are kept where an engine does not count from their end."""

_BESIDE = 100
"""Characters that each of them counts for beside its text: an empty one takes room as well."""

_TOGETHER = 64
"""Lines that are masked at a time."""

_HEADER = 8
_LONGEST_CHARACTER = 4
_STREAMS: dict[int, LogStream] = {0: "stdout", 1: "stdout", 2: "stderr", 3: "engine"}
_WORD = 4096
"""How far back from a cut its word may begin: a secret is not to be cut in two."""


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

    @property
    def counted_here(self) -> int | None:
        """How many of the last lines to keep of what the engine sends, None for all.

        An engine counts `tail` from the log's end, whatever `until` is: of a run that is over
        it would often send nothing.
        """
        return self.tail if self.until is not None and not self.follow else None

    def parameters(self) -> Mapping[str, str]:
        """The same in the words of the Engine API."""
        tail = self.tail if self.counted_here is None else None
        moments = {"since": self.since, "until": self.until}
        return {
            "stdout": _flag(self.stdout),
            "stderr": _flag(self.stderr),
            "follow": _flag(self.follow),
            "timestamps": _flag(self.timed),
            "tail": "all" if tail is None else str(tail),
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
        self._most = query.counted_here
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
        for lines in self._sent() if self._most is None else self._last(self._most):
            if batch := self._masked(lines):
                yield batch

    def cancel(self) -> None:
        """End the iteration, wherever it waits."""
        self._stream.cancel()

    def close(self) -> None:
        """Give the connection up; waits for an iteration that is under way, so cancel it first."""
        self._stream.close()

    def _sent(self) -> Iterator[list[LogLine]]:
        """What the engine sends, unmasked."""
        try:
            for piece in self._stream.pieces(self._silence):
                yield [*self._lines.feed(piece)]
        except (EngineUnreachableError, ValueError) as error:
            cut = LogLine("engine", None, f"the log was cut off here: {error}")
            yield [*self._lines.rest(), cut]
        else:
            yield [*self._lines.rest()]

    def _last(self, most: int) -> Iterator[list[LogLine]]:
        """The last lines of what the engine sends, as many as there is room for."""
        kept: deque[LogLine] = deque()
        size = 0
        for lines in self._sent():
            for each in lines:
                kept.append(each)
                size += len(each.line) + _BESIDE
                while len(kept) > most or size > _MOST:
                    size -= len(kept.popleft().line) + _BESIDE
        while kept:
            yield [kept.popleft() for _ in range(min(_TOGETHER, len(kept)))]

    def _masked(self, lines: Iterable[LogLine]) -> list[LogLine]:
        return [each._replace(line=self._masking_of(each.stream).line(each.line)) for each in lines]

    def _masking_of(self, stream: LogStream) -> LineMasking:
        return self._maskings.setdefault(stream, LineMasking(self._masking))


class LogLine(NamedTuple):
    """A line of a log, without its line break.

    `time` is when the engine got its beginning, None where it sent no time. The
    stream `engine` is for what the engine itself reports of the log.
    """

    stream: LogStream
    time: str | None
    line: str


def written(line: LogLine) -> str:
    """A line as it was printed; what the engine says of the log stands in brackets."""
    return f"[engine: {line.line}]" if line.stream == "engine" else line.line


class _Piece(NamedTuple):
    stream: LogStream
    begins: bool
    data: bytes


class LogLines:
    """Takes a log as its bytes come, gives the lines that are whole. Keeps two lines at most.

    Args:
        framed: whether it comes in frames: of a container without a terminal.
        timed: whether each message begins with its time.
    """

    def __init__(self, *, framed: bool, timed: bool) -> None:
        self._framed = framed
        self._timed = timed
        self._header = b""
        self._left = 0
        self._stream: LogStream = "stdout"
        self._open: dict[LogStream, _Line] = {}

    def feed(self, data: bytes) -> Iterator[LogLine]:
        """The lines that these bytes complete, in the order in which they end.

        Raises:
            ValueError: what comes is in no frame.
        """
        raw = _Piece("stdout", begins=False, data=data)
        for stream, begins, payload in self._pieces(data) if self._framed else [raw]:
            line = self._open.get(stream) or self._fresh(stream)
            if begins and self._timed and stream != "engine":
                line.stamp = b""
            *whole, rest = payload.split(b"\n")
            for part in whole:
                line.add(part)
                yield line.done(stream, terminal=not self._framed)
                line = self._fresh(stream)
            line.add(rest)

    def rest(self) -> Iterator[LogLine]:
        """The last lines, where the log ends without a line break."""
        for stream, line in self._open.items():
            if line.text or line.stamp:
                yield line.done(stream, terminal=not self._framed)
        self._open.clear()

    def _fresh(self, stream: LogStream) -> _Line:
        line = self._open[stream] = _Line(stamp=b"" if self._timed and not self._framed else None)
        return line

    def _pieces(self, data: bytes) -> Iterator[_Piece]:
        """The payloads, or what there is of them so far."""
        while data:
            begins = not self._left
            if begins:
                wanted = _HEADER - len(self._header)
                self._header, data = self._header + data[:wanted], data[wanted:]
                if len(self._header) < _HEADER:
                    return
                self._stream, self._left = _read(self._header)
                self._header = b""
            payload, data = data[: self._left], data[self._left :]
            self._left -= len(payload)
            yield _Piece(self._stream, begins, payload)


@dataclass(slots=True)
class _Line:
    """A line that is not whole yet: `stamp` is a time that is being read, None outside of one."""

    stamp: bytes | None = None
    time: str | None = None
    text: bytearray = field(default_factory=bytearray)
    beyond: int = 0

    def add(self, data: bytes) -> None:
        if self.stamp is not None:
            head, space, rest = data.partition(b" ")
            self.stamp += head
            if not space and len(self.stamp) <= len("2026-11-21T09:03:01.000000000+00:00"):
                return
            time = times.normalized(self.stamp.decode(errors="replace"))
            data = rest if time else self.stamp + space + rest
            self.stamp, self.time = None, self.time or time
        room = LONGEST_LINE - len(self.text)
        self.text += data[:room]
        self.beyond += max(0, len(data) - room)

    def done(self, stream: LogStream, *, terminal: bool) -> LogLine:
        """The line; a terminal ends its lines with a carriage return, too."""
        text, beyond = bytes(self.text + (self.stamp or b"")), self.beyond
        if terminal:
            text = text.removesuffix(b"\r")
        if not beyond:
            return LogLine(stream, self.time, _decoded(text))
        kept = text[: max(text.rfind(b" "), len(text) - _WORD)]
        kept = kept[: len(kept) - _torn(kept)]
        lost = len(text) - len(kept) + beyond
        return LogLine(stream, self.time, f"{_decoded(kept)} [cut: {lost} bytes more]")


def _read(header: bytes) -> tuple[LogStream, int]:
    stream = _STREAMS.get(header[0])
    if stream is None or any(header[1:4]):
        raise ValueError(f"no frame of a log begins with {header.hex(' ')}")
    return stream, int.from_bytes(header[4:], "big")


def _decoded(text: bytes) -> str:
    """The text; bytes that are no UTF-8 stay readable as escapes."""
    return text.decode(errors="backslashreplace")


def _torn(text: bytes) -> int:
    """Bytes at the end that are the beginning of a character in UTF-8."""
    decoder = getincrementaldecoder("utf-8")("replace")
    decoder.decode(text[-_LONGEST_CHARACTER:])
    return len(decoder.getstate()[0])


def _flag(on: bool) -> str:  # noqa: FBT001 - a boolean is what it writes
    return "true" if on else "false"
