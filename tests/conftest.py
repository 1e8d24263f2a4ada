from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.canned_engine import CannedEngine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[CannedEngine]:
    """An engine that answers what the test scripts."""
    with CannedEngine(tmp_path / "engine.sock") as canned:
        yield canned
