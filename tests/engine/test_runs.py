"""Why the run before this one ended, asked for after each way of ending."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import Container, Engine, until
from tests.engine.test_events import ENDINGS, happened
from tests.engine.test_events import restart as restart_engine

if TYPE_CHECKING:
    from collections.abc import Callable
    from signal import Signals

    from selfinspect.model import Json

pytestmark = pytest.mark.engine

ONCE = "[ -e /tmp/again ] && exec sleep 1000; touch /tmp/again; "
EAT = "python3 -c 'b=[]\nwhile 1: b.append(bytearray(b\"x\" * 2**20))'"
SMALL = ("--memory", "160m", "--memory-swap", "160m")
POLITE = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
DEAF = "trap '' TERM; while :; do sleep 0.1; done"
BY_POLICY = ("--restart", "on-failure:3")


@dataclass(frozen=True)
class Way:
    """A way to end, and what is to be said of it.

    Attributes:
        script: the app.
        options: of the container.
        then: what is done to it from outside once its agent is ready; None where it ends by
            itself and a policy starts it again.
        cause: what is said of it.
        code: the exit code.
        signal: its signal.
        unsupervised: the same where our `run` is not there, if less is known then.
    """

    script: str
    cause: str
    code: int | None
    signal: str | None = None
    options: tuple[str, ...] = ()
    then: Callable[[Engine, str], object] | None = None
    unsupervised: tuple[str, int | None, str | None] | None = None


def kill(signal: str) -> Callable[[Engine, str], object]:
    """`docker kill`, and a start by hand."""

    def kill_and_start(engine: Engine, container: str) -> None:
        engine.docker("kill", "--signal", signal, container)
        engine.docker("wait", container)
        engine.docker("start", container)

    return kill_and_start


def restart(seconds: int) -> Callable[[Engine, str], object]:
    """`docker restart`, with as much patience."""
    return lambda engine, container: engine.docker("restart", "--time", seconds, container)


WAYS = {
    "exit 3": Way(ONCE + "exit 3", "exit", 3, options=BY_POLICY),
    "a signal from inside": Way(
        ONCE + "kill -SEGV $$", "killed", 139, "SIGSEGV", options=BY_POLICY
    ),
    "want of memory": Way(
        ONCE + f"exec {EAT}", "oom", 137, "SIGKILL", options=(*SMALL, *BY_POLICY)
    ),
    "a child's want of memory": Way(
        ONCE + f"{EAT}; exit 3", "exit", 3, options=(*SMALL, *BY_POLICY)
    ),
    "docker kill": Way("exec sleep 1000", "killed", 137, "SIGKILL", then=kill("KILL")),
    "docker kill -s USR1": Way("exec sleep 1000", "killed", 138, "SIGUSR1", then=kill("USR1")),
    "docker restart": Way(POLITE, "stopped", 0, then=restart(60)),
    "a restart that has to kill": Way(DEAF, "stopped", 137, "SIGKILL", then=restart(1)),
    "a label in the exit code's place": Way(
        ONCE + "exit 3", "exit", 3, options=("--label", "exitCode=99", *BY_POLICY),
        unsupervised=("unknown", None, None),
    ),
}  # fmt: skip


def previous(app: Container) -> dict[str, Json]:
    """What is said of the run before."""
    run = json.loads(app.curl("/v1/runs/previous"))
    assert isinstance(run, dict)
    return run


def told(app: Container) -> tuple[Json, ...]:
    run = previous(app)
    return tuple(run.get(name) for name in ("number", "cause", "exit_code", "signal"))


def ended(app: Container, way: Way) -> None:
    """See it end in that way, and its agent ready again."""
    if way.then is None:
        until(lambda: app.inspect("{{.RestartCount}} {{.State.Running}}") == "1 true", "restart")
    else:
        app.ready()
        way.then(app.engine, app.id)
    app.ready()


@pytest.mark.parametrize("name", WAYS)
def test_with_run_as_pid_1(engine: Engine, name: str) -> None:
    """The cause, the exit code and the signal are right, and so is what follows from them."""
    way = WAYS[name]
    app = engine.start(*way.options, command=("run", "--", "sh", "-c", way.script))
    ended(app, way)
    expected = (1, way.cause, way.code, way.signal)
    until(lambda: told(app) == expected, f"{expected}, not {previous(app)}")
    is_oom = way.cause == "oom"
    until(lambda: previous(app)["oom_killed"] is is_oom, f"{is_oom} in {previous(app)}")
    # What the engine's events add may still come.
    until(lambda: app.json("/v1/self/previous_run") == previous(app), "the same of itself")
    assert [each["number"] for each in json.loads(app.curl("/v1/runs"))["runs"]] == [2, 1]
    page = app.curl("/metrics")
    assert f"selfinspect_previous_exit_code {way.code}.0" in page
    assert f"selfinspect_previous_oom_killed {float(way.cause == 'oom')}" in page


@pytest.mark.parametrize(
    "name",
    [
        "exit 3",
        "want of memory",
        "docker kill",
        "docker restart",
        "a label in the exit code's place",
        pytest.param("a child's want of memory", marks=pytest.mark.slow),
        pytest.param("a restart that has to kill", marks=pytest.mark.slow),
    ],
)
def test_with_another_pid_1(engine: Engine, name: str) -> None:
    """The engine's events tell what PID 1 has not written down."""
    way = WAYS[name]
    script = f"selfinspect serve & {way.script}"
    app = engine.start(*way.options, "--entrypoint", "sh", command=("-c", script))
    ended(app, way)
    expected = (1, *(way.unsupervised or (way.cause, way.code, way.signal)))
    until(lambda: told(app) == expected, f"{expected}, not {previous(app)}")


def test_without_an_engine(engine: Engine) -> None:
    """PID 1's records are enough."""
    app = engine.start_plain(
        *BY_POLICY, command=("run", "--engine", "off", "--", "sh", "-c", WAYS["exit 3"].script)
    )
    ended(app, WAYS["exit 3"])
    assert told(app) == (1, "exit", 3, None)
    engine.docker("restart", "--time", "60", app.id)
    app.ready()
    assert told(app) == (2, "stopped", 143, "SIGTERM")
    assert previous(app)["sources"] == ["supervisor"]


def test_a_volume_that_several_containers_share(engine: Engine) -> None:
    """Nobody's run is taken for another's."""
    volume = ("--volume", f"{engine.docker('volume', 'create')}:/var/lib/selfinspect")
    first, second = (
        engine.start_plain(
            *BY_POLICY, *volume, command=("run", "--engine", "off", "--", "sh", "-c", script)
        )
        for script in (ONCE + "exit 3", "exec sleep 1000")
    )
    ended(first, WAYS["exit 3"])
    second.ready()
    assert told(first) == (1, "exit", 3, None)
    assert second.status("/v1/runs/previous") == 404


def test_the_verbs(engine: Engine) -> None:
    """People see a table, with an agent as without one."""
    app = engine.start(command=("run", "--", "sleep", "1000")).ready()
    engine.docker("restart", "--time", "60", app.id)
    app.ready()
    until(lambda: told(app)[1] == "stopped", "the stop")
    happened(app, "restart")
    asked = app.exec("selfinspect", "runs")
    assert [line.split()[-1] for line in asked.splitlines()] == ["CAUSE", "(present)", "stopped"]
    looked = app.exec("selfinspect", "runs", "--engine", "auto")
    assert looked == asked
    for options in ([], ["--engine", "auto"]):
        told_of = app.exec("selfinspect", "events", "--json", *options).splitlines()
        actions = [json.loads(line)["action"] for line in told_of]
        lived = [action for action in actions if action in ("kill", "die", "stop", "restart")]
        assert lived == ["kill", "die", "stop", "restart"]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    "supervised", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["run", "sh"]
)
def test_an_engine_that_takes_its_containers_along(
    restartable: Engine, ending: Signals, *, supervised: bool
) -> None:
    """Nobody is left to tell of the end: the engine began anew, and started it with that."""
    script = POLITE if supervised else f"selfinspect serve & {POLITE}"
    command = ("run", "--", "sh", "-c", script) if supervised else ("-c", script)
    entrypoint = () if supervised else ("--entrypoint", "sh")
    app = restartable.start("--restart", "always", *entrypoint, command=command).ready()
    restart_engine(restartable, ending=ending)
    until(lambda: app.inspect("{{.State.Running}}") == "true", "the container")
    app.ready()
    until(lambda: told(app)[:2] == (1, "engine-restart"), f"engine-restart, not {previous(app)}")
    assert previous(app)["oom_killed"] in (False, None)
