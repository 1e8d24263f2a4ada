"""The tables of `selfinspect/help/metrics.md` beside the code and the pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from selfinspect.metrics import catalog
from selfinspect.metrics.family import family
from tests.unit.metrics.test_golden import GOLDEN


class Row(NamedTuple):
    """A metric in the reference."""

    name: str
    labels: str
    kind: str
    unit: str
    help: str
    source: str
    absent: str


PAGE = Path(catalog.__file__).parents[1] / "help" / "metrics.md"
CELLS = re.compile(r"\| `(\w+)`(?: by ([^|]+))? \| (.*) \| (.*) \| (.*) \| (.*) \| (.*) \|")
ROWS = [
    Row(*match.groups("")) for match in map(CELLS.fullmatch, PAGE.read_text().splitlines()) if match
]


def test_the_reference_has_every_metric_once() -> None:
    """With the type and the help that it is exposed with, in the order of the code."""
    described = [(row.name, row.kind, row.help) for row in ROWS]
    assert described == [(name, catalog.kind(name), text) for name, text in catalog.HELP.items()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_metric_has_a_unit_and_a_source(row: Row) -> None:
    """Whoever adds one has to say what it counts and where it is read."""
    assert row.unit
    assert row.source


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.prom")), ids=lambda path: path.stem)
def test_every_metric_of_a_page_is_described(path: Path) -> None:
    """Its type, its help and its labels are what the reference says."""
    text = path.read_text()
    rows = {row.name: row for row in ROWS}
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))
    for name, kind in kinds.items():
        row = rows[name]
        assert (row.kind.replace("unknown", "untyped"), row.help) == (kind, helps[name])
    of_each_series = {"id", "name", "image"}
    for name, braces in re.findall(r"^(\w+)\{(.*)\} \S+", text, re.MULTILINE):
        labels = set(re.findall(r'(\w+)="', braces))
        own = {each for each in labels if not each.startswith("container_label_")}
        if name.startswith("container_"):
            own -= of_each_series
        assert own == set(re.findall(r"`(\w+)`", rows[name].labels)), name


def test_a_metric_that_is_not_in_the_reference_cannot_be_exposed() -> None:
    """Whoever adds one has to say what it is."""
    with pytest.raises(KeyError):
        family("container_unheard_of", [])
