from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from selfinspect.errors import BadRequestError
from selfinspect.journal.journal import Journal
from selfinspect.model import Actor
from tests.support.occurrences import occurrence


def _filled(count: int, limit: int = 100) -> Journal:
    journal = Journal(limit)
    for number in range(1, count + 1):
        journal.append(occurrence(number))
    return journal


def test_an_event_keeps_what_happened() -> None:
    """All that was translated stands in the event, with its place in our order."""
    journal = Journal(9)
    [event] = journal.append(occurrence(7, "kill"))
    assert (event.seq, event.time, event.type, event.action, event.run, event.source) == (
        1,
        "1970-01-01T00:00:00.000000007Z",
        "container",
        "kill",
        None,
        "live",
    )
    assert journal.after(None).events == (event,)
    assert (event.actor, event.attributes) == (Actor("ab", "web"), {"n": 7})


def test_the_order_is_that_of_arrival() -> None:
    """`seq` rises by one, even where times step back."""
    journal = Journal(9)
    for number in (5, 3, 4):
        journal.append(occurrence(number))
    page = journal.after(None)
    assert [event.seq for event in page.events] == [1, 2, 3]
    assert [event.attributes["n"] for event in page.events] == [5, 3, 4]


def test_what_stands_there_already_is_not_added() -> None:
    """An event that comes live and in a replay has one place."""
    journal = _filled(2)
    assert journal.append(occurrence(1), occurrence(2)) == ()
    [third] = journal.append(occurrence(1), occurrence(1, "stop"), occurrence(1, "stop"))
    assert (third.seq, third.action) == (3, "stop")


def test_what_an_engine_may_replay_is_known_whatever_the_limit() -> None:
    """An event is not taken for a new one because it is no longer held."""
    journal = _filled(500, limit=1)
    assert journal.append(occurrence(1)) == ()


def test_runs_are_counted_by_their_starts() -> None:
    """Before the first start an event belongs to no run; a network's start is none."""
    journal = Journal(9)
    events = journal.append(
        occurrence(1, "create"),
        occurrence(2, "start"),
        occurrence(3, "die"),
        occurrence(4, "start", type_="network"),
        occurrence(5, "start"),
        occurrence(5, "start"),
        occurrence(6, "die"),
    )
    assert [event.run for event in events] == [None, 1, 1, 1, 2, 2]


def test_only_the_newest_are_kept() -> None:
    """Beyond the limit the oldest event goes."""
    assert [event.seq for event in _filled(5, limit=3).after(None).events] == [3, 4, 5]


def test_reading_on_from_a_cursor() -> None:
    """Page after page each event comes once, and the last cursor leads to what comes next."""
    journal = _filled(3)
    first = journal.after(None, limit=2)
    second = journal.after(first.next)
    third = journal.after(second.next)
    assert [event.seq for event in (*first.events, *second.events)] == [1, 2, 3]
    assert (third.events, third.next, third.gap) == ((), second.next, False)
    journal.append(occurrence(4))
    assert [event.seq for event in journal.after(third.next).events] == [4]


def test_the_cursor_of_an_event_leads_to_the_next() -> None:
    """The `id` of a streamed event resumes behind it."""
    journal = _filled(3)
    cursor = journal.after(None).events[1].cursor
    assert [event.seq for event in journal.after(cursor).events] == [3]


def test_an_empty_journal_has_a_cursor() -> None:
    """Before the first event one can already say where to go on."""
    journal = Journal(9)
    start = journal.after(None)
    journal.append(occurrence(1))
    page = journal.after(start.next)
    assert ([event.seq for event in page.events], page.gap) == ([1], False)


def test_a_pruned_cursor_is_a_gap() -> None:
    """Where events after the cursor were dropped, that is said, and all that is held comes."""
    journal = _filled(2, limit=3)
    lost = journal.after(None).events[0].cursor
    kept = journal.after(None).next
    for number in (3, 4, 5):
        journal.append(occurrence(number))
    gap, whole = journal.after(lost), journal.after(kept)
    assert (gap.gap, [event.seq for event in gap.events]) == (True, [3, 4, 5])
    assert (whole.gap, [event.seq for event in whole.events]) == (False, [3, 4, 5])


def test_another_journals_cursor_is_a_gap() -> None:
    """Of a journal that is not gone on with, an old cursor means all that is held."""
    first, second = _filled(3), _filled(2)
    page = second.after(first.after(None).events[0].cursor)
    assert (page.gap, [event.seq for event in page.events]) == (True, [1, 2])


def test_a_cursor_of_the_future_is_a_gap() -> None:
    """A number not given out yet is not ours."""
    journal = _filled(2)
    name = journal.after(None).next.split("-")[0]
    assert journal.after(f"{name}-3").gap


@pytest.mark.parametrize(
    "cursor", ["", "-", "x", "ab-", "-1", "ab--1", "ab-1x", "ab-٣", "AB-1\n", "ab-" + "9" * 5000]
)
def test_what_no_journal_gives_out_is_refused(cursor: str) -> None:
    """Garbage is the caller's mistake, with a hint where cursors come from."""
    with pytest.raises(BadRequestError, match="is not a cursor") as caught:
        _filled(1).after(cursor)
    assert caught.value.hint is not None


def test_chosen_actions_are_read_alone() -> None:
    """All that is held comes, oldest first, or what was named of it."""
    journal = Journal(3)
    journal.append(*(occurrence(n, f"a{n % 2}") for n in range(1, 6)))
    assert [event.seq for event in journal.held()] == [3, 4, 5]
    assert [event.seq for event in journal.held("a1", "none")] == [3, 5]
    assert journal.held("none") == ()
    assert [event.seq for event in journal.held("a1", newest=1)] == [5]


def test_the_newest_of_each_action_in_each_run_are_read() -> None:
    """A run in which one thing happens ever again leaves room for what else happened."""
    journal = Journal(100)
    actions = ["start", "oom", "oom", "die", "start", "oom", "kill", "oom", "oom"]
    journal.append(*(occurrence(n, action) for n, action in enumerate(actions, 1)))
    assert [event.seq for event in journal.held(per_run=1)] == [1, 3, 4, 5, 7, 9]
    assert [event.seq for event in journal.held("oom", per_run=2)] == [2, 3, 8, 9]
    assert [event.seq for event in journal.held("oom", "start", newest=2, per_run=1)] == [5, 9]


def test_the_newest_is_what_an_engine_told_of_last() -> None:
    """What we worked out ourselves is not what the engine's history can be asked from."""
    journal = Journal(9)
    assert journal.newest() is None
    journal.append(
        occurrence(5),
        replace(occurrence(3), source="replay"),
        replace(occurrence(8), source="reconciled"),
        occurrence(9, "gap", type_="agent"),
    )
    assert journal.newest() == 5


def test_a_document_is_kept_beside_the_events() -> None:
    """What is remembered replaces what was remembered before."""
    journal = Journal(9)
    assert journal.remembered() is None
    journal.remember({"name": "a"})
    journal.remember({"name": "b", "alive": 7})
    assert journal.remembered() == {"name": "b", "alive": 7}


def test_whatever_an_engine_says_can_be_kept() -> None:
    """Half a character, a time beyond all reckoning: nothing keeps an event from its place."""
    odd = replace(
        occurrence(1, "exec_start: \ud800"),
        nanoseconds=10**30,
        actor=Actor("\udfff", "\ud800"),
        attributes={"\ud800": ["\ud800", None, 1.5]},
    )
    journal = Journal(9)
    [event] = journal.append(odd)
    assert event.attributes == {"\ud800": ["\ud800", None, 1.5]}
    assert journal.after(None).events == (event,)


def test_threads_get_places_of_their_own() -> None:
    """However many append at once, each number is given once."""
    journal = Journal(1000)
    start = threading.Barrier(4)

    def append(first: int) -> None:
        start.wait()
        for number in range(first, first + 100):
            journal.append(occurrence(number))

    threads = [threading.Thread(target=append, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [event.seq for event in journal.after(None).events] == list(range(1, 401))
