"""What an engine still holds, and whether that is all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.api.client import Client
from selfinspect.engine.api.connection import connect
from selfinspect.engine.http.stream import MAX_BODY
from selfinspect.errors import EngineUnreachableError
from selfinspect.events.history import Gap, first_gap, gap, past_events
from selfinspect.jsonread import integer
from selfinspect.model import Actor
from tests.support.canned_engine import PING, Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.model import Json
    from tests.support.canned_engine import CannedEngine

ID = "ab" * 32
SECOND = 10**9
BRIEF = 0.5
PATIENCE = 60.0


@pytest.fixture
def client(engine: CannedEngine) -> Iterator[Client]:
    """May ask about one container."""
    made = Client(connect(engine.url), ID)
    yield made
    made.connection.transport.close()


@pytest.fixture
def podman(engine: CannedEngine) -> Iterator[Client]:
    """The same, of Podman."""
    headers = {**PING.headers, "Libpod-Api-Version": "5.8.6"}
    engine.answers["/_ping"] = Answer(body=b"OK", headers=headers)
    made = Client(connect(engine.url), ID)
    yield made
    made.connection.transport.close()


def _event(when: int, kind: str = "container", actor: str = ID) -> dict[str, Json]:
    return {"Type": kind, "Action": "x", "Actor": {"ID": actor}, "timeNano": when}


def test_the_past_is_in_the_order_of_its_times(engine: CannedEngine, client: Client) -> None:
    """Our own events and those of networks, from that moment on, without others'."""
    engine.held.extend(
        [_event(7), _event(3), _event(1), _event(5, "network", "n"), _event(4, actor="cd" * 32)]
    )
    found = past_events(client, since=3, now=9 * SECOND)
    assert [integer(raw, "timeNano") for raw in found] == [3, 5, 7]
    assert all("since=0.000000003&until=9.000000000" in one for one in engine.matching("/events"))


@pytest.mark.parametrize(
    "endless", [Answer(drips=True), Answer(body=b"{}\n" * MAX_BODY)], ids=["slow", "long"]
)
def test_the_past_has_an_end(engine: CannedEngine, endless: Answer) -> None:
    """An answer without an end does not come from an engine, however small each piece is."""
    hasty = Client(connect(engine.url, timeout=BRIEF, patience=PATIENCE), ID)
    engine.answers["/events"] = endless
    with pytest.raises(EngineUnreachableError, match=r"an answer of more|no whole"):
        past_events(hasty, since=0, now=SECOND)
    hasty.connection.transport.close()


def test_podman_is_asked_in_whole_seconds(engine: CannedEngine, podman: Client) -> None:
    """From the second before, for it leaves out the one named, to half a second from now."""
    past_events(podman, since=7 * SECOND + 5, now=9 * SECOND + SECOND // 2)
    past_events(podman, since=7 * SECOND + 5, now=9 * SECOND + SECOND // 2 - 1)
    bounds = [one.partition("since=")[2] for one in engine.matching("/events")]
    assert bounds == ["6.000000000&until=11"] * 2 + ["6.000000000&until=10"] * 2


def test_a_past_that_is_not_json(engine: CannedEngine, client: Client) -> None:
    """An engine does not answer that."""
    engine.answers["/events"] = Answer(body=b"<html>\n")
    with pytest.raises(EngineUnreachableError, match="not JSON"):
        past_events(client, 1, 2)


def test_nothing_fell_out_of_what_the_engine_holds(engine: CannedEngine, client: Client) -> None:
    """Its oldest event is from before the moment up to which nothing was missed."""
    engine.held.extend([_event(5, actor="cd" * 32), _event(50)])
    assert gap(client, alive=5, now=99) is None


@pytest.mark.parametrize(
    ("held", "found"),
    [
        ([], (5, 99, "restart")),
        ([7, 8], (5, 7, "restart")),
        (list(range(20, 20 + 256)), (5, 20, "engine-buffer")),
    ],
    ids=["nothing", "little", "as much as it can"],
)
def test_what_may_be_missing(
    engine: CannedEngine, client: Client, held: list[int], found: tuple[int, int, str]
) -> None:
    """An engine that holds few events was restarted; one that holds all it can has dropped some."""
    engine.held.extend(_event(when) for when in held)
    assert gap(client, alive=5, now=99) == found


@pytest.mark.parametrize(
    ("held", "end"), [([8, 7], 7), ([], 99), ([3], 5)], ids=["some", "none", "before it began"]
)
def test_a_first_gap_ends_with_the_oldest_event_held(held: list[int], end: int) -> None:
    """Or now, where none is; a clock that was set leaves none that ends before it begins."""
    assert first_gap([_event(when) for when in held], begun=5, now=99) == (5, end, "engine-buffer")


def test_podmans_log_is_not_read_whole(engine: CannedEngine, podman: Client) -> None:
    """It may go back for years; where it ends too early, something may be missing."""
    assert gap(podman, alive=5, now=99) == (5, 99, "engine-buffer")
    assert engine.matching("/events") == []


def test_a_gap_is_an_event() -> None:
    """Of the agent, about the container, with what is missing and why."""
    event = Gap(5, 7, "restart").event(Actor(ID, "web"))
    assert (event.type, event.action, event.actor) == ("agent", "gap", Actor(ID, "web"))
    assert event.attributes == {
        "from": "1970-01-01T00:00:00.000000005Z",
        "to": "1970-01-01T00:00:00.000000007Z",
        "reason": "restart",
    }


def test_a_proxy_that_hides_others_events_leaves_a_gap(
    engine: CannedEngine, client: Client
) -> None:
    """What cannot be ruled out is marked, and our own events are not taken for denied."""
    engine.answers["/events"] = Answer(403, b"Forbidden")
    assert gap(client, alive=3, now=9) == (3, 9, "engine-buffer")
    assert client.connection.capabilities.states()["events"] == "unknown"
