"""What a request would like its answer to be."""

from __future__ import annotations

import pytest

from selfinspect.web.answers import prefers, weight

JSON = "application/json"


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ("gzip", 1.0),
        ("deflate, GZIP;q=0.5", 0.5),
        ("br;q=1, gzip ; Q=0.25 ; level=1", 0.25),
        ("gzip;q=0.1, gzip;q=0.3", 0.3),
        ("gzip;q=many", 1.0),
        ("", 0.0),
        ("br", 0.0),
        ("*", 0.0),
        ("gzip;q=0", 0.0),
        ("gzip; q=0.0, br", 0.0),
        ("xgzip, gzipx", 0.0),
    ],
)
def test_a_wish_has_a_weight(wishes: str, expected: float) -> None:
    """It is 1 unless it says otherwise, and 0 for what is not named."""
    assert weight(wishes, "gzip") == expected


@pytest.mark.parametrize(
    "accept",
    [
        JSON,
        "text/html, Application/JSON;q=0.9",
        f"{JSON}, text/plain, */*",
        f"{JSON};charset=utf-8",
    ],
)
def test_json_is_wanted_by_its_name(accept: str) -> None:
    """Also beside text, which is what one gets without a wish."""
    assert prefers(accept, "application/x-ndjson", JSON)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/*",
        f"{JSON};q=0",
        f"text/plain, {JSON};q=0.5",
        f"{JSON}p",
        f"x{JSON}",
    ],
)
def test_json_is_not_wanted_otherwise(accept: str) -> None:
    """Not where it is refused, where text is liked better, or where only its like is named."""
    assert not prefers(accept, JSON)
