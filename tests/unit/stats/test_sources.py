from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.api.client import Client
from selfinspect.engine.api.connection import connect
from selfinspect.errors import EngineUnreachableError
from selfinspect.kernel.machine import Devices
from selfinspect.kernel.reader import CgroupReader
from selfinspect.stats.sampler import EngineSource, KernelSource
from tests.support.canned_container import ID
from tests.support.canned_engine import Answer, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.canned_engine import CannedEngine

ROOT = Path(__file__).parents[2] / "fixtures" / "cgroup-v1"


@pytest.fixture
def source(engine: CannedEngine, tmp_path: Path) -> Iterator[EngineSource]:
    """Reads the canned engine's stats."""
    client = Client(connect(engine.url), ID)
    yield EngineSource(client, Devices(str(tmp_path)))
    client.connection.transport.close()


def test_the_engines_figures(engine: CannedEngine, source: EngineSource) -> None:
    """One frame of stats is one sample, at the time the engine read it."""
    engine.knows(recorded("inspect"), stats=recorded("stats"))
    sample = source.read()
    assert sample is not None
    assert (sample.source, sample.read_at) == ("engine", "2026-11-21T12:36:02.831806970Z")
    assert sample.cpu.usage_seconds == pytest.approx(0.049880912)
    assert sample.pids.limit == 50


@pytest.mark.parametrize(
    "answer", [Answer(body=recorded("stats-stopped")), Answer(body=b"")], ids=["Docker", "Podman"]
)
def test_a_stopped_container_has_no_figures(
    engine: CannedEngine, source: EngineSource, answer: Answer
) -> None:
    """200 does not mean data: neither a zero time nor an empty body is a sample."""
    engine.answers[f"/containers/{ID}/stats"] = answer
    assert source.read() is None


def test_an_engine_that_went_away_is_an_error(engine: CannedEngine, source: EngineSource) -> None:
    """No answer is not the same as no figures."""
    engine.stop()
    with pytest.raises(EngineUnreachableError):
        source.read()


def test_the_kernels_figures() -> None:
    """The container's own cgroup files are a sample of now."""
    sample = KernelSource(CgroupReader(ROOT)).read()
    assert sample is not None
    assert sample.source == "kernel"
    assert sample.memory.usage_bytes is not None
    assert sample.network
