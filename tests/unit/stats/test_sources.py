from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.api.client import Client
from selfinspect.engine.api.connection import connect
from selfinspect.errors import EngineUnreachableError
from selfinspect.kernel.machine import Devices
from selfinspect.stats.sampler import engine_reading
from tests.support.canned_container import ID
from tests.support.canned_engine import Answer, recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from selfinspect.model import Sample
    from tests.support.canned_engine import CannedEngine

    Read = Callable[[], Sample | None]


@pytest.fixture
def source(engine: CannedEngine, tmp_path: Path) -> Iterator[Read]:
    """Reads the canned engine's stats."""
    client = Client(connect(engine.url), ID)
    yield partial(engine_reading, client, Devices(str(tmp_path)))
    client.connection.transport.close()


def test_the_engines_figures(engine: CannedEngine, source: Read) -> None:
    """One frame of stats is one sample, at the time the engine read it."""
    engine.knows(recorded("inspect"), stats=recorded("stats"))
    sample = source()
    assert sample is not None
    assert (sample.source, sample.read_at) == ("engine", "2026-11-21T12:36:02.831806970Z")
    assert sample.cpu.usage_seconds == pytest.approx(0.049880912)
    assert sample.pids.limit == 50


@pytest.mark.parametrize(
    "answer", [Answer(body=recorded("stats-stopped")), Answer(body=b"")], ids=["Docker", "Podman"]
)
def test_a_stopped_container_has_no_figures(
    engine: CannedEngine, source: Read, answer: Answer
) -> None:
    """200 does not mean data: neither a zero time nor an empty body is a sample."""
    engine.answers[f"/containers/{ID}/stats"] = answer
    assert source() is None


def test_an_engine_that_went_away_is_an_error(engine: CannedEngine, source: Read) -> None:
    """No answer is not the same as no figures."""
    engine.stop()
    with pytest.raises(EngineUnreachableError):
        source()
