"""The proxy of `deploy/socket-proxy`: Debian's HAProxy between an agent and a real engine."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import member, sequence, text
from selfinspect.model import CAPABILITIES
from tests.engine.conftest import ROOT, Container, sh, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.conftest import Engine

pytestmark = pytest.mark.engine

PINNED = (ROOT / "deploy" / "socket-proxy" / "haproxy.cfg").read_text()
BY_DEFAULT = (
    PINNED.split("    acl reads")[0]
    + """
    http-request deny unless { var(txn.path) -m str /_ping /version /events }
    default_backend engine

backend engine
    server engine "${ENGINE}"
"""
)
"""What Tecnativa's and linuxserver's proxies let through where no variable is set."""


@contextmanager
def proxy(engine: Engine, folder: Path, configuration: str, container: str) -> Iterator[Path]:
    """HAProxy before the engine, for one container; the path of its socket."""
    settings, socket = folder / "haproxy.cfg", folder / "docker.sock"
    settings.write_text(configuration)
    process = subprocess.Popen(
        ["haproxy", "-db", "-f", settings],
        env={
            **os.environ,
            "CONTAINER_ID": container,
            "IMAGE_ID": engine.docker("inspect", "--format", "{{.Image}}", container),
            "LISTEN": f"unix@{socket}",
            "GROUP": str(engine.group),
            "ENGINE": f"unix@{engine.socket}",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: socket.exists() or process.poll() is not None, "the proxy's socket")
        assert process.poll() is None, process.communicate()[1]
        yield socket
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def behind(engine: Engine, folder: Path, configuration: str) -> Iterator[tuple[Container, Path]]:
    """A container whose engine is a proxy, and the proxy's socket."""
    folder.chmod(0o755)
    identifier = engine.docker(
        "create", "--volume", f"{folder}:/run/engine", "--group-add", engine.group,
        "--env", "DOCKER_HOST=unix:///run/engine/docker.sock", "--cgroupns", "private",
        engine.image, "serve", "--stats-source", "engine",
    )  # fmt: skip
    engine.started.append(identifier)
    with proxy(engine, folder, configuration, identifier) as socket:
        engine.docker("start", identifier)
        yield Container(engine, identifier), socket


def status(socket: Path, path: str, method: str = "GET") -> int:
    """The status of an answer through the proxy."""
    return int(
        sh(
            "curl", "--silent", "--globoff", "--path-as-is", "--max-time", "60", "--output",
            "/dev/null", "--write-out", "%{http_code}", "--unix-socket", socket,
            *(("--head",) if method == "HEAD" else ("--request", method)),
            f"http://localhost{path}", check=False,
        )
    )  # fmt: skip


def test_the_least_that_a_proxy_must_allow_is_enough(engine: Engine, tmp_path: Path) -> None:
    """Identity, inspect, stats, the image and events work through the documented paths alone."""
    with behind(engine, tmp_path, PINNED) as (app, _):
        app.ready()
        assert app.curl("/v1/self/identity/level") == "proven"
        assert app.curl("/v1/inspect/Id") == app.id
        assert text(app.json("/v1/stats"), "source") == "engine"
        assert app.curl("/v1/self/image/id") == app.inspect("{{.Image}}")
        for path in ("/v1/top?args=-eo%20pid,comm", "/v1/logs?tail=1", "/v1/changes", "/v1/image"):
            assert app.status(path) == 200, path
        assert sequence(app.json("/v1/image"), "history")
        engine.docker("rename", app.id, f"renamed-{app.id[:12]}")
        until(lambda: app.curl("/v1/self/name").startswith("renamed-"), "the new name")
        document = app.json("/v1/engine")
        assert member(document, "reachable") is True
        for capability in CAPABILITIES:
            assert text(document, "capabilities", capability) == "allowed", capability


def test_the_doctor_finds_nothing_denied(engine: Engine, tmp_path: Path) -> None:
    """Through the proxy it asks for everything, processes included."""
    with behind(engine, tmp_path, PINNED) as (app, _):
        report = app.ready().exec("selfinspect", "doctor")
        allowed = next(line for line in report.splitlines() if " capabilities " in line)
        assert allowed.split("allowed: ")[1] == (
            "changes, events, image, info, inspect, logs, stats, top"
        )
        assert not [line for line in report.splitlines() if line.startswith("fail")]


def test_nothing_else_passes(engine: Engine, tmp_path: Path) -> None:
    """Other containers, other images, lists, files, writes, and any other spelling: 403."""
    other = engine.docker("run", "--detach", engine.busybox, "sleep", "1000")
    engine.started.append(other)
    image = engine.docker("inspect", "--format", "{{.Image}}", other)
    with behind(engine, tmp_path, PINNED) as (app, socket):
        own = f"/v1.41/containers/{app.id}"
        assert status(socket, f"{own}/json") == 200
        assert status(socket, f"{own}/archive?path=/.dockerenv", "HEAD") == 200
        for path in (
            f"/v1.41/containers/{other}/json",
            f"/v1.41/containers/{other}/archive?path=/",
            "/v1.41/containers/json",
            f"/v1.41/images/{image}/json",
            "/v1.41/images/json",
            "/v1.41/networks",
            "/v1.41/exec/1/json",
            "/v1.41/events",
            "/v1.41/events?filters=%7B%7D",
            f"/v1.41/events?filters=%7B%22container%22%3A+%5B%22{other}%22%5D%7D",
            f"/v1.41/events?%66ilters=%7B%7D&filters=%7B%22container%22%3A+%5B%22{app.id}%22%5D%7D",
            f"{own}/archive?path=/etc/passwd",
            f"{own}/export",
            f"{own}/attach/ws",
            f"{own}/../{other}/json",
            f"{own}/%2e%2e/{other}/json",
            f"/v1.41//containers/{app.id}/json",
        ):
            assert status(socket, path) == 403, path
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            assert status(socket, f"{own}/json", method) == 403, method
        for path in (f"{own}/stop", f"{own}/exec", "/v1.41/containers/create", "/v1.41/build"):
            assert status(socket, path, "POST") == 403, path


def test_a_proxy_that_does_not_list_us_leaves_the_kernels_word(
    engine: Engine, tmp_path: Path
) -> None:
    """With ping, version and events alone: the identity is weaker, the rest 403 with its fix."""
    with behind(engine, tmp_path, BY_DEFAULT) as (app, _):
        app.up()
        assert text(app.json("/v1/identity"), "id") == app.id
        assert text(app.json("/v1/identity"), "level") == "assumed"
        problem = app.json("/v1/inspect")
        assert member(problem, "status") == 403
        assert text(problem, "type") == "urn:selfinspect:problem:denied-by-engine"
        assert (text(problem, "detail") or "").startswith("inspect: the engine answered 403")
        assert "CONTAINERS=1" in (text(problem, "hint") or "")
        document = app.json("/v1/engine")
        assert text(document, "capabilities", "inspect") == "denied"
        for path in ("/v1/top", "/v1/logs", "/v1/changes", "/v1/image"):
            assert app.status(path) == 403, path
        assert text(document, "product") == "Docker"
        assert text(document, "min_api_version")
