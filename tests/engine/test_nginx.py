"""nginx between an agent and a real engine: with the buffering it has by default, and without."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import ROOT, Container, sh, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.conftest import Engine

pytestmark = pytest.mark.engine

BUFFERING = (ROOT / "tests/fixtures/proxies/nginx-default-buffering.conf").read_text()


class Nginx:
    """nginx in the foreground, before an engine."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder = folder
        self.configuration = BUFFERING.replace("@DIR@", str(folder)).replace(
            "@ENGINE@", str(engine.socket)
        )
        self._file = folder / "nginx.conf"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Listen, for everyone: the agent is no member of a group of its own."""
        self._file.write_text(self.configuration)
        self._process = subprocess.Popen(
            ["nginx", "-c", self._file, "-g", "daemon off;"], stderr=subprocess.DEVNULL
        )
        socket = self.folder / "docker.sock"
        until(socket.exists, f"nginx's socket: {self._process.poll()}")
        socket.chmod(0o666)

    def stop(self) -> None:
        """End it, and wait until it has."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


@contextmanager
def behind_nginx(engine: Engine, folder: Path) -> Iterator[tuple[Container, Nginx]]:
    """A container whose engine is an nginx that buffers."""
    folder.chmod(0o755)
    nginx = Nginx(folder, engine)
    nginx.start()
    try:
        yield (
            engine.start_plain(
                "--volume", f"{folder}:/run/engine",
                "--env", "DOCKER_HOST=unix:///run/engine/docker.sock",
                "--cgroupns", "private",
            ),
            nginx,
        )  # fmt: skip
    finally:
        nginx.stop()


@contextmanager
def listening(app: Container) -> Iterator[list[str]]:
    """The lines of the event stream, for as long as the context lasts."""
    lines: list[str] = []
    curl = subprocess.Popen(
        [
            "nsenter", "--net", "--target", str(app.pid), "curl", "--silent", "--no-buffer",
            "http://127.0.0.1:10310/v1/events/stream",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    output = curl.stdout
    assert output is not None
    reader = threading.Thread(target=lambda: lines.extend(output), daemon=True)
    reader.start()
    try:
        yield lines
    finally:
        curl.terminate()
        curl.wait()
        reader.join()
        output.close()


def checks(app: Container) -> dict[str, dict[str, str]]:
    """What the doctor says in there, by name."""
    report = json.loads(app.exec("selfinspect", "doctor", "--json"))
    return {check["name"]: check for check in report["checks"]}


def logged(app: Container) -> str:
    """The agent's log."""
    return sh("sh", "-c", f"docker --host {app.engine.url} logs {app.id} 2>&1")


def test_a_proxy_that_buffers_is_named_and_asked_around(engine: Engine, tmp_path: Path) -> None:
    """A listener gets its event; the doctor's setting makes it come at once, and is all it says."""
    with behind_nginx(engine, tmp_path) as (app, nginx):
        app.ready()
        assert app.curl("/v1/self/identity/level") == "proven"
        assert app.curl("/v1/self/engine/product") == "Docker"
        assert app.curl("/v1/self/engine/version").startswith("20.10")
        until(lambda: "events.held-back" in logged(app), "the log names it")
        with listening(app) as lines:
            engine.docker("rename", app.id, f"held-{app.id[:12]}")
            until(lambda: any("event: rename" in line for line in lines), "the rename")
        assert app.curl("/v1/self/name") == f"held-{app.id[:12]}"
        held = checks(app)["capability events"]
        assert held["status"] == "warn"
        assert held["seen"].startswith("nginx before the engine")
        setting = held["fix"].split(": ", 1)[1]
        assert setting == "proxy_buffering off; proxy_read_timeout 1h;"

        nginx.stop()
        nginx.configuration = nginx.configuration.replace(
            "location / {", f"location / {{ {setting}"
        )
        nginx.start()
        until(lambda: "events" in checks(app)["capabilities"]["seen"], "the doctor is content")
        assert "capability events" not in checks(app)
