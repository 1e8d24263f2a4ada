"""The catalog of metrics beside the pages that carry them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from selfinspect.metrics import catalog
from selfinspect.metrics.family import family
from tests.unit.metrics.test_golden import GOLDEN

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.prom")), ids=lambda path: path.stem)
def test_every_metric_of_a_page_is_described(path: Path) -> None:
    """Its type, its help and its labels are what the catalog says, and so the reference."""
    text = path.read_text()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))
    for name, kind in kinds.items():
        said = catalog.kind(name).replace("unknown", "untyped"), catalog.METRICS[name].help
        assert said == (kind, helps[name])
    of_each_series = {"id", "name", "image"}
    for name, braces in re.findall(r"^(\w+)\{(.*)\} \S+", text, re.MULTILINE):
        labels = set(re.findall(r'(\w+)="', braces))
        own = {each for each in labels if not each.startswith("container_label_")}
        if name.startswith("container_"):
            own -= of_each_series
        assert own == set(catalog.METRICS[name].labels), name


def test_a_metric_that_is_not_in_the_reference_cannot_be_exposed() -> None:
    """Whoever adds one has to say what it is."""
    with pytest.raises(KeyError):
        family("container_unheard_of", [])
