from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.engine.conftest import Engine, serving_engine
from tests.support.canned_engine import CannedEngine

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_configure() -> None:
    """An example takes as long as it takes: how long that is says nothing about the rule."""
    settings.register_profile(
        "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """A shell or `nohup` starts what runs in its background deaf to these, and what that starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[CannedEngine]:
    """An engine that answers what the test scripts."""
    with CannedEngine(tmp_path / "engine.sock") as canned:
        yield canned


@pytest.fixture(scope="session")
def private_engine(worker_id: str) -> Iterator[Engine]:
    """An engine for a worker's whole session; its images stay on disk for the next one."""
    state = Path(os.environ.get("XDG_STATE_HOME", "/var/lib"))
    with serving_engine(state / f"selfinspect-tests-{worker_id}") as engine:
        yield engine
