from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.kernel.machine import Machine, machine

if TYPE_CHECKING:
    from collections.abc import Callable

    Lay = Callable[[dict[str, str]], str]


def test_seven_columns_are_added_up(lay: Lay) -> None:
    """As in the engine, stolen and guest time do not count."""
    stat = "cpu  100 200 300 400 500 600 700 8000 9000 9000\ncpu0 1\ncpu7 1\nintr 5\n"
    assert machine(lay({"proc/stat": stat})) == Machine(28.0, 2)


@pytest.mark.parametrize("stat", ["", "cpu 1 2 3\n", "cpu 1 2 3 4 5 6 x\n", "cpus 1 2\n"])
def test_what_makes_no_sense_is_unknown(lay: Lay, stat: str) -> None:
    """Too few columns, or a column that is no number, give no sum and no CPU."""
    assert machine(lay({"proc/stat": stat})) == Machine(None, None)
