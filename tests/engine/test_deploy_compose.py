"""The Compose project, read and run by Compose itself."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import ROOT, Container, Engine, until
from tests.engine.prometheus import configuration, prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine

TOKEN = "a-token"


class Project:
    """One project of `deploy/compose.yaml` on an engine."""

    def __init__(self, engine: Engine, token: Path) -> None:
        self._engine = engine
        self._environ = {
            **os.environ,
            "DOCKER_HOST": engine.url,
            "DOCKER_SOCKET": str(engine.socket),
            "DOCKER_GID": str(engine.group),
            "METRICS_TOKEN_FILE": str(token),
            "SELFINSPECT_IMAGE": engine.image,
            "PYTHON_IMAGE": "selfinspect-base:bookworm",
        }

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(
            ["docker-compose", "--project-name", f"t{os.getpid()}",
             "--file", ROOT / "deploy" / "compose.yaml", *arguments],
            env=self._environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def container(self, service: str) -> Container:
        return Container(self._engine, self("ps", "--quiet", service))


@pytest.fixture
def project(engine: Engine, tmp_path: Path) -> Iterator[Project]:
    """The project; what it started ends with the test."""
    token = tmp_path / "metrics-token"
    token.write_text(f"{TOKEN}\n")
    token.chmod(0o644)
    project = Project(engine, token)
    yield project
    project("down", "--volumes", "--timeout", "1")


def test_compose_reads_the_project(project: Project) -> None:
    """Every service, and no variable without a value."""
    project("config", "--quiet")
    assert set(project("config", "--services").split()) == {"app", "prometheus", "grafana"}


def test_the_app_of_the_project_is_scraped_with_its_token(
    engine: Engine, project: Project, tmp_path: Path
) -> None:
    """Built and started by Compose, found by its name in DNS, with Compose's labels."""
    project("up", "--detach", "--build", "app")
    app = project.container("app").ready()
    assert app.curl("/v1/self/compose/service") == "app"
    assert app.status("/metrics", port=10311) == 401
    config = configuration("compose.yml", engine, tmp_path)
    # The address in place of the name: no Prometheus of ours asks the project's DNS.
    address = app.inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
    found, _, rest = config.read_text().partition("    dns_sd_configs:")
    assert "names: [app]" in rest
    config.write_text(f"{found}    static_configs: [{{targets: ['{address}:10311']}}]\n")
    with prometheus(app.pid, config) as server:
        until(lambda: server.query('selfinspect_container_info{compose_service="app"}'), "a scrape")
