"""Several places at once: the preferred one that answers counts, and nobody waits for the rest."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine import contacts
from selfinspect.engine.api.connection import Connection, connect
from selfinspect.engine.contacts import race
from selfinspect.engine.http.pools import addresses, is_public
from selfinspect.engine.locate import Place
from selfinspect.errors import EngineError, EngineUnreachableError
from tests.support.canned_engine import CannedEngine

if TYPE_CHECKING:
    from pathlib import Path

FIRST, SECOND = Place("tcp://127.0.0.1:1", guessed=True), Place("tcp://127.0.0.1:2", guessed=True)
PATIENT = 60.0


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound that a slow machine keeps, too."""
    monkeypatch.setattr(contacts, "PATIENCE", PATIENT)


@pytest.mark.usefixtures("patient")
def test_the_preferred_one_counts_however_late(engine: CannedEngine) -> None:
    """Both answer, the second first: they come in the order of preference."""
    second = threading.Event()

    def to(place: Place, _: float) -> Connection:
        if place is FIRST:
            assert second.wait(PATIENT)
        made = connect(engine.url)
        if place is SECOND:
            second.set()
        return made

    found = list(race((FIRST, SECOND), to))
    assert [place for place, _ in found] == [FIRST, SECOND]
    for _, connection in found:
        assert isinstance(connection, Connection)
        connection.transport.close()


def test_who_does_not_answer_in_time_has_timed_out(
    engine: CannedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bound for all of them; a connection that comes later is closed."""
    monkeypatch.setattr(contacts, "PATIENCE", 0.2)
    late, made = threading.Event(), []

    def to(_: Place, __: float) -> Connection:
        assert late.wait(PATIENT)
        made.append(connect(engine.url))
        return made[-1]

    outcomes = [outcome for _, outcome in race((FIRST, SECOND), to)]
    assert all(isinstance(one, EngineUnreachableError) for one in outcomes)
    assert [one.outcome for one in outcomes if isinstance(one, EngineUnreachableError)] == [
        "timeout",
        "timeout",
    ]
    late.set()
    engine.wait_for_requests(2)
    engine.stop()  # waits until nobody is connected


def test_behind_a_firewall_the_rule_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """For an address: a name may not even have been found, and is not the host's own."""
    monkeypatch.setattr(contacts, "PATIENCE", 0.2)
    over = threading.Event()

    def to(place: Place, _: float) -> Connection:
        assert over.wait(PATIENT)
        raise EngineUnreachableError(place.endpoint)

    guessed = (Place("tcp://[fd00::1]:2375"), Place("tcp://host.docker.internal:2375"))
    outcomes = [outcome for _, outcome in race(guessed, to)]
    over.set()
    hints = [one.hint for one in outcomes if isinstance(one, EngineError)]
    rule = "ip6tables -I INPUT -d fd00::1 -p tcp --dport 2375 -j ACCEPT"
    assert hints == [f"a firewall may drop it; on the engine's host: {rule}", None]


def test_a_failure_is_handed_on(tmp_path: Path) -> None:
    """As the error that it is."""
    found = list(race((FIRST,), lambda *_: connect(f"unix://{tmp_path}/no.sock")))
    assert [type(outcome) for _, outcome in found] == [EngineUnreachableError]
    assert isinstance(found[0][1], EngineError)


@pytest.mark.usefixtures("patient")
def test_who_stops_early_leaves_nothing_open(tmp_path: Path) -> None:
    """The first counts; the second's connection is closed."""
    with CannedEngine(tmp_path / "engine.sock") as engine:
        running = iter(race((FIRST, SECOND), lambda *_: connect(engine.url)))
        _, first = next(running)
        engine.wait_for_requests(2)
        running.close()  # type: ignore[attr-defined]  # a generator's
        assert isinstance(first, Connection)
        first.transport.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_an_address_is_its_own(address: str) -> None:
    """No resolver is asked."""
    assert addresses(address, 0.0) == (address,)


def test_a_name_has_addresses() -> None:
    """Each once."""
    found = addresses("localhost", PATIENT)
    assert set(found) <= {"127.0.0.1", "::1"}
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("name", ["engine.invalid", "x" * 300, "a..b"])
def test_a_name_without_any_is_an_error(name: str) -> None:
    """Unknown, too long or malformed."""
    with pytest.raises(OSError, match=r".+"):
        addresses(name, PATIENT)


def test_a_resolver_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound holds for names too."""
    answered = threading.Event()

    def hangs(*_: object, **__: object) -> list[object]:
        answered.wait(PATIENT)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    with pytest.raises(TimeoutError, match=r"within 0\.0 s"):
        addresses("engine.invalid", 0.0)
    answered.set()


@pytest.mark.parametrize("host", ["8.8.8.8", "localhost", "engine.invalid"])
def test_an_address_that_was_given_or_is_near_is_not_held_against_a_place(host: str) -> None:
    """Only a name that leads to the internet is: a resolver may answer any name."""
    assert not is_public(host, PATIENT)


def test_a_name_that_leads_to_the_internet_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A resolver that answers every name brings no stranger in."""
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    asked: list[Place] = []

    def to(place: Place, _: float) -> Connection:
        asked.append(place)
        raise EngineUnreachableError("asked")

    place = Place("tcp://host.docker.internal:2375", guessed=True)
    (found,) = race((place,), to)
    assert isinstance(found[1], EngineUnreachableError)
    assert (found[1].outcome, asked) == ("unknown name", [])
