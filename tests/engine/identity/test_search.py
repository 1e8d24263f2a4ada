from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.engine.conftest import Engine
    from tests.engine.identity.conftest import Bench

pytestmark = pytest.mark.engine


def start_neighbours(engine: Engine, count: int) -> None:
    create = ("create", "--network", "none", engine.busybox, "sleep", "1000000")
    created = [engine.docker(*create) for _ in range(count)]
    engine.started += created
    engine.docker("start", *created)


def search(bench: Bench, way: str) -> Sequence[str]:
    """The requests of one look at which nothing names us, and which proves us by this way."""
    looks = bench.look_in_time(
        "--cgroupns", "private", "--network", f"container:{bench.neighbour.id}", ways=(way,)
    )
    assert looks.wrong() == {}
    assert looks.methods() == {way: way}
    return looks.requests[way]


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
    """Two hundred others are no reason to give up."""
    start_neighbours(engine, 200)
    for way in ("layer", "nonce"):
        search(benches(engine), way)
