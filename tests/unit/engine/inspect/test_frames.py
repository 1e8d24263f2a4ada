"""A log as the engine sends it, taken apart."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfinspect.engine.inspect.log import LONGEST_LINE, LogLine, LogLines

if TYPE_CHECKING:
    from collections.abc import Iterable

TIME = b"2026-11-21T09:03:01.000000007Z"
LATER = b"2026-11-21T09:03:02.000000000Z"
KNOWN = TIME.decode()


def frame(stream: int, payload: bytes) -> bytes:
    """A frame, as the Engine API has it."""
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


def read(*pieces: bytes, framed: bool = True, timed: bool = False) -> list[LogLine]:
    """All the lines of a log that comes in these pieces."""
    lines = LogLines(framed=framed, timed=timed)
    return [*(line for piece in pieces for line in lines.feed(piece)), *lines.rest()]


def cut(data: bytes, at: Iterable[int]) -> list[bytes]:
    """The same bytes, in pieces."""
    places = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[begin:end] for begin, end in pairwise(places)]


LOG = (
    frame(1, TIME + b" one\n")
    + frame(2, TIME + " zwöi €\n".encode())
    + frame(1, TIME + b" a part, ")
    + frame(2, TIME + b" between\n")
    + frame(1, b"")
    + frame(1, LATER + b" and its end\n")
    + frame(3, b"Error grabbing logs\n")
    + frame(1, TIME + b" \n")
    + frame(1, TIME + b" unfinished")
)


@given(st.lists(st.integers(min_value=0, max_value=len(LOG)), max_size=40))
def test_it_matters_not_how_it_is_cut(at: list[int]) -> None:
    """Headers, times, characters and lines come whole out of whatever pieces."""
    assert read(*cut(LOG, at), timed=True) == [
        LogLine("stdout", KNOWN, "one"),
        LogLine("stderr", KNOWN, "zwöi €"),
        LogLine("stderr", KNOWN, "between"),
        LogLine("stdout", KNOWN, "a part, and its end"),
        LogLine("engine", None, "Error grabbing logs"),
        LogLine("stdout", KNOWN, ""),
        LogLine("stdout", KNOWN, "unfinished"),
    ]


@given(st.lists(st.integers(min_value=0, max_value=60), max_size=10))
def test_a_terminals_log_has_no_frames(at: list[int]) -> None:
    """One stream of bytes, whose lines end as a terminal ends them."""
    data = b"\x01one\r\ntwo \xe2\x82\xac\r\n\r\nlast"
    assert read(*cut(data, at), framed=False) == [
        LogLine("stdout", None, text) for text in ("\x01one", "two €", "", "last")
    ]


def test_a_terminals_lines_have_times_as_well() -> None:
    """One at the begin of each."""
    assert read(TIME + b" a\r\n" + TIME + b" b c\r\n", framed=False, timed=True) == [
        LogLine("stdout", KNOWN, "a"),
        LogLine("stdout", KNOWN, "b c"),
    ]


@pytest.mark.parametrize(
    "text", ["no time", "2026-13-45T00:00:00Z stands here", "notimeatallandnospaceeitherforlong"]
)
def test_what_is_no_time_is_text(text: str) -> None:
    """Nothing is lost where an engine leaves a time out."""
    assert read(frame(1, text.encode() + b"\n"), timed=True) == [LogLine("stdout", None, text)]


def test_podmans_times_are_the_same_times() -> None:
    """It writes them without nanoseconds, and with its own offset."""
    [line] = read(frame(1, b"2026-11-21T10:03:01+01:00 hello\n"), timed=True)
    assert line == LogLine("stdout", "2026-11-21T09:03:01.000000000Z", "hello")


def test_bytes_that_are_no_text_stay_readable() -> None:
    """As escapes, and the rest of the line beside them."""
    [line] = read(frame(1, b"caf\xe9 \xf0\x9f\x98\n"))
    assert line.line == "caf\\xe9 \\xf0\\x9f\\x98"


@pytest.mark.parametrize("junk", [b"\x04\0\0\0\0\0\0\x01x", b"plain text", b"\x01\0\x01\0\0\0\0\0"])
def test_what_is_no_frame_is_reported(junk: bytes) -> None:
    """No line is made of it."""
    with pytest.raises(ValueError, match="no frame of a log begins with"):
        read(junk)


@pytest.mark.parametrize("framed", [True, False])
def test_a_huge_line_is_cut_and_says_so(framed: bool) -> None:  # noqa: FBT001
    """Never in a word, so that a secret is hidden or not there; the next line is whole again."""
    data = b"word " * 30_000 + b"\nnext\n"
    pieces = cut(frame(1, data) if framed else data, range(0, len(data), 10_000))
    first, second = read(*pieces, framed=framed)
    kept, _, mark = first.line.partition(" [cut: ")
    assert LONGEST_LINE - 5 <= len(kept) < LONGEST_LINE
    assert kept.endswith("word")
    assert mark == f"{150_000 - len(kept)} bytes more]"
    assert second.line == "next"


def test_a_huge_word_is_cut_between_two_characters() -> None:
    """Where there is no space to cut at."""
    [line] = read(frame(1, b"x" + "€".encode() * LONGEST_LINE))
    kept = line.line.partition(" [cut: ")[0]
    assert set(kept) == {"x", "€"}
    assert len(kept.encode()) < LONGEST_LINE


def test_no_more_than_a_line_of_each_output_is_kept() -> None:
    """However long a frame says that it is."""
    lines = LogLines(framed=True, timed=False)
    header = b"\x01\0\0\0\xff\xff\xff\xff"
    assert list(lines.feed(header)) == []
    for _ in range(1000):
        assert list(lines.feed(b"x" * 10_000)) == []
    [line] = lines.rest()
    assert len(line.line) < LONGEST_LINE + 100
    assert line.line.endswith(f"[cut: {10_000_000 - LONGEST_LINE + 4096} bytes more]")
