"""Durations as options take them: `500ms`, `5s`, `2m`, `1h`, `1d`. Pure."""

from __future__ import annotations

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_ENDLESS = float("inf")


def parse_duration(text: str) -> float:
    """Seconds in a duration such as `500ms`, `1.5s`, `2m`, `12h` or `1d`; a bare `0` is none.

    Raises:
        ValueError: the text is not a duration; the message says what it takes.
    """
    number = text.rstrip("mshd")
    unit = text[len(number) :]
    digits = number.replace(".", "", 1)
    if digits.isascii() and digits.isdigit():
        if unit in _SECONDS and (seconds := float(number) * _SECONDS[unit]) < _ENDLESS:
            return seconds
        if text == "0":
            return 0.0
    raise ValueError(f"{text!r}: takes a duration such as 500ms, 5s, 2m, 1h or 1d")
