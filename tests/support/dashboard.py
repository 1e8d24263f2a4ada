"""The Grafana dashboard as its tests see it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from selfinspect.jsonread import integer, sequence, text

if TYPE_CHECKING:
    from selfinspect.model import Json

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards" / "selfinspect.json"


@dataclass(frozen=True)
class Query:
    """What a panel asks, and of which data source."""

    expression: str | None
    datasource: str | None


@dataclass(frozen=True)
class Panel:
    """A panel and the cells of the 24 columns wide grid that it covers."""

    id: int | None
    kind: str | None
    title: str | None
    description: str | None
    unit: str | None
    cells: frozenset[tuple[int, int]]
    queries: tuple[Query, ...]


def document() -> Json:
    """The whole dashboard."""
    parsed: Json = json.loads(DASHBOARD.read_text())
    return parsed


def panels() -> list[Panel]:
    """Its panels, rows among them, in order."""
    return [_panel(each) for each in sequence(document(), "panels")]


def _panel(panel: Json) -> Panel:
    x, y, width, height = (integer(panel, "gridPos", side) or 0 for side in "xywh")
    return Panel(
        id=integer(panel, "id"),
        kind=text(panel, "type"),
        title=text(panel, "title"),
        description=text(panel, "description"),
        unit=text(panel, "fieldConfig", "defaults", "unit"),
        cells=frozenset((x + i, y + j) for i in range(width) for j in range(height)),
        queries=tuple(
            Query(text(target, "expr"), text(target, "datasource", "uid"))
            for target in sequence(panel, "targets")
        ),
    )
