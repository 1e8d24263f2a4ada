"""How a proxy is told to let a request through."""

from __future__ import annotations

import pytest

from selfinspect.engine.quirks import allowing
from selfinspect.model import CAPABILITIES


@pytest.mark.parametrize("capability", [*CAPABILITIES, "ping", "version", "archive", "list"])
def test_every_request_has_a_variable_and_a_path(capability: str) -> None:
    """Whatever the client can ask for, a person can open."""
    text = allowing(capability)
    assert "=1" in text
    assert " /" in text


def test_the_variable_is_the_proxies_own() -> None:
    """All that is asked of one container stands under one variable."""
    assert "INFO=1" in allowing("info")
    assert "CONTAINERS=1" in allowing("top")
