"""Under another supervisor: the agent as a service of its own, and an app under `run`."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import ROOT, Container, Engine, sh, until
from tests.engine.test_run import states

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.slow]

APP = """
    trap "exit 3" TERM
    (sleep 0.1 &)
    echo up $$ $SELFINSPECT_URI
    while :; do sleep 0.05; done
"""
RUN = "selfinspect run --listen 127.0.0.1:0 --metrics-listen off --journal /tmp -- sh /app.sh"


def with_package(engine: Engine, package: str) -> str:
    """An image with a Debian package in it, beside the folder with the agent."""
    script = ROOT / "deploy" / "local-engine.sh"
    base = sh(script, "base-image", "--with", package, "--dir", engine.home)
    recipe = f"FROM {base}\nCOPY --from={engine.image} /opt/selfinspect /opt/selfinspect\n"
    built = subprocess.run(
        ["docker", "--host", engine.url, "build", "--quiet", "-"],
        input=f"{recipe}ENV PATH=/opt/selfinspect/bin:$PATH\n",
        text=True, capture_output=True, check=True,
    )  # fmt: skip
    return built.stdout.strip()


def ups(app: Container) -> list[tuple[str, int]]:
    """The app's process ID and its agent's port, each time that it started."""
    lines = [line.split() for line in app.logs().splitlines() if line.startswith("up ")]
    return [(process, int(uri.rpartition(":")[2])) for _, process, uri in lines]


def is_gone(app: Container, process: str) -> bool:
    return app.exec("sh", "-c", f"test -d /proc/{process} && echo there || echo gone") == "gone"


def supervised(
    app: Container, terminate: tuple[str, ...], kill: tuple[str, ...], *, ended: str
) -> None:
    """Both agents know the container; of the app there is one, however it and `run` ended."""
    until(lambda: len(ups(app)) == 1, f"the app: {app.logs()}")
    app.ready()
    assert app.curl("/v1/self/id") == app.id
    [(_, port)] = ups(app)
    until(lambda: app.status("/readyz", port=port) == 200, "the agent of `run`")
    assert app.curl("/v1/self/id", port=port) == app.id
    app.exec(*terminate)
    until(lambda: ended in app.logs(), f"the exit code: {app.logs()}")
    until(lambda: len(ups(app)) == 2, f"the app, started anew: {app.logs()}")
    app.exec(*kill)
    until(lambda: len(ups(app)) == 3, f"the app, once more: {app.logs()}")
    until(lambda: all(is_gone(app, one) for one, _ in ups(app)[:2]), "the end of those before")
    until(lambda: "Z" not in states(app), f"zombies: {states(app)}")
    app.engine.docker("stop", "--time", "30", app.id)
    assert app.inspect("{{.State.ExitCode}}") == "0"


def test_under_s6(engine: Engine, tmp_path: Path) -> None:
    """Two services; `finish` is told how the app ended."""
    scripts = {
        "agent/run": "exec selfinspect serve",
        "app/run": f"exec {RUN}",
        "app/finish": "echo ended with $1",
        ".s6-svscan/finish": "exit 0",
    }
    for name, script in scripts.items():
        file = tmp_path / "services" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
    (tmp_path / "app.sh").write_text(APP)
    app = engine.start(
        "--volume", f"{tmp_path}/services:/services:ro",
        "--volume", f"{tmp_path}/app.sh:/app.sh:ro",
        image=with_package(engine, "s6"),
        command=("sh", "-c", "cp -r /services /run/service && exec s6-svscan /run/service"),
    )  # fmt: skip
    control = ("s6-svc", "-t", "/run/service/app"), ("s6-svc", "-k", "/run/service/app")
    supervised(app, *control, ended="ended with 3")


SUPERVISORD = f"""
[supervisord]
nodaemon=true
user=root
logfile=/dev/null
logfile_maxbytes=0
[unix_http_server]
file=/run/supervisor.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix:///run/supervisor.sock
[program:agent]
command=selfinspect serve
[program:app]
command={RUN}
autorestart=true
stdout_logfile=/dev/fd/1
stdout_logfile_maxbytes=0
"""


def test_under_supervisord(engine: Engine, tmp_path: Path) -> None:
    """Two programs; it logs itself how the app ended."""
    (tmp_path / "supervisord.conf").write_text(SUPERVISORD)
    (tmp_path / "app.sh").write_text(APP)
    app = engine.start(
        "--volume", f"{tmp_path}/supervisord.conf:/etc/supervisord.conf:ro",
        "--volume", f"{tmp_path}/app.sh:/app.sh:ro",
        image=with_package(engine, "supervisor"),
        command=("supervisord", "--configuration", "/etc/supervisord.conf"),
    )  # fmt: skip
    signal = ("supervisorctl", "signal")
    control = (*signal, "TERM", "app"), (*signal, "KILL", "app")
    supervised(app, *control, ended="exit status 3")
