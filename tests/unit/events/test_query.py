from __future__ import annotations

from dataclasses import replace

import pytest

from selfinspect.events.journal import Page
from selfinspect.events.query import Query, select
from selfinspect.model import Actor, Event

START = Event(
    cursor="ab-1",
    seq=1,
    run=None,
    time="1970-01-01T00:00:01.500000000Z",
    type="container",
    action="start",
    actor=Actor("a" * 64, None),
    attributes={},
    source="live",
)
DIE = replace(START, cursor="ab-2", seq=2, action="die")
PAGE = Page((START, DIE), "ab-2", gap=False)


@pytest.mark.parametrize(
    ("query", "admitted"),
    [
        (Query(), True),
        (Query(since=1_500_000_000, until=1_500_000_000), True),
        (Query(since=1_500_000_001), False),
        (Query(until=1_499_999_999), False),
        (Query(type="container", action="start"), True),
        (Query(type="network"), False),
        (Query(action="die"), False),
        (Query(action=""), False),
    ],
)
def test_every_condition_has_to_be_met(query: Query, *, admitted: bool) -> None:
    """Times are bounds that belong to the range; type and action are equal or not."""
    assert query.admits(START) is admitted


@pytest.mark.parametrize(
    ("query", "limit", "chosen", "following"),
    [
        (Query(), 1, (START,), "ab-1"),
        (Query(), 2, (START, DIE), "ab-2"),
        (Query(), 3, (START, DIE), "ab-2"),
        (Query(action="start"), 2, (START,), "ab-2"),
        (Query(action="nope"), 2, (), "ab-2"),
    ],
)
def test_the_next_cursor_misses_nothing(
    query: Query, limit: int, chosen: tuple[Event, ...], following: str
) -> None:
    """A full page is gone on from its last event, any other from the end of what was looked at."""
    assert select(PAGE, query, limit) == Page(chosen, following, gap=False)
