"""What `ps` may be asked, and what it answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.inspect.listings import arguments, processes
from selfinspect.errors import BadRequestError
from selfinspect.masking import Masking

if TYPE_CHECKING:
    from selfinspect.model import Json


@pytest.mark.parametrize(
    "text",
    ["-ef", "aux", "auxww", "-eo pid,comm", "-o user,pid,%cpu,args", "-eLf", "-o pid -o pid,comm"],
)
def test_columns_may_be_chosen(text: str) -> None:
    """In the ways in which `ps` takes them."""
    assert arguments(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-ef ",
        "-ef  -L",
        "-C sshd",
        "-p 1",
        "--pid=1",
        "-u root",
        "1",
        "axe",
        "e",
        "-N",
        "--deselect",
        "--format pid",
        "-o",
        "-o pid,environ",
        "-o pid=PID,comm",
        "-o pid,comm=SECRET",
        "-o pid:100",
        "-eo comm",
        "-o pid,,comm",
        "-eopid",
        "-ef\n-p 1",
        "-ef;id",
        "-ef\x00",
        "-ef" * 100,
        "-\u00e9",
    ],
)
def test_nothing_else_is_asked(text: str) -> None:
    """No choice of processes, no environments, no titles of one's own: each with a hint."""
    with pytest.raises(BadRequestError) as caught:
        arguments(text)
    assert caught.value.detail.startswith("args ")
    assert "-eo pid,comm" in (caught.value.hint or "")


def test_a_secret_in_a_command_line_is_masked() -> None:
    """By its name, and where it was learnt before."""
    masking = Masking(secrets=frozenset({"hunter2hunter2"}))
    top: Json = {
        "Titles": ["PID", "CMD"],
        "Processes": [["7", "app --password=verysecret9"], ["8", "sh hunter2hunter2"]],
    }
    assert processes(top, masking) == {
        "titles": ["PID", "CMD"],
        "processes": [["7", "app --password=[masked]"], ["8", "sh [masked]"]],
    }


@pytest.mark.parametrize("top", [None, {}, [], {"Titles": None, "Processes": None}])
def test_no_rows_are_an_empty_table(top: Json) -> None:
    """Whatever an engine calls them."""
    assert processes(top, Masking()) == {"titles": [], "processes": []}
