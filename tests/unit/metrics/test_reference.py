"""`selfinspect/help/metrics.md` beside the code; `UPDATE_REFERENCE=1` writes its tables."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.metrics import catalog
from selfinspect.metrics.family import family
from tests.unit.metrics.test_golden import GOLDEN

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = Path(catalog.__file__).parents[1] / "help" / "metrics.md"
SECTIONS: Mapping[str, Mapping[str, catalog.Entry]] = {
    "CPU": catalog.CPU,
    "Memory": catalog.MEMORY,
    "Network": catalog.NETWORK,
    "Storage": catalog.STORAGE,
    "Tasks": catalog.TASKS,
    "Pressure": catalog.PRESSURE,
    "Limits and life": catalog.LIFE,
    "The machine": catalog.MACHINE,
    "The agent": catalog.OWN,
}


def table(entries: Mapping[str, catalog.Entry]) -> str:
    """The Markdown of a group of metrics."""
    rows = ["| metric | type | unit | what it is | source | absent |", "|---|---|---|---|---|---|"]
    for name, entry in entries.items():
        labels = f" by {', '.join(f'`{label}`' for label in entry.labels)}" if entry.labels else ""
        cells = (f"`{name}`{labels}", entry.kind, entry.unit, entry.help, entry.source)
        rows.append(f"| {' | '.join(cells)} | {entry.absent} |")
    return "\n".join(rows)


def section(page: str, heading: str) -> str:
    """The text below a heading, without the empty lines around it."""
    return page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0].strip("\n")


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_table_is_that_of_the_code(heading: str) -> None:
    """Every metric of the group with its type, unit, source and absence, and no other."""
    page = PAGE.read_text()
    before = section(page, heading)
    prose = re.sub(r"\A(\|.*\n?)*", "", before).strip("\n")
    wanted = table(SECTIONS[heading]) + (f"\n\n{prose}" if prose else "")
    if os.environ.get("UPDATE_REFERENCE"):
        old = f"\n## {heading}\n" + (f"\n{before}\n" if before else "")
        PAGE.write_text(page.replace(old, f"\n## {heading}\n\n{wanted}\n", 1))
    assert section(PAGE.read_text(), heading) == wanted


def test_every_group_has_a_section() -> None:
    """And a metric stands in one of them alone."""
    names = [name for group in SECTIONS.values() for name in group]
    assert sorted(names) == sorted(catalog.CATALOG)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.prom")), ids=lambda path: path.stem)
def test_every_metric_of_a_page_is_described(path: Path) -> None:
    """Its type, its help and its labels are what the reference says."""
    text = path.read_text()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))
    for name, kind in kinds.items():
        entry = catalog.CATALOG[name]
        assert (entry.kind.replace("unknown", "untyped"), entry.help) == (kind, helps[name])
    of_each_series = {"id", "name", "image"}
    for name, braces in re.findall(r"^(\w+)\{(.*)\} \S+", text, re.MULTILINE):
        labels = set(re.findall(r'(\w+)="', braces))
        own = {each for each in labels if not each.startswith("container_label_")}
        if name.startswith("container_"):
            own -= of_each_series
        assert own == set(catalog.CATALOG[name].labels), name


def test_a_metric_that_is_not_in_the_reference_cannot_be_exposed() -> None:
    """Whoever adds one has to say what it is."""
    with pytest.raises(KeyError):
        family("container_unheard_of", [])
