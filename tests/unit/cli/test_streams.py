"""Progress is shown on a terminal, and nowhere else."""

from __future__ import annotations

import io
import threading

import pytest

from selfinspect.cli.streams import Streams, progress

PATIENCE = 60.0


class Terminal(io.StringIO):
    """Standard error that a person looks at."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def isatty(self) -> bool:
        """It is one."""
        return True

    def write(self, text: str) -> int:
        """Take a text, and notify that there is one."""
        count = super().write(text)
        self.written.set()
        return count

    @property
    def line(self) -> str:
        """What stands on it: each text begins by clearing the line."""
        return self.getvalue().rpartition("\r\x1b[K")[2]


def streams(err: io.StringIO, environ: dict[str, str] | None = None) -> Streams:
    """A command line's, of which standard error is this."""
    return Streams(io.StringIO(), err, environ or {})


def test_what_takes_long_is_told_until_it_is_over() -> None:
    """With what is being done now; then the line is empty again."""
    err = Terminal()
    with progress(streams(err), "looking", after=0) as show:
        assert err.written.wait(PATIENCE)
        assert err.line == "looking"
        show("asking")
        assert err.line == "asking"
    assert err.line == ""


def test_what_is_over_soon_is_not_told() -> None:
    """No line that comes and goes; what was shown meanwhile is not shown late either."""
    err = Terminal()
    with progress(streams(err), "looking", after=PATIENCE) as show:
        show("asking")
    assert err.getvalue() == ""


def test_a_line_is_no_longer_than_the_terminal() -> None:
    """A longer one would wrap, and only half of it go away."""
    err = Terminal()
    with progress(streams(err), "x" * 500, after=0):
        assert err.written.wait(PATIENCE)
        assert len(err.line) < 80


def test_the_line_goes_away_when_it_fails() -> None:
    """The message stands on a line of its own."""
    err = Terminal()

    def fail() -> None:
        with progress(streams(err), "looking", after=0):
            assert err.written.wait(PATIENCE)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert err.line == ""


@pytest.mark.parametrize(
    ("err", "environ"), [(io.StringIO(), {}), (Terminal(), {"TERM": "dumb"})], ids=["file", "dumb"]
)
def test_nothing_is_told_elsewhere(err: io.StringIO, environ: dict[str, str]) -> None:
    """In a file, or on a terminal that can't take it back."""
    with progress(streams(err, environ), "looking", after=0) as show:
        show("asking")
    assert err.getvalue() == ""
