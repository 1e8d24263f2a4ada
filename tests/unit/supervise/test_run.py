"""What the command's environment is, where the interpreter's start has changed ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfinspect.supervise.run import changes_back

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.supervise.conftest import Supervise


def test_a_locale_that_python_added_is_not_the_commands(supervise: Supervise) -> None:
    """Where the container was given none, the command is given none."""
    names = ("LANG", "LC_ALL", "LC_CTYPE")
    through = ["env", *(f"--unset={name}" for name in names), "PYTHONCOERCECLOCALE=1"]
    shown = supervise("sh", "-c", "echo ${LC_CTYPE-none}", through=through)
    assert shown.line() == "none"


def test_a_locale_that_was_given_is_the_commands(supervise: Supervise) -> None:
    """Even one that Python would have chosen."""
    shown = supervise("sh", "-c", "echo $LC_CTYPE", through=["env", "LC_CTYPE=C.UTF-8"])
    assert shown.line() == "C.UTF-8"


def test_without_proc_the_environment_is_as_it_is(tmp_path: Path) -> None:
    """Nothing is taken away on a guess."""
    assert changes_back({"LC_CTYPE": "C.UTF-8"}, str(tmp_path / "environ")) == {}


def test_what_was_kept_from_the_interpreter_is_the_commands(tmp_path: Path) -> None:
    """A library to preload is handed on under its own name alone."""
    kept = {"SELFINSPECT_LD_PRELOAD": "/lib/libjemalloc.so.2"}
    assert changes_back(kept, str(tmp_path)) == {
        "LD_PRELOAD": "/lib/libjemalloc.so.2",
        "SELFINSPECT_LD_PRELOAD": None,
    }
