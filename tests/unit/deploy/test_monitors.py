"""The operator's monitors, read as the scrape configuration that the operator makes of them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

KUBERNETES = Path(__file__).parents[3] / "deploy" / "kubernetes"
MONITORS = sorted((KUBERNETES / "monitors").glob("*.yaml"))
ENDPOINTS = {"PodMonitor": "podMetricsEndpoints", "ServiceMonitor": "endpoints"}
OF_AN_ENDPOINT = {"port", "path", "interval", "relabelings"}


def documents(path: Path) -> Iterator[dict[str, Any]]:
    """The documents of a file."""
    yield from yaml.safe_load_all(path.read_text())


def monitor(path: Path) -> dict[str, Any]:
    """The one monitor in a file."""
    [found] = [each for each in documents(path) if each["kind"] in ENDPOINTS]
    return found


def snake(name: str) -> str:
    """A member's name as Prometheus itself writes it."""
    return re.sub("([A-Z])", lambda letter: f"_{letter[1].lower()}", name)


def test_there_is_one_of_each_kind() -> None:
    """For targets found by pods, and by a service."""
    assert {monitor(path)["kind"] for path in MONITORS} == set(ENDPOINTS)


@pytest.mark.parametrize("path", MONITORS, ids=lambda path: path.stem)
def test_a_monitor_is_a_valid_scrape_configuration(path: Path, tmp_path: Path) -> None:
    """Promtool accepts what the operator makes of it."""
    found = monitor(path)
    assert found["apiVersion"] == "monitoring.coreos.com/v1"
    [endpoint] = found["spec"][ENDPOINTS[found["kind"]]]
    assert set(endpoint) == OF_AN_ENDPOINT
    relabelings = [
        {snake(name): value for name, value in each.items()} for each in endpoint["relabelings"]
    ]
    job = {
        "job_name": "monitor",
        "metrics_path": endpoint["path"],
        "scrape_interval": endpoint["interval"],
        "static_configs": [{"targets": []}],
        "relabel_configs": relabelings,
    }
    (tmp_path / "config.yml").write_text(yaml.safe_dump({"scrape_configs": [job]}))
    checked = subprocess.run(
        ["promtool", "check", "config", tmp_path / "config.yml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr
    labels = {each["target_label"] for each in relabelings}
    assert labels == {"job", "host", "instance"}


@pytest.mark.parametrize("path", MONITORS, ids=lambda path: path.stem)
def test_a_monitor_finds_the_app_beside_it(path: Path) -> None:
    """Its labels and its port are those of `app.yaml`, by way of the service where there is one."""
    [app] = documents(KUBERNETES / "app.yaml")
    pod = app["spec"]["template"]
    ports = {port["name"] for each in pod["spec"]["containers"] for port in each["ports"]}
    found = monitor(path)
    wanted = found["spec"]["selector"]["matchLabels"].items()
    [endpoint] = found["spec"][ENDPOINTS[found["kind"]]]
    services = [each for each in documents(path) if each["kind"] == "Service"]
    assert bool(services) == (found["kind"] == "ServiceMonitor")
    for service in services:
        assert wanted <= service["metadata"]["labels"].items()
        assert {port["name"] for port in service["spec"]["ports"]} == {endpoint["port"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
        wanted = service["spec"]["selector"].items()
    assert wanted <= pod["metadata"]["labels"].items()
    assert endpoint["port"] in ports
