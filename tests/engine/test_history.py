"""`/v1/history` in a real container."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import member, sequence
from selfinspect.model import HISTORY_FIELDS
from tests.engine.conftest import until

if TYPE_CHECKING:
    from selfinspect.model import Json
    from tests.engine.conftest import Container, Engine

pytestmark = pytest.mark.engine

LIMIT = 96 << 20


def samples(app: Container, least: int = 1) -> list[Json]:
    """The samples, once there are so many."""

    def found() -> list[Json]:
        return sequence(app.json("/v1/history"), "samples")

    until(lambda: len(found()) >= least, f"{least} samples: {app.logs()}")
    return found()


def test_the_run_before_is_in_the_history(engine: Engine) -> None:
    """The figures of the kernel, kept through a restart in a file of the agent's own."""
    app = engine.start("--memory", str(LIMIT), "--cpus", "1").ready()
    before, *_ = samples(app)
    assert isinstance(before, list)
    shown = dict(zip(HISTORY_FIELDS, before, strict=True))
    assert shown["memory_limit_bytes"] == LIMIT
    assert isinstance(shown["memory_working_set_bytes"], int)
    assert isinstance(shown["pids"], int)
    assert 0 < shown["memory_working_set_bytes"] <= LIMIT
    assert shown["pids"] >= 1
    [mode] = app.exec("sh", "-c", "stat -c %a /var/lib/selfinspect/*.history").splitlines()
    assert mode == "600"
    engine.docker("restart", "--time", "1", app.id)
    app.ready()
    assert samples(app, 2)[0] == before
    runs = sequence(app.json("/v1/history"), "runs")
    assert [member(run, "finished_at") is None for run in runs] == [False, True]
