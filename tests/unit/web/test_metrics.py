from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from selfinspect.web.metrics import seconds, takes_gzip

if TYPE_CHECKING:
    from tests.unit.web.conftest import Ask, World


def test_a_page_is_packed_for_who_takes_it(world: World, ask_metrics: Ask) -> None:
    """And says so; for who does not, it is as it was."""
    world.page = b"container_memory_usage_bytes 1\n" * 100
    packed = ask_metrics("/metrics", headers={"accept-encoding": "gzip"})
    plain = ask_metrics("/metrics")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept, Accept-Encoding"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body)
    assert "content-encoding" not in plain.headers


def test_a_small_page_is_not_packed(ask_metrics: Ask) -> None:
    """It fits in one packet anyway."""
    reply = ask_metrics("/metrics", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in reply.headers


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0, br", False),
        ("xgzip", False),
    ],
)
def test_who_takes_gzip(header: str, takes: bool) -> None:  # noqa: FBT001 - a parameter
    """By name, and not refused with a weight of zero."""
    assert takes_gzip(header) is takes


@pytest.mark.parametrize(
    ("header", "timeout"),
    [
        ("10", 9.0),
        ("0.5", 0.45),
        ("", None),
        ("0", None),
        ("-1", None),
        ("nan", None),
        ("1e9", None),
    ],
)
def test_what_a_scrape_may_take(header: str, timeout: float | None) -> None:
    """A part of Prometheus's own timeout; whatever is no number of seconds is no limit."""
    assert seconds(header) == (None if timeout is None else pytest.approx(timeout))


def test_the_scrapes_timeout_is_passed_on(ask_metrics: Ask) -> None:
    """So that a slow engine costs its own figures alone."""
    reply = ask_metrics("/metrics", headers={"x-prometheus-scrape-timeout-seconds": "2"})
    assert "timeout=1.8" in reply.headers["content-type"]
