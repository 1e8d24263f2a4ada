from __future__ import annotations

import json
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import integer, member, sequence, text, texts
from tests.engine import words
from tests.engine.conftest import ROOT, Container, Engine, sh, until
from tests.engine.table import ENGINES, Table
from tests.engine.test_doctor import doctor
from tests.support.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selfinspect.model import Json

pytestmark = pytest.mark.engine

LAB = ROOT / "tests" / "engine" / "lab.sh"
USER, SUBORDINATES = 52_000, 100_000  # of a rootless engine, see lab.sh
LAYER, ARCHIVE, TOP = "layer", "archive", "top"


@dataclass
class LabEngine(Engine):
    """An engine of another release, started by `lab.sh`."""

    podman: bool = False
    rootless: bool = False

    @property
    def group(self) -> int:
        """The socket's group as containers see it: a rootless engine's IDs are others there."""
        group = super().group
        if not self.rootless:
            return group
        return 0 if group == USER else group - SUBORDINATES + 1

    def start_plain(
        self, *options: object, image: str | None = None, command: tuple[str, ...] = ()
    ) -> Container:
        """Start a container; Podman 4 asks for limits that it may not set, unless given others."""
        limits = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000")
        given = (*limits, *options) if self.podman else options
        return super().start_plain(*given, image=image, command=command)


@pytest.fixture(scope="session")
def labs(private_engine: Engine) -> Iterator[Callable[[str], Engine]]:
    """An engine by its name in the table, started once, with the agent's image in it."""
    running: dict[str, Engine] = {"Docker 20.10": private_engine}
    with ExitStack() as stack:

        def lab(name: str) -> Engine:
            if name not in running:
                home = private_engine.home.with_name(f"selfinspect-{ENGINES[name]}")
                engine = LabEngine(
                    home,
                    private_engine.image,
                    podman=name.startswith("Podman"),
                    rootless=name.endswith("rootless"),
                )
                stack.callback(sh, LAB, "down", "--dir", home)
                sh(LAB, "up", ENGINES[name], "--dir", home)
                load(private_engine, engine)
                stack.callback(engine.docker, "image", "prune", "--force")
                running[name] = engine
            return running[name]

        yield lab


def load(source: Engine, target: Engine) -> None:
    """The agent's image, moved without a registry."""
    identifiers = {
        sh(
            "docker", "--host", engine.url, "image", "inspect", "--format", "{{.Id}}",
            source.image, check=False,
        ).removeprefix("sha256:")
        for engine in (source, target)
    }  # fmt: skip
    if len(identifiers) > 1:
        sh(
            "bash", "-o", "pipefail", "-c",
            f"docker --host {source.url} save {source.image}"
            f" | docker --host {target.url} load --quiet",
        )  # fmt: skip


def actions(app: Container) -> list[str]:
    """What happened to a container, as it was reported."""
    return [
        f"{text(event, 'type')} {text(event, 'action')}"
        for event in sequence(app.json("/v1/events"), "events")
    ]


def identity(app: Container) -> str:
    """How sure a container is of its identity, which is the right one."""
    found = app.json("/v1/identity")
    assert text(found, "id") == app.id, found
    return f"{text(found, 'level')} by {text(found, 'method')}"


def is_itself(engine: Engine) -> str:
    return identity(engine.start().ready())


def is_itself_without(*proofs: str, engine: Engine) -> str:
    """With a socket on which these proofs fail."""

    def of_request(data: bytes) -> bytes:
        for path in {ARCHIVE, TOP}.intersection(proofs):
            data = data.replace(f"/{path}?".encode(), b"/%s?" % (b"x" * len(path)))
        return data

    def of_answer(data: bytes) -> bytes:
        return data.replace(b'"GraphDriver"', b'"NoLayerHere"')

    path = engine.home / "relay.sock"
    path.unlink(missing_ok=True)
    with Relay(path, engine.socket, of_request=of_request, of_answer=of_answer):
        path.chmod(0o666)
        app = engine.start(socket=path).ready()
        found = identity(app)
        engine.remove_started()
    return found


def is_itself_without_an_engine(engine: Engine) -> str:
    app = engine.start_plain().ready()
    assert text(app.json("/v1/self"), "hostname") == app.id[:12]
    return identity(app)


def knows_its_name_and_port(engine: Engine) -> str:
    app = engine.start("--name", "named", "--publish", "8080", "--label", "team=blue").ready()
    published = app.inspect('{{(index .NetworkSettings.Ports "8080/tcp" 0).HostPort}}')
    assert app.curl("/v1/self/ports/8080/tcp") == published
    assert app.curl("/v1/self/name") == "named"
    assert app.curl("/v1/self/labels/team") == "blue"
    assert app.curl("/v1/self/state") == "running"
    networks = member(app.json("/v1/self"), "networks")
    assert isinstance(networks, dict)
    assert [text(network, "ip") for network in networks.values()] != [None]
    return "yes"


def shows_the_engines_inspect(engine: Engine) -> str:
    app = engine.start().ready()
    assert app.curl("/v1/inspect/Id") == app.id
    assert app.curl("/v1/inspect/State/Pid") == str(app.pid)
    return "yes"


def reads_figures_from(source: str, engine: Engine) -> str:
    """The figures that every engine has; the cell names those that this one leaves out."""
    app = engine.start("--env", f"SELFINSPECT_STATS_SOURCE={source}", "--memory", "256m").ready()
    stats = app.json("/v1/stats")
    if _gives_no_cgroups(engine):
        assert app.status("/v1/stats?source=engine") == 503
        return _of_no_cgroup(stats)
    assert text(stats, "source") == source
    assert member(stats, "cpu", "usage_seconds")
    assert integer(stats, "memory", "usage_bytes") in range(1 << 20, 256 << 20)
    assert integer(stats, "memory", "limit_bytes") == 256 << 20
    assert integer(stats, "pids", "current") in range(1, 100)
    assert member(stats, "network")
    absent = [name for name in ("rss", "cache", "peak") if not _of_memory(stats, name)]
    return f"no memory {', '.join(absent)}" if absent else "yes"


def _gives_no_cgroups(engine: Engine) -> bool:
    return isinstance(engine, LabEngine) and engine.rootless  # on cgroup v1


def _of_no_cgroup(stats: Json) -> str:
    """Whatever there is would be another's: that of whoever started the engine."""
    assert member(stats, "network")
    for name in ("cpu usage_seconds", "memory usage_bytes", "pids current"):
        assert member(stats, *name.split()) is None
    return "of the network alone"


def _of_memory(stats: Json, name: str) -> bool:
    return integer(stats, "memory", f"{name}_bytes") is not None


def sees_a_rename(engine: Engine) -> str:
    app = engine.start().ready()
    engine.docker("rename", app.id, "renamed")
    until(lambda: app.curl("/v1/self/name") == "renamed", "the new name")
    until(lambda: "container rename" in actions(app), "the event")
    return "yes"


def sees_a_pause(engine: Engine) -> str:
    app = engine.start().ready()
    if _gives_no_cgroups(engine):
        with pytest.raises(AssertionError, match="cgroup"):
            engine.docker("pause", app.id)
        return "the engine cannot"
    engine.docker("pause", app.id)
    engine.docker("unpause", app.id)
    until(lambda: {"container pause", "container unpause"} <= {*actions(app)}, "both events")
    assert app.curl("/v1/self/state") == "running"
    return "yes"


def sees_an_exec(engine: Engine) -> str:
    app = engine.start("--no-healthcheck").ready()
    sh("docker", "--host", engine.url, "exec", app.id, "sh", "-c", "exit 3", check=False)
    until(lambda: "container exec_die" in actions(app), "the event")
    assert "container exec_start" in actions(app)
    [ended] = sequence(app.json("/v1/events?action=exec_die"), "events")
    assert text(ended, "attributes", "exit_code") == "3"
    return "yes"


def sees_a_network(engine: Engine) -> str:
    app = engine.start().ready()
    engine.docker("network", "create", "t-side")
    try:
        engine.docker("network", "connect", "--alias", "sidekick", "t-side", app.id)
        until(lambda: "sidekick" in app.curl("/v1/self/networks"), "the network")
        until(lambda: "network connect" in actions(app), "the event")
        engine.docker("network", "disconnect", "t-side", app.id)
        until(lambda: "t-side" not in app.curl("/v1/self/networks"), "its end")
    finally:
        engine.remove_started()
        engine.docker("network", "rm", "t-side")
    return "yes"


def sees_its_health(engine: Engine) -> str:
    """One event a change. Without systemd Podman has no timer: the check is started by hand."""
    # However long the start takes, it is starting and not yet unhealthy.
    check = ("--health-cmd", "test -e /tmp/well", "--health-interval", "1s")
    app = engine.start(*check, "--health-retries", "1000").ready()
    assert app.curl("/v1/self/health/status") == "starting"
    app.exec("touch", "/tmp/well")
    if isinstance(engine, LabEngine) and engine.podman:
        once = f"http://podman/v4.0.0/libpod/containers/{app.id}/healthcheck"
        for _ in range(3):
            sh("curl", "--silent", "--fail", "--unix-socket", engine.socket, once)
    until(lambda: app.curl("/v1/self/health/status") == "healthy", "the new health")
    engine.docker("rename", app.id, "well")
    until(lambda: "container rename" in actions(app), "the event after")
    reported = sequence(app.json("/v1/events?action=health_status"), "events")
    assert [text(event, "attributes", "status") for event in reported].count("healthy") == 1
    return "yes"


def tells_its_log(*options: str, engine: Engine) -> str:
    """Both outputs and the times; a terminal makes one of them."""
    script = "echo one; sleep 1; echo two >&2; exec sleep 1000"
    command = ("run", "--log-level", "error", "--", "sh", "-c", script)
    app = engine.start(*options, command=command).ready()
    until(lambda: app.curl("/v1/logs?tail=1") == "two", "the last line")
    asked = app.curl("/v1/logs", "--header", "Accept: application/x-ndjson")
    lines = [json.loads(line) for line in asked.splitlines()]
    assert [text(line, "line") for line in lines] == ["one", "two"]
    assert all(text(line, "time") for line in lines)
    reported = [text(line, "stream") for line in lines]
    assert reported == (["stdout", "stdout"] if "--tty" in options else ["stdout", "stderr"])
    return "yes"


def follows_its_log(engine: Engine) -> str:
    app = engine.start(command=("run", "--", "sh", "-c", "sleep 3; echo late; exec sleep 1000"))
    with subprocess.Popen(
        [
            "nsenter", "--net", "--target", str(app.ready().pid), "curl", "--silent",
            "--no-buffer", "--max-time", "300", "http://127.0.0.1:10310/v1/logs?follow=true",
        ],
        stdout=subprocess.PIPE, text=True,
    ) as following:  # fmt: skip
        assert following.stdout is not None
        assert "late\n" in iter(following.stdout.readline, "")
        engine.remove_started()
    return "yes"


def lists_its_processes(engine: Engine) -> str:
    app = engine.start(command=("run", "--", "sleep", "1000")).ready()
    if app.status("/v1/top") == 503:
        return "the engine cannot"
    assert "sleep 1000" in app.curl("/v1/top")
    assert texts(app.json("/v1/top?args=-eo%20pid,comm"), "titles") == ("PID", "COMMAND")
    return "yes"


def lists_its_changes(engine: Engine) -> str:
    app = engine.start().ready()
    app.exec("touch", "/tmp/added")
    added = {"path": "/tmp/added", "kind": "added"}
    assert added in sequence(app.json("/v1/changes"), "changes")
    return "yes"


def shows_its_image(engine: Engine) -> str:
    app = engine.start().ready()
    image = app.json("/v1/image")
    assert text(image, "id") == f"sha256:{app.inspect('{{.Image}}').removeprefix('sha256:')}"
    assert integer(image, "size_bytes")
    made = [text(layer, "created_by") or "" for layer in sequence(image, "history")]
    assert any("selfinspect" in layer for layer in made)
    return "yes"


def is_scraped(engine: Engine) -> str:
    app = engine.start("--name", "scraped").ready()
    page = app.curl("/metrics", port=10311)
    samples = [line for line in page.splitlines() if 'name="scraped"' in line]
    assert any(line.startswith("container_network_receive_bytes_total{") for line in samples)
    assert "selfinspect_engine_up 1.0" in page
    if _gives_no_cgroups(engine):
        assert "container_memory_usage_bytes{" not in page
        return "of the network alone"
    assert any(line.startswith("container_memory_usage_bytes{") for line in samples)
    return "yes"


def survives_a_restart(engine: Engine) -> str:
    app = engine.start().ready()
    started, before = app.curl("/v1/self/started_at"), identity(app)
    engine.docker("restart", "--time", "5", app.id)
    app.ready()
    assert app.curl("/v1/self/started_at") > started
    assert identity(app) == before
    return "yes"


def runs_a_command(engine: Engine) -> str:
    script = "echo $SELFINSPECT_URI; selfinspect show id; exit 7"
    app = engine.start(command=("run", "--wait", "5m", "--", "sh", "-c", script))
    assert engine.docker("wait", app.id) == "7"
    assert app.logs().splitlines()[-2:] == ["http://127.0.0.1:10310", app.id]
    return "yes"


def comes_back_to_its_engine(engine: Engine) -> str:
    path = engine.home / "relay.sock"
    path.unlink(missing_ok=True)
    with Relay(path, engine.socket) as relay:
        path.chmod(0o666)
        app = engine.start(socket=path).ready()
        relay.cut()
        until(lambda: "selfinspect_engine_up 0.0" in app.curl("/metrics"), "the loss")
        relay.restore()
        path.chmod(0o666)
        until(lambda: "selfinspect_engine_up 1.0" in app.curl("/metrics"), "the return")
        engine.docker("rename", app.id, "survivor")
        until(lambda: app.curl("/v1/self/name") == "survivor", "the new name")
        engine.remove_started()
    return "yes"


def is_diagnosed(engine: Engine) -> str:
    """Nothing fails; the cell has what is warned of, and whose the socket is."""
    code, checks = doctor(engine.start().ready())
    assert code == 0
    amiss = {
        name.removeprefix("capability ") for name in checks if checks[name]["status"] != "pass"
    }
    whose = "root's" if "root on the host" in checks["socket"]["seen"] else "its user's"
    return ", ".join((f"{whose} socket", *sorted(amiss - {"socket"})))


FEATURES: dict[str, Callable[[Engine], str]] = {
    "identity": is_itself,
    "identity, no layer": lambda engine: is_itself_without(LAYER, engine=engine),
    "identity, no layer, no `archive`": (
        lambda engine: is_itself_without(LAYER, ARCHIVE, engine=engine)
    ),
    "identity, no engine": is_itself_without_an_engine,
    "name, ports, labels, networks": knows_its_name_and_port,
    "inspect": shows_the_engines_inspect,
    "figures of the kernel": partial(reads_figures_from, "kernel"),
    "figures of the engine": partial(reads_figures_from, "engine"),
    "log": lambda engine: tells_its_log(engine=engine),
    "log of a terminal": lambda engine: tells_its_log("--tty", engine=engine),
    "log, followed": follows_its_log,
    "processes": lists_its_processes,
    "file changes": lists_its_changes,
    "image and its history": shows_its_image,
    "event: rename": sees_a_rename,
    "event: pause, unpause": sees_a_pause,
    "event: exec and its exit code": sees_an_exec,
    "event: network connected, disconnected": sees_a_network,
    "event: health, once a change": sees_its_health,
    "metrics": is_scraped,
    "restart": survives_a_restart,
    "`run -- CMD`": runs_a_command,
    "engine away and back": comes_back_to_its_engine,
    "`doctor` warns of": is_diagnosed,
    "variables for the app": words.of_the_engine,
    "variables for the app, no engine": words.of_the_kernel,
}


@pytest.fixture(scope="session")
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    """The table of `help engines`, written at the end where that is asked for."""
    table = Table.read()
    yield table
    if request.config.getoption("--update-engines-table", default=False):
        table.write(tuple(FEATURES))


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if lab is None else pytest.mark.slow)
        for name, lab in ENGINES.items()
    ],
)
def test_the_readmes_table_is_true(
    name: str,
    feature: str,
    labs: Callable[[str], Engine],
    table: Table,
    request: pytest.FixtureRequest,
) -> None:
    """What an engine gives the agent is what the table says of it."""
    engine = labs(name)
    try:
        found = FEATURES[feature](engine)
    finally:
        engine.remove_started()
    if request.config.getoption("--update-engines-table", default=False):
        table.cells[feature, name] = found
    assert table.cells.get((feature, name)) == found


def test_the_readmes_table_is_whole() -> None:
    """Every feature on every engine has its cell, and there are no others."""
    assert set(Table.read().cells) == {(row, name) for row in FEATURES for name in ENGINES}
