from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import sequence, text
from tests.support.dashboard import DASHBOARD, Panel, document, panels

if TYPE_CHECKING:
    from pathlib import Path

SHOWING = [panel for panel in panels() if panel.kind != "row"]
each_panel = pytest.mark.parametrize("panel", SHOWING, ids=lambda panel: panel.title)


def test_the_rows_lead_from_the_overview_to_the_agent() -> None:
    """A reader meets the containers first and the agent last."""
    rows = [panel.title for panel in panels() if panel.kind == "row"]
    assert rows == ["Overview", "CPU", "Memory", "Network", "IO and tasks", "Agent"]


def test_panels_have_ids_of_their_own() -> None:
    """Grafana tells panels apart by their IDs."""
    assert max(Counter(panel.id for panel in panels()).values()) == 1


def test_panels_lie_beside_each_other_on_the_grid() -> None:
    """No two panels overlap, and none leaves the 24 columns."""
    cells = Counter(cell for panel in panels() for cell in panel.cells)
    assert max(cells.values()) == 1
    assert {column for column, _ in cells} == set(range(24))


@each_panel
def test_a_panel_explains_itself(panel: Panel) -> None:
    """Each panel has a title, a description in full sentences, and a unit."""
    assert panel.title
    assert panel.description
    assert panel.description.endswith(".")
    assert panel.unit


@each_panel
def test_a_panel_asks_the_chosen_data_source(panel: Panel) -> None:
    """Each query has an expression and goes where the variable `datasource` points."""
    assert panel.queries
    assert all(query.expression for query in panel.queries)
    assert {query.datasource for query in panel.queries} == {"${datasource}"}


def test_the_variables_choose_a_data_source_and_containers() -> None:
    """The dashboard asks for a data source, a job, hosts, and the containers on those."""
    variables = sequence(document(), "templating", "list")
    assert [text(variable, "name") for variable in variables] == [
        "datasource",
        "job",
        "host",
        "instance",
    ]


@each_panel
def test_a_panel_asks_for_instances(panel: Panel) -> None:
    """Without an engine there is no name; a target without a host belongs to any."""
    for query in panel.queries:
        assert query.expression
        metrics = query.expression.count('job=~"$job"')
        assert query.expression.count('host=~"$host|", instance=~"$instance"') == metrics > 0
        assert not re.search(r"\bname\b", query.expression)
        assert "name" not in query.expression.partition(" by (")[2].partition(")")[0]


def test_the_dashboard_loads_nothing_from_elsewhere() -> None:
    """There is no URL in it."""
    assert "//" not in DASHBOARD.read_text()


def test_the_provisioned_folder_holds_the_dashboard(deploy: Path) -> None:
    """What is provisioned is a folder named as the one the dashboard lies in."""
    provider = (deploy / "grafana/provisioning/dashboards/selfinspect.yml").read_text()
    assert f"path: /var/lib/grafana/{DASHBOARD.parent.name} " in provider
