"""Requests in other forms than the usual one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.web.guard import combined

if TYPE_CHECKING:
    from tests.unit.web.conftest import Ask


def test_a_header_sent_twice_counts_twice() -> None:
    """Neither the first nor the last of two values hides the other."""
    twice = [(b"origin", b"http://evil.example"), (b"host", b"app"), (b"origin", b"http://app")]
    assert combined(twice) == {"origin": "http://evil.example, http://app", "host": "app"}


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://localhost:10310/healthz", 200),
        ("HTTP://app/v1/self/id?x=1", 200),
        ("http://localhost", 200),
        ("http://localhost/v1/self/%2561", 404),
        ("http://evil.example/v1/self", 421),
        ("http://someone@localhost/v1/self", 421),
        ("http:///v1/self", 421),
        ("*", 404),
        ("v1/self", 404),
    ],
)
def test_a_whole_uri_is_asked_of_its_own_host(ask: Ask, target: str, status: int) -> None:
    """Its host counts, not the header's."""
    assert ask(target).status == status
