"""The parts of the help pages that come from the code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.exports import otel
from tests.support.reference import HELP_PAGES, PARTS, renewed
from tests.unit.exports.test_own import BARE, FULL

if TYPE_CHECKING:
    from pathlib import Path

PAGES = sorted(HELP_PAGES.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_what_the_code_does(page: Path) -> None:
    """Else `python -m tests.support.reference` writes it again."""
    assert page.read_text() == renewed(page.read_text())


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_on_a_page(part: str) -> None:
    """Once."""
    pages = "".join(page.read_text() for page in PAGES)
    assert pages.count(f"<!-- {part} -->\n") == pages.count(f"<!-- /{part} -->\n") == 1


def test_every_attribute_for_opentelemetry_is_on_its_page() -> None:
    """By its key; several share a row."""
    text = (HELP_PAGES / "environment.md").read_text()
    keys = {*otel.attributes(FULL), *otel.attributes(BARE), *otel.lists(FULL)}
    assert [key for key in keys if f"`{key}`" not in text] == []
