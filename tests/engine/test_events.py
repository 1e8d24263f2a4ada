"""Every event of a real engine, once, in order, whatever is away meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.events.history import BUFFERED
from selfinspect.jsonread import member, sequence, text
from tests.engine.conftest import relayed, sh, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selfinspect.model import Json
    from tests.engine.conftest import Container, Engine
    from tests.support.relay import Relay

pytestmark = pytest.mark.engine

WAITS_FOR_SIGNALS = ("run", "--", "sh", "-c", "trap : USR1; while :; do sleep 1000 & wait $!; done")
ENDINGS = [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)]
RESTARTS_ITS_AGENT = ("-c", "while :; do selfinspect serve & wait $!; done")


def events(app: Container, *types: str) -> list[Json]:
    """What the journal holds, oldest first."""
    held = sequence(app.json("/v1/events?limit=1000"), "events")
    return [event for event in held if not types or text(event, "type") in types]


def actions(app: Container, *types: str) -> list[str]:
    """The actions reported so far."""
    return [text(event, "action") or "" for event in events(app, *types)]


def of(app: Container, action: str) -> list[Json]:
    """The events of one kind."""
    return [event for event in events(app) if text(event, "action") == action]


def happened(app: Container, action: str, times: int = 1) -> None:
    """Wait until it is reported."""
    until(lambda: actions(app).count(action) >= times, f"{action}, {times} times: {actions(app)}")


def in_order(wanted: list[str], reported: list[str]) -> bool:
    """Whether these stand in that order among others."""
    rest = iter(reported)
    return all(one in rest for one in wanted)


def agent_pid(app: Container) -> int:
    """The process of the agent that PID 1 started; 0 while there is none."""
    children = Path(f"/proc/{app.pid}/task/{app.pid}/children").read_text().split()
    for child in children:
        with contextlib.suppress(OSError):
            if b"serve" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    return 0


@contextlib.contextmanager
def live_restore(engine: Engine) -> Iterator[None]:
    """Let containers outlive the engine for as long as the context lasts."""
    settings = engine.home / "etc" / "daemon.json"

    def reload(*, on: bool) -> None:
        settings.write_text(json.dumps({"live-restore": on}))
        os.kill(engine.pid, signal.SIGHUP)
        wanted = str(on).lower()
        until(lambda: engine.docker("info", "--format", "{{.LiveRestoreEnabled}}") == wanted, "it")

    reload(on=True)
    try:
        yield
    finally:
        reload(on=False)
        settings.unlink()


def restart(
    engine: Engine,
    meanwhile: Callable[[], object] = lambda: None,
    *,
    ending: signal.Signals = signal.SIGTERM,
) -> None:
    """End the engine's daemon alone, do something, and start it again as it was."""
    pid = engine.pid
    command = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    pairs = Path(f"/proc/{pid}/environ").read_bytes().rstrip(b"\0").split(b"\0")
    environment = dict(pair.split(b"=", 1) for pair in pairs)
    inside = ("nsenter", "--net", "--mount", "--target")
    with subprocess.Popen([*inside, str(pid), "sleep", "1000"]) as holder:
        until(lambda: Path(f"/proc/{holder.pid}/comm").read_text() == "sleep\n", "the namespaces")
        os.kill(pid, ending)
        until(lambda: not Path(f"/proc/{pid}").exists(), "the end of the engine")
        meanwhile()
        with (engine.home / "again.log").open("wb") as log:
            subprocess.run(
                ["setsid", "--fork", *inside, str(holder.pid), *map(os.fsdecode, command)],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True,
            )  # fmt: skip
        asked = ("docker", "--host", engine.url, "version", "--format", "{{.Server.Version}}")
        until(lambda: sh(*asked, check=False).strip(), "the engine")
        holder.kill()


def ask(engine: Engine, method: str, path: str, body: Json = None) -> None:
    """One request to the engine, quicker than a program for each."""
    connection = HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(engine.socket))
    headers = {"Content-Type": "application/json", "Connection": "close"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    assert answer.status < 300, answer.read()
    answer.read()
    connection.close()


def test_each_thing_done_to_it_is_an_event(engine: Engine) -> None:
    """Once each, in order, with the state of then; its health checks are only counted."""
    app = engine.start(
        "--health-cmd", "test ! -e /tmp/sick", "--health-interval", "1s", "--health-retries", "1",
        command=WAITS_FOR_SIGNALS,
    ).ready()  # fmt: skip
    happened(app, "health_status")
    app.exec("touch", "/tmp/sick")
    happened(app, "health_status", 2)
    app.exec("rm", "/tmp/sick")
    happened(app, "health_status", 3)
    engine.docker("network", "create", "e-side")
    try:
        engine.docker("rename", app.id, "e-renamed")
        engine.docker("pause", app.id)
        engine.docker("unpause", app.id)
        engine.docker("network", "connect", "e-side", app.id)
        engine.docker("network", "disconnect", "e-side", app.id)
        engine.docker("update", "--restart", "on-failure:7", app.id)
        engine.docker("kill", "--signal", "USR1", app.id)
        happened(app, "kill")
    finally:
        engine.docker("network", "rm", "e-side")
    reported = actions(app)
    assert in_order(
        ["create", "start", "health_status", "exec_create", "exec_start", "exec_die",
         "health_status", "exec_create", "exec_start", "exec_die", "health_status", "rename",
         "pause", "unpause", "connect", "disconnect", "update", "kill"],
        reported,
    ), reported  # fmt: skip
    assert [reported.count(one) for one in ("rename", "pause", "update", "kill")] == [1, 1, 1, 1]
    verdicts = [text(event, "attributes", "status") for event in of(app, "health_status")]
    assert verdicts[:3] == ["healthy", "unhealthy", "healthy"]
    commands = [member(event, "attributes", "command") for event in of(app, "exec_start")]
    assert commands == [["touch", "/tmp/sick"], ["rm", "/tmp/sick"]]
    assert [text(event, "attributes", "signal") for event in of(app, "kill")] == ["10"]
    assert "gap" not in reported
    counted = [
        line
        for line in app.curl("/metrics").splitlines()
        if line.startswith("selfinspect_events_total{") and "exec_die" in line
    ]
    assert float(counted[0].rpartition(" ")[2]) > 2


def test_what_ended_it_is_reported_after_its_restart(engine: Engine) -> None:
    """A crash, a restart and a stop: the next run has the events of the last."""
    crash = "test -e /tmp/again || { touch /tmp/again; sleep 3; exit 3; }; exec sleep 1000"
    app = engine.start(
        "--restart", "on-failure", "--no-healthcheck", command=("run", "--", "sh", "-c", crash)
    )
    until(lambda: app.inspect("{{.RestartCount}}") == "1", "the restart by policy")
    app.ready()
    happened(app, "start", 2)
    engine.docker("restart", "--time", "5", app.id)
    app.ready()
    happened(app, "restart")
    engine.docker("stop", "--time", "5", app.id)
    engine.docker("start", app.id)
    app.ready()
    happened(app, "start", 4)
    reported = actions(app, "container")
    assert in_order(
        ["create", "start", "die", "start", "kill", "die", "start", "restart", "kill", "die",
         "start"],
        reported,
    ), reported  # fmt: skip
    assert (reported.count("start"), reported.count("die")) == (4, 3)
    assert text(of(app, "die")[0], "attributes", "exit_code") == "3"
    assert {"gap"}.isdisjoint(reported)
    assert {text(event, "source") for event in events(app)} <= {"live", "replay"}


def test_memory_that_ran_out_is_reported(engine: Engine) -> None:
    """An `oom`, then the end it brought, both before the next start.

    One may bring hundreds (cgroup v1), more than the engine holds: then that is reported, too.
    """
    hog = "test -e /tmp/again && exec sleep 1000; touch /tmp/again; sleep 3; x=$(yes | tr -d '\\n')"
    app = engine.start(
        "--restart", "on-failure", "--no-healthcheck", "--memory", "128m", "--memory-swap", "128m",
        command=("run", "--", "sh", "-c", f"{hog}; exit 9"),
    )  # fmt: skip
    until(lambda: app.inspect("{{.RestartCount}}") == "1", "the restart by policy")
    app.ready()
    happened(app, "start", 2)
    reported = actions(app, "container")
    assert in_order(["start", "oom", "die", "start"], reported), reported
    assert reported.count("oom") > BUFFERED / 2 or "gap" not in actions(app)


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_engine_that_was_restarted(
    restartable: Engine, tmp_path: Path, ending: signal.Signals
) -> None:
    """The container lived: what changed is reconciled, behind a gap, and it is followed again."""
    engine = restartable
    with live_restore(engine), relayed(engine, tmp_path) as relay:
        app = engine.start("--no-healthcheck", socket=relay.path, command=WAITS_FOR_SIGNALS).ready()
        happened(app, "start")
        relay.cut()
        engine.docker("rename", app.id, "e-missed")
        restart(engine, ending=ending)
        relay.restore()
        happened(app, "rename")
        engine.docker("rename", app.id, "e-seen")
        happened(app, "rename", 2)
        found = events(app)
        page = app.curl("/metrics")
    gap, missed, seen = [event for event in found if text(event, "action") in ("gap", "rename")]
    assert [text(event, "source") for event in (gap, missed)] == ["reconciled"] * 2
    assert (text(gap, "action"), text(gap, "attributes", "reason")) == ("gap", "restart")
    assert text(missed, "actor", "name") == "e-missed"
    assert (text(seen, "action"), text(seen, "source")) == ("rename", "live")
    assert "selfinspect_events_reconciled_total 1.0" in page
    assert "selfinspect_event_stream_connected 1.0" in page


def test_a_container_that_died_while_the_engine_was_away(restartable: Engine) -> None:
    """Its end, which no engine reports, stands before the start that followed."""
    engine = restartable
    with live_restore(engine):
        app = engine.start(
            "--no-healthcheck", "--restart", "always", command=WAITS_FOR_SIGNALS
        ).ready()
        happened(app, "start")
        pid = app.pid

        def kill() -> None:
            os.kill(pid, signal.SIGKILL)
            until(lambda: not Path(f"/proc/{pid}").exists(), "its end")

        restart(engine, meanwhile=kill)
        until(lambda: app.inspect("{{.State.Running}}") == "true" and app.pid != pid, "a new run")
        app.ready()
        happened(app, "start", 2)
        found = events(app)
    reported = [text(event, "action") or "" for event in found]
    assert in_order(["start", "gap", "die", "start"], reported), reported
    assert (reported.count("start"), reported.count("die")) == (2, 1)
    assert [text(event, "source") for event in found if text(event, "action") == "die"] == [
        "reconciled"
    ]


@pytest.mark.parametrize("seconds", [5, pytest.param(30, marks=pytest.mark.slow)])
def test_an_engine_that_stands_still_is_waited_for(restartable: Engine, seconds: float) -> None:
    """A stopped process is not a dead peer: its streams go on where they were."""
    engine = restartable
    app = engine.start("--no-healthcheck").ready()
    happened(app, "start")
    os.kill(engine.pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        os.kill(engine.pid, signal.SIGCONT)
    engine.docker("rename", app.id, f"e-thawed-{seconds}")
    happened(app, "rename")
    assert actions(app).count("rename") == 1
    assert "gap" not in actions(app)
    assert "selfinspect_event_stream_reconnects_total 0.0" in app.curl("/metrics")


def test_more_was_missed_than_the_engine_holds(engine: Engine, relay: Relay) -> None:
    """After 300 events of others the rename is reconciled, and the gap is an event."""
    app = engine.start("--no-healthcheck", socket=relay.path).ready()
    happened(app, "start")
    relay.cut()
    engine.docker("rename", app.id, "e-unheard")
    for _ in range(150):
        ask(engine, "POST", "/volumes/create", {"Name": "e-noise"})
        ask(engine, "DELETE", "/volumes/e-noise")
    relay.restore()
    happened(app, "rename")
    found = events(app)
    gap, rename = [event for event in found if text(event, "action") in ("gap", "rename")]
    assert (text(gap, "action"), text(rename, "action")) == ("gap", "rename")
    assert text(gap, "attributes", "reason") == "engine-buffer"
    assert text(rename, "source") == "reconciled"


def test_what_was_missed_is_replayed(engine: Engine, relay: Relay) -> None:
    """Cut off for a while, it learns from the engine what happened, and nothing twice."""
    app = engine.start("--no-healthcheck", socket=relay.path).ready()
    happened(app, "start")
    relay.cut()
    engine.docker("rename", app.id, "e-one")
    app.exec("true")
    engine.docker("rename", app.id, "e-two")
    relay.restore()
    happened(app, "rename", 2)
    reported = [(text(event, "action"), text(event, "source")) for event in events(app)]
    assert reported[-5:] == [
        (action, "replay")
        for action in ("rename", "exec_create", "exec_start", "exec_die", "rename")
    ]


@pytest.mark.parametrize("rounds", [5, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.timeout(3600)
def test_an_agent_killed_between_two_events(engine: Engine, rounds: int) -> None:
    """Nothing is lost and nothing reported twice, however often."""
    app = engine.start("--no-healthcheck", "--entrypoint", "sh", command=RESTARTS_ITS_AGENT).ready()
    names = [f"e-{rounds}-{number}" for number in range(2 * rounds)]
    for before, after in zip(names[::2], names[1::2], strict=True):
        until(lambda: agent_pid(app), "an agent")
        engine.docker("rename", app.id, before)
        pid = agent_pid(app)
        assert pid  # 0 would be this test and all beside it
        os.kill(pid, signal.SIGKILL)
        engine.docker("rename", app.id, after)
        app.ready()
    happened(app, "rename", len(names))
    assert [text(event, "actor", "name") for event in of(app, "rename")] == names
    reported = actions(app, "container")
    assert [reported.count(one) for one in ("create", "start", "rename")] == [1, 1, len(names)]
    assert "gap" not in actions(app)
