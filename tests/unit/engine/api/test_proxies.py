"""How a proxy is told to let a request through."""

from __future__ import annotations

from typing import get_args

import pytest

from selfinspect.engine.api.capabilities import allowing
from selfinspect.model import Capability


@pytest.mark.parametrize("capability", get_args(Capability))
def test_every_request_has_a_variable_and_a_path(capability: Capability) -> None:
    """Whatever the client can ask for, a person can open: each capability has its row."""
    text = allowing(capability)
    assert "=1" in text
    assert " /" in text


def test_the_variable_is_the_proxies_own() -> None:
    """All that is asked of one container stands under one variable."""
    assert "INFO=1" in allowing("info")
    assert "CONTAINERS=1" in allowing("top")
