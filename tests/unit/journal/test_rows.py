from __future__ import annotations

import pytest

from selfinspect.journal.journal import Journal
from selfinspect.journal.rows import Query
from tests.support.occurrences import occurrence

SECOND = 10**9
BEYOND = 10**21


def _journal() -> Journal:
    journal = Journal(10)
    journal.append(
        occurrence(1 * SECOND, "start"),
        occurrence(2 * SECOND, "connect", type_="network"),
        occurrence(3 * SECOND, "die"),
    )
    return journal


@pytest.mark.parametrize(
    ("query", "admitted"),
    [
        (Query(), [1, 2, 3]),
        (Query(since=2 * SECOND, until=2 * SECOND), [2]),
        (Query(since=2 * SECOND + 1), [3]),
        (Query(until=2 * SECOND - 1), [1]),
        (Query(type="container", action="start"), [1]),
        (Query(type="network"), [2]),
        (Query(type="network", action="die"), []),
        (Query(action=""), []),
        (Query(since=-BEYOND, until=BEYOND), [1, 2, 3]),
        (Query(since=BEYOND), []),
        (Query(until=-BEYOND), []),
    ],
)
def test_every_condition_has_to_be_met(query: Query, admitted: list[int]) -> None:
    """Times are bounds that belong to the range; type and action are equal or not."""
    assert [event.seq for event in _journal().after(None, query=query).events] == admitted


@pytest.mark.parametrize(
    ("query", "limit", "chosen", "following"),
    [
        (Query(), 1, [1], 1),
        (Query(), 3, [1, 2, 3], 3),
        (Query(type="container"), 1, [1], 1),
        (Query(action="start"), 2, [1], 3),
        (Query(action="nope"), 2, [], 3),
    ],
)
def test_the_next_cursor_misses_nothing(
    query: Query, limit: int, chosen: list[int], following: int
) -> None:
    """A full page is gone on from its last event, any other from the end of the journal."""
    page = _journal().after(None, limit, query)
    assert [event.seq for event in page.events] == chosen
    assert int(page.next.partition("-")[2]) == following


def test_a_query_goes_on_behind_a_cursor() -> None:
    """The conditions hold for what follows the cursor, and a gap is reported whatever matches."""
    journal = _journal()
    first = journal.after(None, 1).next
    assert [event.seq for event in journal.after(first, query=Query(type="container")).events] == [
        3
    ]
    assert journal.after("beef-1", query=Query(action="nope")).gap
