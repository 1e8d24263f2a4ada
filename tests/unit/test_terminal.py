"""Text of others on a terminal."""

from __future__ import annotations

import os
import pty
from io import StringIO
from typing import TYPE_CHECKING

import pytest

from selfinspect.terminal import Terminal, guarded, print_line, steer, visible

if TYPE_CHECKING:
    from collections.abc import Iterator


class Screen:
    """A terminal, and what arrives at it."""

    def __init__(self) -> None:
        self._reader, self._writer = pty.openpty()
        self.stream = os.fdopen(self._writer, "w", encoding="utf-8")

    def shown(self) -> bytes:
        """What has been written until now; a terminal makes two characters of a line's end."""
        os.write(self._writer, b"!")
        shown = b""
        while not shown.endswith(b"!"):
            shown += os.read(self._reader, 65_536)
        return shown.removesuffix(b"!").replace(b"\r\n", b"\n")

    def close(self) -> None:
        self.stream.close()
        os.close(self._reader)


@pytest.fixture
def screen() -> Iterator[Screen]:
    """A terminal."""
    made = Screen()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ü, 漢, \t and \n", "plain, ü, 漢, \t and \n"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x1b]52;c;ZXZpbA==\x1b\\", "\\x1b]52;c;ZXZpbA==\\x1b\\"),
        ("\x9b2J", "\\x9b2J"),
        ("\r\b\x7f\x00\x0b\x0c", "\\r\\x08\\x7f\\x00\\x0b\\x0c"),
        ("admin\u202enimda\u2066", "admin\\u202enimda\\u2066"),
    ],
)
def test_control_characters_are_shown(text: str, shown: str) -> None:
    """As Python writes them; line breaks and tabs stay."""
    assert visible(text) == shown


def test_in_one_line_nothing_breaks_it() -> None:
    """Nobody's text can look like a further line of ours."""
    assert visible("a\n\tb\u2028c", one_line=True) == "a\\n\\tb\\u2028c"


def test_no_character_of_others_steers_a_terminal(screen: Screen) -> None:
    """Of all that Unicode calls a control character, two come out as they are."""
    everything = "".join(map(chr, range(0xA0)))
    terminal = guarded(screen.stream)
    print(everything, file=terminal)
    assert isinstance(terminal, Terminal)
    raw = {chr(byte) for byte in screen.shown() if byte < 0x20 or byte == 0x7F}
    assert raw == {"\n", "\t"}


def test_our_own_sequences_steer_it(screen: Screen) -> None:
    """In the order in which they are written, among text."""
    terminal = guarded(screen.stream)
    terminal.write("a")
    steer(terminal, "\x1b[K")
    terminal.write("b\n")
    assert screen.shown() == b"a\x1b[Kb\n"


def test_a_line_stays_one_on_a_terminal_alone(screen: Screen) -> None:
    """What a script reads is as it was."""
    print_line(guarded(screen.stream), "a\nb\x1b")
    assert screen.shown() == b"a\\nb\\x1b\n"
    into_a_file = StringIO()
    assert guarded(into_a_file) is into_a_file
    print_line(into_a_file, "a\nb\x1b")
    assert into_a_file.getvalue() == "a\nb\x1b\n"


def test_the_stream_outlives_its_guard(screen: Screen) -> None:
    """It belongs to whoever opened it."""
    guarded(screen.stream).close()
    print("on", file=screen.stream, flush=True)
    assert screen.shown() == b"on\n"
