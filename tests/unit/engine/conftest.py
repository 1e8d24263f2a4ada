from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.api.client import Client
from selfinspect.engine.api.connection import Connection, connect
from selfinspect.engine.http.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.canned_engine import CannedEngine

ID = "ab" * 32


@pytest.fixture
def transport(engine: CannedEngine) -> Iterator[Transport]:
    """Reaches the canned engine."""
    made = Transport(engine.url, timeout=60)
    yield made
    made.close()


@pytest.fixture
def connection(engine: CannedEngine) -> Iterator[Connection]:
    """A connection to the canned engine, whose requests begin after it."""
    made = connect(engine.url)
    engine.requests.clear()
    yield made
    made.transport.close()


@pytest.fixture
def client(connection: Connection) -> Client:
    """May ask about one container."""
    return Client(connection, ID)
