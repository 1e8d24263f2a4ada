"""The one observation that everybody reads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selfinspect.agent.state import GONE, Beside, Observation, State, gone
from selfinspect.engine.inspect.describe import without_engine
from selfinspect.masking import Masking
from selfinspect.model import Identity, MemoryEvents, Snapshot, Stop
from tests.support.canned_container import ID

if TYPE_CHECKING:
    from selfinspect.model import Self

IDENTITY = Identity(ID, "proven", "layer", "web")
OWN = without_engine(IDENTITY, hostname=None)
FIRST = Observation(Snapshot(IDENTITY, self=OWN), Masking())


def _own(state: State) -> Self:
    assert state.snapshot.self is not None
    return state.snapshot.self


def test_who_subscribes_hears_of_each_change() -> None:
    """Once it can be read, and not where nothing is other than before."""
    state = State(FIRST)
    heard: list[str | None] = []
    state.subscribe(lambda: heard.append(_own(state).state))
    state.change(lambda last: last)
    state.change(gone)
    state.change(gone)
    assert heard == [GONE]


def test_what_stands_beside_a_look_outlives_it() -> None:
    """The next look finds its own document, and knows nothing of that."""
    counts = MemoryEvents(1, 2, 3, 4)
    state = State(FIRST, Beside(stop_timeout=7.4))
    state.add(lambda beside: replace(beside, memory_events=counts))
    state.change(lambda _: Observation(Snapshot(IDENTITY, self=OWN), Masking()))
    assert _own(state).memory_events == counts
    assert _own(state).stop == Stop(timeout_seconds=7, source="option")


def test_before_the_first_look_nothing_is_shown_of_it() -> None:
    """It is shown with the first document."""
    counts = MemoryEvents(1, 2, 3, 4)
    state = State(Observation(Snapshot(IDENTITY), Masking()))
    state.add(lambda beside: replace(beside, memory_events=counts))
    assert state.snapshot.self is None
    state.change(lambda _: FIRST)
    assert _own(state).memory_events == counts
