"""What PID 1 says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.supervise.messages import say

if TYPE_CHECKING:
    import pytest


def test_one_line_of_words(capfd: pytest.CaptureFixture[str]) -> None:
    """A message is one line: the event, then keys with values quoted where they need it."""
    say("listen.failed", address="127.0.0.1:1", error="in use", deaths=5, odd="a\nb")
    expected = "listen.failed address=127.0.0.1:1 error='in use' deaths=5 odd='a\\nb'"
    assert capfd.readouterr().err == f"selfinspect run: {expected}\n"
