from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.engine.conftest import Engine
    from tests.engine.identity.conftest import Bench, Looks

pytestmark = pytest.mark.engine


def start_neighbours(engine: Engine, count: int) -> None:
    create = ("create", "--network", "none", engine.busybox, "sleep", "1000000")
    created = [engine.docker(*create) for _ in range(count)]
    engine.started += created
    engine.docker("start", *created)


def search(bench: Bench, way: str) -> Sequence[str]:
    """The requests of one look at which nothing names us, and which proves us by this way."""

    def look() -> tuple[Looks, Sequence[str]]:
        before = len(bench.relays[way].requests)
        looks = bench.look(
            "--cgroupns", "private", "--network", f"container:{bench.neighbour.id}", ways=(way,)
        )
        assert looks.wrong() == {}
        return looks, bench.relays[way].requests[before:]

    # It gives up after five seconds, which may be too short on a busy machine.
    five = (look() for _ in range(5))
    return next(requests for looks, requests in five if looks.methods() == {way: way})


@pytest.mark.parametrize("engine", ["v1"], indirect=True)
@pytest.mark.parametrize(
    "way",
    [
        pytest.param("layer", marks=pytest.mark.slow),
        pytest.param("stamp", marks=pytest.mark.slow),
        "nonce",
    ],
)
def test_it_asks_at_most_once_for_each_candidate_and_proof(
    engine: Engine, benches: Callable[[Engine], Bench], way: str
) -> None:
    """Among twenty others: one list, an inspect of each, and few of what costs an event."""
    bench = benches(engine)
    start_neighbours(engine, 20)
    asked = Counter(search(bench, way))
    repeated = {request: count for request, count in asked.items() if count > 1}
    kinds = Counter(request.partition("?")[0].rpartition("/")[2] for request in asked)
    assert repeated == {}
    assert len([request for request in asked if request.endswith("/containers/json")]) == 1
    assert kinds["archive"] <= 9
    assert kinds["top"] <= 9


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["v1"], indirect=True)
def test_it_finds_itself_among_many(engine: Engine, benches: Callable[[Engine], Bench]) -> None:
    """A search that takes longer than five seconds gives up, so to be found is to be in time."""
    start_neighbours(engine, 200)
    for way in ("layer", "nonce"):
        search(benches(engine), way)
