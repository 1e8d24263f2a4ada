"""What keeps an agent from its engine, as `help engines` lists it."""

from __future__ import annotations

from tests.support.troubles import BEGIN, END, PAGE, lines


def test_help_lists_what_the_doctor_prints() -> None:
    """Each trouble with its fix; `python -m tests.support.troubles` writes the table."""
    table = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    assert table == "".join(lines())
