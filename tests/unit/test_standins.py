"""Modules that a library names and nothing here uses."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module

import pytest

from selfinspect.standins import absent, standing_in


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


def test_a_module_that_is_loaded_is_itself_again_afterwards() -> None:
    """A library is the same whatever was loaded before it, and nobody else notices."""
    with standing_in(lambda member: member, "tomllib"):
        assert import_module("tomllib").loads == "loads"
    assert sys.modules["tomllib"] is tomllib


def test_a_module_is_absent_only_while_a_library_is_loaded() -> None:
    """The library sees a Python without it."""
    with absent("tomllib"), pytest.raises(ModuleNotFoundError):
        import_module("tomllib")
    assert import_module("tomllib") is tomllib


USED_LATER = """
import sys
from selfinspect.standins import when_used
with when_used("this", "wave"):
    import this, wave
    assert wave.open.__module__ == "wave"
    assert sys.modules["wave"].Error is wave.Error
assert "this" not in sys.modules
print(wave.Error.__name__, len(this.s) > 0)
"""


def test_a_module_is_loaded_when_a_member_is_used() -> None:
    """Within the context as well as afterwards; `this` prints its poem as it is loaded."""
    command = [sys.executable, "-c", USED_LATER]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *poem, last = done.stdout.splitlines()
    assert poem[0].startswith("The Zen of Python")
    assert last == "Error True"
