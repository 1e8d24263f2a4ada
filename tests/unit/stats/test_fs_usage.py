from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.api.client import Client
from selfinspect.engine.api.connection import connect
from selfinspect.stats.sampler import FsUsage
from tests.support.canned_container import ID
from tests.support.canned_engine import Answer, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.canned_engine import CannedEngine


@pytest.fixture
def client(engine: CannedEngine) -> Iterator[Client]:
    """Asks the canned engine, whose container has written 4096 bytes."""
    engine.knows({**recorded("inspect"), "SizeRw": 4096})
    client = Client(connect(engine.url), ID)
    yield client
    client.connection.transport.close()


def test_the_size_is_counted_behind_a_scrapes_back(client: Client) -> None:
    """The first scrape begins it, a later one has it."""
    usage = FsUsage(60)
    assert usage.bytes(client) is None
    usage.wait(60)
    assert usage.bytes(client) == 4096


def test_it_is_counted_once_an_interval(engine: CannedEngine, client: Client) -> None:
    """However often it is asked for."""
    now = [0.0]
    usage = FsUsage(60, clock=lambda: now[0])
    for seconds in (0, 1, 59, 60):
        now[0] = seconds
        usage.bytes(client)
        usage.wait(60)
    asked = [request for request in engine.requests if "size=true" in str(request)]
    assert len(asked) == 2


def test_what_cannot_be_counted_is_unknown(engine: CannedEngine, client: Client) -> None:
    """A proxy may deny it."""
    engine.answers[f"/containers/{ID}/json"] = Answer(403)
    usage = FsUsage(60)
    usage.bytes(client)
    usage.wait(60)
    assert usage.bytes(client) is None


def test_it_is_not_counted_where_no_thread_can_be_had(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container may have all the tasks it may have; it costs no scrape its other figures."""

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    now = [0.0]
    usage = FsUsage(60, clock=lambda: now[0])
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refused)
        assert usage.bytes(client) is None
    now[0] = 60
    usage.bytes(client)
    usage.wait(60)
    assert usage.bytes(client) == 4096
