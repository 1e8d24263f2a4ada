"""Debian's Prometheus, in the network of an engine or of a container."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from selfinspect.jsonread import sequence, text, text_mapping
from tests.engine.conftest import ROOT, sh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selfinspect.model import Json
    from tests.engine.conftest import Container, Engine


class Prometheus:
    """A running Prometheus, asked over its own API."""

    def __init__(self, pid: int, log: Path) -> None:
        self._pid = pid
        self._log = log

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """The labels and the value of each sample of an instant query; none while it starts."""
        document = self._get(f"query?query={quote(expression)}")
        return [
            (dict(text_mapping(each, "metric")), float(str(sequence(each, "value")[1])))
            for each in sequence(document, "data", "result")
        ]

    def targets(self) -> list[tuple[str | None, str | None]]:
        """The instance and the address of each target that is scraped."""
        return [
            (text(each, "labels", "instance"), text(each, "scrapeUrl"))
            for each in sequence(self._get("targets?state=active"), "data", "activeTargets")
        ]

    def firing(self) -> list[dict[str, str]]:
        """The labels of each alert that fires."""
        return [
            dict(text_mapping(each, "labels"))
            for each in sequence(self._get("alerts"), "data", "alerts")
            if text(each, "state") == "firing"
        ]

    def complaints(self) -> list[str]:
        """What it has logged of samples that it could not take."""
        lines = self._log.read_text().splitlines()
        return [line for line in lines if "ingest" in line or "uplicate" in line]

    def _get(self, what: str) -> Json:
        answer = sh(
            "nsenter", "--net", "--target", self._pid, "curl", "--silent",
            f"http://127.0.0.1:19090/api/v1/{what}", check=False,
        )  # fmt: skip
        document: Json = json.loads(answer) if answer.startswith("{") else {}
        assert text(document, "status") != "error", document
        return document


def newest_prometheus() -> str:
    """The program of the newest release that Debian has; the one that is installed is of 2.x."""
    return sh(ROOT / "tests" / "engine" / "newest-prometheus.sh")


@contextmanager
def prometheus(pid: int, config: Path, program: str = "prometheus") -> Iterator[Prometheus]:
    """A Prometheus with this configuration, its data beside it, in the network of a process."""
    folder = config.parent
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            ["nsenter", "--net", "--target", str(pid), program, f"--config.file={config}",
             f"--storage.tsdb.path={folder}/data", "--web.listen-address=127.0.0.1:19090"],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield Prometheus(pid, folder / "log")
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=120)


def configuration(name: str, engine: Engine, folder: Path) -> Path:
    """A configuration as it is, with its rules, but for the socket, the token and its patience."""
    config = shutil.copytree(ROOT / "deploy" / "prometheus", folder / "prometheus") / name
    token = config.parent / "metrics-token"
    token.write_text("a-token\n")
    text = config.read_text().replace("unix:///var/run/docker.sock", engine.url)
    config.write_text(text.replace("/run/secrets/metrics-token", str(token)).replace("15s", "1s"))
    return config


@contextmanager
def scraping(app: Container, folder: Path) -> Iterator[Prometheus]:
    """One that scrapes the container every second."""
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        "scrape_configs:\n"
        "  - job_name: selfinspect\n"
        "    static_configs:\n"
        f"      - targets: ['{app.inspect('{{.NetworkSettings.IPAddress}}')}:10311']\n"
    )
    with prometheus(app.engine.pid, config) as server:
        yield server
