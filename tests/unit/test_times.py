from __future__ import annotations

import pytest

from selfinspect.errors import BadRequestError
from selfinspect.times import asked_for, nanoseconds, normalized, rfc3339, unix

NOW = 1_000_000_000 * 10**9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:01.5z", 1_500_000_000),
        ("2026-11-21T12:36:01.447859168Z", 1_795_264_561_447_859_168),
        ("2026-11-21T14:36:01.447859168+02:00", 1_795_264_561_447_859_168),
        ("2026-11-21 12:36:01.4478591689999Z", 1_795_264_561_447_859_168),
        ("1969-12-31T23:59:59.25Z", -750_000_000),
    ],
)
def test_every_nanosecond_of_a_time_is_read(text: str, expected: int) -> None:
    """An RFC 3339 time of any zone and precision becomes nanoseconds since the epoch."""
    assert nanoseconds(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-11-21",
        "2026-11-21T12:36:01",
        "2026-13-21T12:36:01Z",
        "2026-11-21T25:36:01Z",
        "0000-01-01T00:00:00Z",
        "2026-11-21T12:36:01+99:99",
        "2026-11-21T12:36:01Z\n",
        "٢٠٢٦-11-21T12:36:01Z",
    ],
)
def test_a_text_that_is_not_a_time_is_refused(text: str) -> None:
    """Anything but an RFC 3339 time raises ValueError."""
    with pytest.raises(ValueError, match=r".+"):
        nanoseconds(text)


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1_795_264_561_000_000_007, "2026-11-21T12:36:01.000000007Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
    ],
)
def test_a_time_is_written_with_nine_digits_and_z(since: int, expected: str) -> None:
    """Every time leaves in UTC with exactly nine digits."""
    assert rfc3339(since) == expected


def test_reading_what_was_written_changes_nothing() -> None:
    """A time survives the round trip to the nanosecond."""
    assert nanoseconds(rfc3339(1_795_264_561_447_859_168)) == 1_795_264_561_447_859_168


@pytest.mark.parametrize(
    "value", [None, 5, "", "soon", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"]
)
def test_an_absent_or_zero_time_is_unknown(value: object) -> None:
    """Go's zero time and junk are None, not a time."""
    assert normalized(value) is None


def test_a_time_of_another_zone_is_normalized() -> None:
    """A time in another zone and precision comes out in ours."""
    assert normalized("2026-11-21T13:36:01.5+01:00") == "2026-11-21T12:36:01.500000000Z"


@pytest.mark.parametrize(
    ("since", "expected"), [(0, "0.000000000"), (1_795_264_561_000_000_007, "1795264561.000000007")]
)
def test_a_moment_is_written_as_engines_read_it(since: int, expected: str) -> None:
    """Seconds, and nine digits behind the point."""
    assert unix(since) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("5", 5 * 10**9),
        ("1700000000", 1_700_000_000 * 10**9),
        ("1700000000.5", 1_700_000_000_500_000_000),
        ("1700000000.000000001", 1_700_000_000_000_000_001),
        ("1970-01-01T00:00:01Z", 10**9),
        ("1970-01-01T01:00:00.000000001+01:00", 1),
        ("1970-01-01T01:00:00 01:00", 0),
        ("5m", NOW - 300 * 10**9),
        ("500ms", NOW - 5 * 10**8),
    ],
)
def test_a_person_writes_a_time_in_three_forms(text: str, expected: int) -> None:
    """RFC 3339, Unix seconds, or a duration back from now."""
    assert asked_for("since", text, NOW) == expected


@pytest.mark.parametrize(
    "text", ["", "now", "-5", "-5m", "1e9", "2026-11-21", "1" * 12, "9" * 400 + "m"]
)
def test_a_person_is_shown_what_a_time_looks_like(text: str) -> None:
    """The hint says what a time looks like."""
    with pytest.raises(BadRequestError, match=r"since .* is not a time") as raised:
        asked_for("since", text, NOW)
    assert "RFC 3339" in str(raised.value.hint)
