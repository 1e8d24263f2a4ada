"""Modules that a library names and nothing here uses."""

from __future__ import annotations

import sys
import tomllib
from importlib import import_module

import pytest

from selfinspect.standins import standing_in


def test_a_module_is_stood_in_for_only_while_a_library_is_loaded() -> None:
    """Whoever asks for it later gets the real one, also where loading the library failed."""
    name = "a_module_that_nobody_has"

    def load() -> None:
        with standing_in(lambda member: f"no {member}", name):
            assert import_module(name).escape == "no escape"
            raise ImportError(name)

    with pytest.raises(ImportError):
        load()
    assert name not in sys.modules


def test_a_module_that_is_loaded_stays_itself() -> None:
    """Others use it already."""
    with standing_in(lambda member: member, "tomllib"):
        assert sys.modules["tomllib"] is tomllib
    assert sys.modules["tomllib"] is tomllib
