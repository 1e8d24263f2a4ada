from __future__ import annotations

import pytest

from tests.engine.conftest import Container, Engine, until

pytestmark = pytest.mark.engine


def command(script: str) -> tuple[str, ...]:
    return ("run", "--", "sh", "-c", script)


def exit_code(app: Container) -> int:
    return int(app.engine.docker("wait", app.id))


@pytest.mark.parametrize("code", [0, 3])
def test_the_container_exits_as_its_command_does(engine: Engine, code: int) -> None:
    """The engine sees the command's exit code."""
    assert exit_code(engine.start(command=command(f"exit {code}"))) == code


def test_a_command_that_is_not_there_is_127(engine: Engine) -> None:
    """As a shell has it."""
    assert exit_code(engine.start(command=("run", "--", "no-such-command"))) == 127


def test_a_command_killed_by_a_signal_is_128_and_the_signal(engine: Engine) -> None:
    """SIGKILL of the command ends the container with 137."""
    assert exit_code(engine.start(command=command("kill -KILL $$"))) == 137


def test_docker_stop_reaches_the_command(engine: Engine) -> None:
    """SIGTERM is the command's, which ends in its own way; nothing is killed after a delay."""
    app = engine.start(command=command('trap "exit 9" TERM; echo up; while :; do sleep 0.05; done'))
    until(lambda: "up" in app.logs(), "the trap")
    engine.docker("stop", "--time", "30", app.id)
    assert exit_code(app) == 9


def test_orphans_are_reaped(engine: Engine) -> None:
    """A grandchild that outlives its parent leaves no zombie."""
    app = engine.start(command=command("(sleep 0.1 & ) ; sleep 0.2; echo gone; exec sleep 1000"))
    until(lambda: "gone" in app.logs(), "the orphan's end")
    until(lambda: "Z" not in states(app), f"zombies: {states(app)}")


def states(app: Container) -> str:
    """The states of the container's processes, a letter each."""
    return "".join(app.exec("sh", "-c", "cut -d' ' -f3 /proc/[0-9]*/stat").split())


def test_the_command_learns_where_its_agent_is(engine: Engine) -> None:
    """`SELFINSPECT_URI` leads to the agent, which knows the container."""
    app = engine.start(command=command("echo $SELFINSPECT_URI; exec sleep 1000")).ready()
    assert "http://127.0.0.1:10310" in app.logs().splitlines()
    assert app.exec("cat", "/run/selfinspect/uri") == "http://127.0.0.1:10310"
    assert app.curl("/v1/self/id") == app.id


def test_wait_holds_the_command_until_the_agent_is_ready(engine: Engine) -> None:
    """With `--wait` the command's first question is answered."""
    ask = (
        "import os, urllib.request as u;"
        'print(u.urlopen(os.environ["SELFINSPECT_URI"] + "/v1/self/id").read().decode())'
    )
    app = engine.start(command=("run", "--wait", "30s", "--", "python3", "-c", ask))
    assert exit_code(app) == 0
    assert app.logs() == app.id


def test_an_agent_that_cannot_start_does_not_touch_the_command(engine: Engine) -> None:
    """A bad option is said once; the command runs and its code is the container's."""
    app = engine.start(
        command=("run", "--engine", "nonsense", "--", "sh", "-c", "echo ran; exit 4")
    )
    assert exit_code(app) == 4
    assert "ran" in app.logs()


def test_two_agents_in_one_network_do_not_mix(engine: Engine) -> None:
    """The second takes another port, and each command hears its own agent."""
    first = engine.start(command=command("echo $SELFINSPECT_URI; exec sleep 1000")).ready()
    second = engine.start(
        "--network", f"container:{first.id}",
        command=("run", "--wait", "9s", "--", "sh", "-c", "echo $SELFINSPECT_URI; exec sleep 99"),
    )  # fmt: skip
    until(lambda: "http://" in second.logs(), "the second command")
    uri = second.logs().splitlines()[-1]
    assert uri != "http://127.0.0.1:10310"
    port = int(uri.rpartition(":")[2])
    assert (first.curl("/v1/self/id"), second.curl("/v1/self/id", port=port)) == (
        first.id,
        second.id,
    )


def test_the_agent_is_back_after_its_death(engine: Engine) -> None:
    """Killed, it is started anew on the same listener; the command never notices."""
    app = engine.start(command=command("echo up; exec sleep 1000")).ready()
    [killed] = agents(app)
    app.exec("sh", "-c", f"kill -KILL {killed}")
    app.ready()
    assert agents(app) not in ([], [killed])
    assert app.curl("/v1/self/id") == app.id
    assert app.logs().splitlines().count("up") == 1


def agents(app: Container) -> list[str]:
    """The process IDs of the container's agents."""
    return app.exec("sh", "-c", "grep -lz ^serve$ /proc/[0-9]*/cmdline | cut -d/ -f3").split()
