"""Durations as options take them."""

from __future__ import annotations

import pytest

from selfinspect.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("5s", 5),
        ("2m", 120),
        ("12h", 43_200),
        ("1d", 86_400),
        ("1.5s", 1.5),
        ("0", 0),
        ("0s", 0),
    ],
)
def test_a_number_and_its_unit(text: str, seconds: float) -> None:
    """Milliseconds to days become seconds; nothing at all needs no unit."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "s",
        ".s",
        "-1s",
        "+1s",
        "1e3s",
        "infs",
        "1_0s",
        "5 s",
        "5S",
        "1w",
        "1dd",
        "1.2.3s",
        f"{10**400}h",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """What is no duration is refused with the text and with what would be one."""
    with pytest.raises(ValueError, match="500ms, 5s, 2m, 1h or 1d") as raised:
        parse_duration(text)
    assert repr(text) in str(raised.value)
