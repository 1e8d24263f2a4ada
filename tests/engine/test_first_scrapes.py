from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import sh

if TYPE_CHECKING:
    from tests.engine.conftest import Engine

pytestmark = [pytest.mark.engine, pytest.mark.slow]

POLLING = Path(__file__).with_name("polling.py")


def test_no_figure_comes_without_its_labels(engine: Engine) -> None:
    """Forty starts, scraped every 20 ms from the first moment until the agent is ready."""
    for _ in range(40):
        container = engine.start()
        address = container.inspect("{{.NetworkSettings.IPAddress}}")
        *without, last = sh(
            "nsenter", "--net", "--target", engine.pid, sys.executable, POLLING, address
        ).splitlines()
        assert without == []
        found = re.fullmatch(r"(\d+) pages, (\d+) samples in the last", last)
        assert found, last
        assert int(found[2]) > 40
        engine.remove_started()
