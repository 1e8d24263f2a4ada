"""Signals by name and number."""

from __future__ import annotations

import signal

import pytest

from selfinspect.supervise.signals import parse_rewrite


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("TERM:QUIT", (signal.SIGTERM, signal.SIGQUIT)),
        ("SIGTERM:SIGINT", (signal.SIGTERM, signal.SIGINT)),
        ("term:usr1", (signal.SIGTERM, signal.SIGUSR1)),
        ("15:3", (signal.SIGTERM, signal.SIGQUIT)),
        ("HUP:0", (signal.SIGHUP, 0)),
        ("TERM:KILL", (signal.SIGTERM, signal.SIGKILL)),
        ("TERM:RTMIN+3", (signal.SIGTERM, signal.SIGRTMIN + 3)),
        ("RTMAX-2:RTMIN", (signal.SIGRTMAX - 2, signal.SIGRTMIN)),
        ("RTMAX:64", (signal.SIGRTMAX, 64)),
    ],
)
def test_a_rewrite_names_two_signals(text: str, pair: tuple[int, int]) -> None:
    """By name with or without SIG, in any case, by number, and real-time ones by their distance."""
    assert parse_rewrite(text) == pair


@pytest.mark.parametrize(
    "text",
    ["", "TERM", ":", "TERM:", ":TERM", "0:TERM", "TERM:99", "TERM:-1", "NO:TERM", "TERM:RTMAX-99",
     "TERM:RTMIN+", "TERM+1:QUIT", "KILL:TERM", "STOP:TERM", "CHLD:TERM", "_DFL:TERM", "TERM:_IGN",
     "TERM:QUIT:INT", "TERM:٣", "³:TERM", "-1:0",
     "TERM:RTMIN++1", "TERM:RTMIN+-1", f"TERM:{'9' * 5000}", f"TERM:RTMIN+{'9' * 5000}"],
)  # fmt: skip
def test_what_names_none_is_refused(text: str) -> None:
    """As are those that never come: KILL, STOP, and CHLD, which is ours."""
    with pytest.raises(ValueError, match="takes FROM:TO"):
        parse_rewrite(text)
