"""What keeps an agent from its engine, as the README lists it."""

from __future__ import annotations

from tests.troubles import BEGIN, END, README, lines


def test_the_readme_lists_what_the_doctor_prints() -> None:
    """Each trouble with its fix; `python -m tests.troubles` writes the table."""
    table = README.read_text().partition(BEGIN)[2].partition(END)[0]
    assert table == "".join(lines())
