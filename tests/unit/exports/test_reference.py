"""`selfinspect/help/environment.md` beside the code; `UPDATE_REFERENCE=1` writes its tables."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from selfinspect.exports import otel, own, size
from tests.unit.exports.test_own import BARE, FULL

PAGE = Path(own.__file__).parents[1] / "help" / "environment.md"


def of_the_container() -> str:
    rows = [f"| `{row.name}` | {row.source} | {row.absent} |" for row in own.rows()]
    return "\n".join(["| variable | source | absent |", "|---|---|---|", *rows])


def of_runtimes() -> str:
    rows = [
        f"| `{row.name}` | {row.runtime}{'' if row.usual else ', by name alone'} | {row.source}"
        f" | {row.absent} |"
        for row in size.ROWS
    ]
    return "\n".join(["| variable | runtime | value | absent |", "|---|---|---|---|", *rows])


def section(page: str, heading: str) -> str:
    """The text below a heading, without the empty lines around it."""
    return page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0].strip("\n")


@pytest.mark.parametrize(
    ("heading", "table"), [("self", of_the_container()), ("size", of_runtimes())]
)
def test_the_table_is_that_of_the_code(heading: str, table: str) -> None:
    """Every variable with its source and when it is absent, and no other."""
    page = PAGE.read_text()
    before = section(page, heading)
    prose = re.sub(r"\n*^\|.*(\n\|.*)*", "", before, flags=re.MULTILINE).strip("\n")
    wanted = f"{prose}\n\n{table}"
    if os.environ.get("UPDATE_REFERENCE"):
        PAGE.write_text(page.replace(before, wanted, 1))
    assert section(PAGE.read_text(), heading) == wanted


def test_every_attribute_is_on_the_page() -> None:
    """By its key."""
    text = section(PAGE.read_text(), "otel")
    keys = {*otel.attributes(FULL), *otel.attributes(BARE), *otel.lists(FULL)}
    assert [key for key in keys if f"`{key}`" not in text] == []
