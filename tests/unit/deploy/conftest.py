from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def deploy() -> Path:
    """The folder with what the project gives to those who run it."""
    return Path(__file__).parents[3] / "deploy"
