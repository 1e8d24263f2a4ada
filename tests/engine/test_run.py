from __future__ import annotations

import fcntl
import json
import os
import signal
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from tests.contract.test_start import keeps_signals
from tests.engine.conftest import Container, Engine, until

pytestmark = pytest.mark.engine

INSIDE = Path(__file__).with_name("inside_run.py")


def command(script: str) -> tuple[str, ...]:
    return ("run", "--", "sh", "-c", script)


def errors(app: Container) -> str:
    """What the container wrote to standard error."""
    return subprocess.run(
        ["docker", "--host", app.engine.url, "logs", app.id],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True,
    ).stderr  # fmt: skip


def exit_code(app: Container) -> int:
    return int(app.engine.docker("wait", app.id))


ENDS = {
    "exit 0": 0,
    "exit 3": 3,
    "exit 255": 255,
    "kill -KILL $$": 137,
    "kill -TERM $$": 143,
    "kill -SEGV $$": 139,
    "kill -64 $$": 192,
    "exec no-such-command": 127,
    "exec /dev/null": 126,
}


def test_the_container_exits_as_under_the_engines_own_init(engine: Engine) -> None:
    """The engine sees the command's code, or a shell's for what was killed or never ran."""
    ends: list[tuple[str, ...]] = [("sh", "-c", script) for script in ENDS]
    ends += [("no-such-command",), ("/dev/null",)]
    ours = [engine.start(command=("run", "--engine", "off", "--", *end)) for end in ends]
    theirs = [engine.start_plain("--init", "--entrypoint", "", command=end) for end in ends]
    expected = [*ENDS.values(), 127, 126]
    assert codes(engine, ours) == expected
    assert codes(engine, theirs) == expected


def codes(engine: Engine, apps: list[Container]) -> list[int]:
    """The exit codes of containers, once all have ended."""
    return [int(code) for code in engine.docker("wait", *(app.id for app in apps)).split()]


def test_signals_and_orphans_fare_as_under_the_engines_own_init(engine: Engine) -> None:
    """Every signal arrives, those that init drops as well; of 1000 orphans no zombie stays."""
    mounted = ("--volume", f"{INSIDE}:/inside.py:ro", "--no-healthcheck")
    words = ("python3", "/inside.py")
    ours = engine.start(*mounted, command=("run", "--engine", "off", "--", *words))
    theirs = engine.start_plain(*mounted, "--init", "--entrypoint", "", command=words)
    assert codes(engine, [ours, theirs]) == [0, 0]
    found, compared = json.loads(ours.logs()), json.loads(theirs.logs())
    every = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
    assert found == {"zombies": 0, "forwarded": sorted(every - {signal.SIGRTMAX})}
    assert compared["zombies"] == 0
    assert set(compared["forwarded"]) <= set(found["forwarded"])


@pytest.mark.slow
def test_every_signal_that_the_engine_sends_ends_the_command_alike(engine: Engine) -> None:
    """`docker kill` of each signal gives the same exit code as under the engine's own init."""
    every = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
    faults = {signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT}
    dropped = faults | {signal.SIGTRAP, signal.SIGSYS, signal.SIGTTIN, signal.SIGTTOU}
    for number in sorted(every - dropped - {signal.SIGTSTP, signal.SIGCONT}):
        script = f"trap 'exit 9' {int(number)}; echo up; while :; do sleep 0.05; done"
        words = ("sh", "-c", script)
        apps = [
            engine.start("--no-healthcheck", command=("run", "--engine", "off", "--", *words)),
            engine.start_plain("--init", "--no-healthcheck", "--entrypoint", "", command=words),
        ]
        for app in apps:
            until(lambda app=app: "up" in app.logs(), "the trap")  # type: ignore[misc]
            engine.docker("kill", "--signal", int(number), app.id)
        assert codes(engine, apps) == [9, 9], number
        engine.remove_started()


def test_a_command_deaf_to_sigterm_is_killed_by_the_engine(engine: Engine) -> None:
    """`docker stop` waits for it, then kills: 137, as under the engine's own init."""
    script = "trap '' TERM; echo up; exec sleep 1000"
    apps = [
        engine.start("--no-healthcheck", command=command(script)),
        engine.start_plain(
            "--init", "--no-healthcheck", "--entrypoint", "", command=("sh", "-c", script)
        ),
    ]
    until(lambda: all("up" in app.logs() for app in apps), "the traps")
    engine.docker("stop", "--time", "1", *(app.id for app in apps))
    assert codes(engine, apps) == [137, 137]


def test_docker_stop_reaches_the_command(engine: Engine) -> None:
    """SIGTERM is the command's, which ends in its own way; nothing is killed after a delay."""
    app = engine.start(command=command('trap "exit 9" TERM; echo up; while :; do sleep 0.05; done'))
    until(lambda: "up" in app.logs(), "the trap")
    engine.docker("stop", "--time", "30", app.id)
    assert exit_code(app) == 9


def test_a_stop_at_once_reaches_the_command(engine: Engine) -> None:
    """`docker stop` right behind `docker run` does not wait for SIGKILL: 143, five of five."""
    ends = []
    for _ in range(5):
        app = engine.start_plain("--no-healthcheck", command=("run", "--", "sleep", "1000"))
        # The bare interpreter's start may lose a signal, the README says so: 10 to 15 ms.
        until(lambda app=app: keeps_signals(app.pid), "the mask")  # type: ignore[misc]
        engine.docker("stop", "--time", "30", app.id)
        ends.append(exit_code(app))
    assert ends == [143] * 5


def test_an_expected_exit_is_0_for_the_engine_and_itself_in_the_runs(engine: Engine) -> None:
    """As a JVM's 143 after `docker stop`."""
    words = ("run", "--expect-exit", "143", "--", "sleep", "1000")
    app = engine.start("--no-healthcheck", command=words).ready()
    engine.docker("stop", "--time", "30", app.id)
    assert exit_code(app) == 0
    engine.docker("start", app.id)
    document = app.ready().json("/v1/runs/previous")
    assert isinstance(document, dict)
    found = [document[name] for name in ("exit_code", "expected", "signal", "cause")]
    assert found == [143, True, "SIGTERM", "stopped"]


FORKS = """
import os, time
made = 0
for _ in range(300):
    try:
        children = []
        for _ in range(6):
            children.append(os.fork())
            if not children[-1]:
                time.sleep(0.01)
                os._exit(0)
        made += 1
    except BlockingIOError:
        pass
    for child in children:
        os.waitpid(child, 0)
print("made", made, flush=True)
"""


def test_with_few_tasks_the_command_has_as_many_as_under_the_engines_own_init(
    engine: Engine,
) -> None:
    """`--pids-limit 8` is one for PID 1 and seven for the command: the agent stays out."""
    words = ("python3", "-c", FORKS)
    limited = ("--pids-limit", "8", "--no-healthcheck")
    apps = [
        engine.start(*limited, command=("run", "--", *words)),
        engine.start_plain(*limited, "--init", "--entrypoint", "", command=words),
    ]
    assert codes(engine, apps) == [0, 0]
    assert [app.logs() for app in apps] == ["made 300"] * 2
    assert errors(apps[0]).count("agent.given-up") == 1


def test_orphans_are_reaped(engine: Engine) -> None:
    """A grandchild that outlives its parent leaves no zombie."""
    app = engine.start(command=command("(sleep 0.1 & ) ; sleep 0.2; echo gone; exec sleep 1000"))
    until(lambda: "gone" in app.logs(), "the orphan's end")
    until(lambda: "Z" not in states(app), f"zombies: {states(app)}")


def states(app: Container) -> str:
    """The states of the container's processes, a letter each."""
    return "".join(app.exec("sh", "-c", "cut -d' ' -f3 /proc/[0-9]*/stat || true").split())


def test_the_command_learns_where_its_agent_is(engine: Engine) -> None:
    """`SELFINSPECT_URI` leads to the agent, which knows the container."""
    app = engine.start(command=command("echo $SELFINSPECT_URI; exec sleep 1000")).ready()
    until(lambda: "http://127.0.0.1:10310" in app.logs().splitlines(), "what the command prints")
    assert app.exec("cat", "/run/selfinspect/uri") == "http://127.0.0.1:10310"
    assert app.curl("/v1/self/id") == app.id


def test_wait_holds_the_command_until_the_agent_is_ready(engine: Engine) -> None:
    """With `--wait` the command's first question is answered."""
    ask = (
        "import os, urllib.request as u;"
        'print(u.urlopen(os.environ["SELFINSPECT_URI"] + "/v1/self/id").read().decode())'
    )
    app = engine.start(command=("run", "--wait", "5m", "--", "python3", "-c", ask))
    assert exit_code(app) == 0
    assert app.logs() == app.id


def test_what_the_agent_knows_stands_in_the_commands_environment(engine: Engine) -> None:
    """`--export-env` gives ID, name, image and host ports; `env` prints the same afterwards."""
    app = engine.start(
        "--publish", "127.0.0.1::8080", "--publish", "127.0.0.1::53/udp", "--expose", "9000",
        "--env", "SELFINSPECT_HOST_PORT_1_TCP=2",
        command=("run", "--wait=5m", "--export-env", "--",
                 "sh", "-c", "env; echo printed; exec sleep 1000"),
    )  # fmt: skip
    until(lambda: "printed" in app.logs().splitlines(), f"the command: {app.logs()}")
    ports = [app.engine.docker("port", app.id, each) for each in ("8080/tcp", "53/udp")]
    tcp, udp = (port.rpartition(":")[2] for port in ports)
    expected = {
        "SELFINSPECT_CONTAINER_ID": app.id,
        "SELFINSPECT_CONTAINER_NAME": app.inspect("{{.Name}}").removeprefix("/"),
        "SELFINSPECT_CONTAINER_IMAGE": "selfinspect:test",
        "SELFINSPECT_HOST_PORT_8080_TCP": tcp,
        "SELFINSPECT_HOST_PORT_53_UDP": udp,
    }
    lines = [line for line in app.logs().splitlines() if line.startswith("SELFINSPECT_")]
    found = dict(line.split("=", 1) for line in lines)
    assert expected.items() <= found.items()
    assert {name for name in found if "HOST_PORT" in name} == {
        name for name in expected if "HOST_PORT" in name
    }
    assert app.exec("selfinspect", "wait", "--timeout", "1m") == ""
    assert json.loads(app.exec("selfinspect", "env", "--format", "json")) == found
    script = 'eval "$(selfinspect env)"; echo $SELFINSPECT_CONTAINER_ID'
    assert app.exec("sh", "-c", script) == app.id
    asked = "import selfinspect; print(selfinspect.me().ports)"
    said = app.exec("/opt/selfinspect/bin/python", "-c", asked)
    assert said == str({"53": {"udp": int(udp)}, "8080": {"tcp": int(tcp)}, "9000": {"tcp": None}})


OPENS = """
import os, socket, sys
print(os.getuid(), os.getgid(), os.getgroups(), os.environ["HOME"])
os.open("/dev/stdout", os.O_WRONLY)
socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock")
"""


def test_the_agent_may_open_the_engines_socket_and_the_command_may_not(engine: Engine) -> None:
    """Started by root as two users, only the agent is in the socket's group."""
    app = engine.start(
        "--user", "0",
        command=(
            "run", "--user", "1234", "--agent-user", "65532:65532", "--",
            "sh", "-c", f"python3 -c '{OPENS}'; exec sleep 1000",
        ),
    ).ready()  # fmt: skip
    refused = "PermissionError: [Errno 13] Permission denied"
    until(lambda: refused in errors(app).splitlines(), "the command's end")
    until(lambda: app.logs() == "1234 1234 [1234] /", "what it printed")
    [agent] = agents(app)
    status = app.exec("cat", f"/proc/{agent}/status").splitlines()
    uids, gids = (
        [line.split()[1:] for line in status if line[:4] == name] for name in ("Uid:", "Gid:")
    )
    assert (uids, gids) == ([["65532"] * 4], [["65532"] * 4])
    assert app.curl("/v1/self/id") == app.id
    assert "Permission denied" in app.engine.docker(
        "exec", "--user", "1234:1234", app.id, "sh", "-c", f"ls /proc/{agent}/fd 2>&1; true"
    )


def test_an_agent_that_cannot_start_does_not_touch_the_command(engine: Engine) -> None:
    """A bad option is said once; the command runs and its code is the container's."""
    app = engine.start(
        command=(
            *("run", "--engine", "nonsense", "--", "sh", "-c"),
            "trap 'exit 4' TERM; echo ran; while :; do sleep 0.05; done",
        )
    )
    until(lambda: "agent.given-up" in errors(app), "the end of the agent's tries")
    until(lambda: "ran" in app.logs(), "the command")
    app.engine.docker("stop", app.id)
    assert exit_code(app) == 4
    assert errors(app).count("nonsense") == 1
    assert errors(app).count("agent.given-up") == 1


@pytest.mark.slow
def test_an_agent_without_memory_does_not_touch_the_command(engine: Engine) -> None:
    """OOM-killed five times, it is given up; the reason is logged once."""
    app = engine.start(
        "--no-healthcheck", "--memory", "24m", "--memory-swap", "24m", "--user", "0",
        command=command("echo up; exec sleep 1000"),
    )  # fmt: skip
    until(lambda: "agent.given-up" in errors(app), "the end of trying")
    assert errors(app).count("reason='killed by signal 9'") == 2  # died, given up
    assert app.inspect("{{.State.Running}}") == "true"
    engine.docker("kill", "--signal", "TERM", app.id)
    assert exit_code(app) == 143


def test_two_agents_in_one_network_do_not_mix(engine: Engine) -> None:
    """The second takes another port, and each command hears its own agent."""
    first = engine.start(command=command("echo $SELFINSPECT_URI; exec sleep 1000")).ready()
    second = engine.start(
        "--network", f"container:{first.id}",
        command=("run", "--wait=5m", "--", "sh", "-c", "echo $SELFINSPECT_URI; exec sleep 1000"),
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
    """Killed, it is restarted on the same listener; the command never notices."""
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


LEAVES_ORPHANS = """
import sys; sys.path.insert(0, "/"); import inside
print("zombies", inside.left_of(20), flush=True); sys.exit(5)
"""


def test_under_another_pid_1_orphans_are_reaped_as_well(engine: Engine) -> None:
    """In a PID namespace whose PID 1 reaps none, and under the engine's init, none stays."""
    other = engine.start_plain("--no-healthcheck", "--entrypoint", "", command=("sleep", "1000"))
    apps = [
        engine.start(
            "--no-healthcheck",
            "--volume",
            f"{INSIDE}:/inside.py:ro",
            *options,
            command=("run", "--engine", "off", "--", "python3", "-c", LEAVES_ORPHANS),
        )
        for options in (("--pid", f"container:{other.id}"), ("--init",))
    ]
    assert codes(engine, apps) == [5, 5]
    assert [app.logs() for app in apps] == ["zombies 0"] * 2


ON_A_TERMINAL = """
import os, signal
watched = [signal.SIGINT, signal.SIGWINCH, signal.SIGCONT]
signal.pthread_sigmask(signal.SIG_BLOCK, watched)
print("up", os.getpgrp() == os.tcgetpgrp(0), flush=True)
while (number := signal.sigwait(watched)) != signal.SIGINT:
    print("got", int(number), *os.get_terminal_size(), flush=True)
os._exit(8)
"""


def test_a_terminal_belongs_to_the_command(engine: Engine, tmp_path: Path) -> None:
    """It is in the foreground, learns the window's size, survives ^Z, and ^C is its own."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    words = ["docker", "--host", engine.url, "run", "--interactive", "--tty", "--no-healthcheck"]
    named = ["--name", f"t-{os.getpid()}-terminal", "--cidfile", str(tmp_path / "id")]
    run = [engine.image, "run", "--engine", "off", "--", "python3", "-c", ON_A_TERMINAL]
    with (
        open(ours, "r+b", buffering=0) as terminal,  # noqa: PTH123
        subprocess.Popen([*words, *named, *run], stdin=theirs, stdout=theirs) as docker,
    ):
        screen = ""

        def shows(text: str) -> None:
            nonlocal screen
            while text not in screen:
                screen += terminal.read(1024).decode()

        shows("up True")
        engine.started.append((tmp_path / "id").read_text())
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 33, 99, 0, 0))
        docker.send_signal(signal.SIGWINCH)
        shows(f"got {int(signal.SIGWINCH)} 99 33")
        terminal.write(b"\x1a")
        shows(f"got {int(signal.SIGCONT)} 99 33")
        terminal.write(b"\x03")
        assert docker.wait() == 8
        os.close(theirs)
