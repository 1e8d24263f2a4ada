"""`selfinspect run`, from outside: the program as an image's ENTRYPOINT starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from selfinspect.model import Json

RUN = [sys.executable, "-m", "selfinspect", "run"]
QUIET = ["--listen", "127.0.0.1:0", "--metrics-listen", "off", "--engine", "off"]
AS_PID_1 = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace needs root")

# The environment without coverage's hook: it loads into PID 1 what a user's never does.
OF_THE_TESTS = ("COV", "PYTHONDONTWRITEBYTECODE")
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith(OF_THE_TESTS)}


def run(
    *arguments: str, environ: Mapping[str, str] | None = None, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run to the end."""
    return subprocess.run(
        [*RUN, *arguments],
        env={**os.environ, **(environ or {})},
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 3"], 3),
        (["sh", "-c", "kill -TERM $$"], 143),
        (["sh", "-c", "kill -KILL $$"], 137),
        (["no-such-command"], 127),
        (["/no/such/command"], 127),
        (["/dev/null"], 126),
        (["/"], 126),
    ],
)
def test_it_exits_as_the_command_did(command: list[str], code: int) -> None:
    """The exit code is the command's, or a shell's for one that was killed or never ran."""
    assert run(*QUIET, "--", *command).returncode == code


def test_a_parent_that_ignores_sigchld_does_not_lose_the_exit_code() -> None:
    """Inherited as ignored, SIGCHLD would have the kernel reap the command before us."""
    script = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])
"""
    command = [*RUN, *QUIET, "--", "sh", "-c", "exit 7"]
    ended = subprocess.run([sys.executable, "-c", script, *command], check=False)
    assert ended.returncode == 7


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        ([], {}, "no `--`"),
        (["true"], {}, "no `--`"),
        (["--"], {}, "no command"),
        (["--wait", "5", "--", "true"], {}, "--wait '5'"),
        (["--expect-exit", "x", "--", "true"], {}, "--expect-exit 'x'"),
        (["--rewrite", "x", "--", "true"], {}, "--rewrite 'x'"),
        (["--user", "no-such-user", "--", "true"], {}, "--user 'no-such-user'"),
        (["--", "true"], {"SELFINSPECT_AGENT_USER": "-1"}, "--agent-user '-1'"),
    ],
)
def test_its_own_usage_errors_are_125(
    arguments: list[str], environ: dict[str, str], said: str
) -> None:
    """A command line without a command, or with a bad wait, starts nothing and says why."""
    ended = run(*arguments, environ=environ)
    assert ended.returncode == 125
    assert ended.stdout == ""
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"selfinspect run: error: {said}")


def test_a_wrong_variable_of_its_own_stops_nothing() -> None:
    """A ConfigMap with a typo: one line says so, and the command has its defaults."""
    ended = run(*QUIET, "--", "sh", "-c", "exit 3", environ={"SELFINSPECT_WAIT": "bogus"})
    assert ended.returncode == 3
    [line] = [line for line in ended.stderr.splitlines() if "SELFINSPECT_WAIT" in line]
    assert line.startswith("selfinspect run: warning: SELFINSPECT_WAIT 'bogus': takes a duration")


def test_a_wrong_address_closes_its_listener_alone() -> None:
    """The agent serves on the others."""
    asks = (
        "import os, urllib.request as u;"
        "print(u.urlopen(os.environ['SELFINSPECT_URI'] + '/healthz').status)"
    )
    ended = run(
        "--engine", "off", "--listen", "127.0.0.1:0", "--", sys.executable, "-c", asks,
        environ={"SELFINSPECT_METRICS_LISTEN": "nonsense"},
    )  # fmt: skip
    assert (ended.stdout, ended.returncode) == ("200\n", 0)
    assert ended.stderr.count("nonsense") == 1


@pytest.mark.parametrize(
    "options",
    [
        ["--no-such-option"],
        ["--engine", "nonsense"],
        ["--listen"],
        ["--listen", "nonsense"],
        ["--metrics-listen", "192.0.2.1:1"],
    ],
)
def test_no_option_of_the_agent_stops_the_command(options: list[str]) -> None:
    """What the agent cannot take, or PID 1 not bind, does not concern the command."""
    ended = run(*QUIET, *options, "--", "sh", "-c", "echo here; exit 4")
    assert (ended.stdout, ended.returncode) == ("here\n", 4)


def test_help_is_shown_without_a_command() -> None:
    """`--help` names run's own options and is not an error."""
    ended = run("--help")
    assert ended.returncode == 0
    for option in (
        "--wait", "--export-env", "-g, --signal-group", "--rewrite", "--expect-exit", "--end-rest",
        "--user", "--agent-user",
    ):  # fmt: skip
        assert option in ended.stdout


def test_the_command_gets_its_arguments_input_and_environment() -> None:
    """All after the first `--` is the command's, `--` and `--wait` too; so is the input."""
    script = 'echo "$*" $COLOUR; cat'
    ended = run(
        *QUIET,
        "--",
        "sh",
        "-c",
        script,
        "--",
        "--wait",
        "a b",
        environ={"COLOUR": "red"},
        text="in",
    )
    assert ended.stdout == "--wait a b red\nin"


def test_what_the_agent_knows_reaches_the_command(
    here: tuple[str, ...], inspect: dict[str, Json]
) -> None:
    """`--export-env` adds the agent's facts, and takes away what another container left."""
    ended = run(
        *QUIET, *here, "--export-env", "--wait", "60s", "--", "env",
        environ={"SELFINSPECT_HOST_PORT_1_TCP": "2", "SELFINSPECT_CONTAINER_NAME": "other"},
    )  # fmt: skip
    variables = dict(line.split("=", 1) for line in ended.stdout.splitlines() if "=" in line)
    shown = {name: value for name, value in variables.items() if name.startswith("SELFINSPECT_")}
    assert shown.pop("SELFINSPECT_URI").startswith("http://127.0.0.1:")
    assert shown == {
        "SELFINSPECT_IMAGE_ID": inspect["Image"],
        "SELFINSPECT_IMAGE_VERSION": "1.2.3",
        "SELFINSPECT_COMPOSE_PROJECT": "shop",
        "SELFINSPECT_COMPOSE_SERVICE": "web",
        "SELFINSPECT_COMPOSE_NUMBER": "2",
        "SELFINSPECT_RESTART_COUNT": "0",
        "SELFINSPECT_CPUS": "1.5",
        "SELFINSPECT_MEMORY_BYTES": str(64 << 20),
        "SELFINSPECT_CONTAINER_ID": inspect["Id"],
        "SELFINSPECT_CONTAINER_NAME": str(inspect["Name"]).removeprefix("/"),
        "SELFINSPECT_CONTAINER_IMAGE": "base",
        "SELFINSPECT_HOST_PORT_8080_TCP": "32768",
        "SELFINSPECT_HOST_PORT_8081_TCP": "18081",
        "SELFINSPECT_HOST_PORT_53_UDP": "5353",
    }


def test_opentelemetrys_attributes_are_added_to_the_users(
    here: tuple[str, ...], inspect: dict[str, Json]
) -> None:
    """The user's come first, and no other fact is exported."""
    ended = run(
        *QUIET, *here, "--export-env=otel", "--wait", "60s", "--", "env",
        environ={"OTEL_RESOURCE_ATTRIBUTES": "service.name=mine,team=a%20b"},
    )  # fmt: skip
    variables = dict(line.split("=", 1) for line in ended.stdout.splitlines() if "=" in line)
    pairs = variables["OTEL_RESOURCE_ATTRIBUTES"].split(",")
    assert pairs[:2] == ["service.name=mine", "team=a%20b"]
    assert f"container.id={inspect['Id']}" in pairs
    assert sum(pair.startswith("service.name=") for pair in pairs) == 1
    assert "SELFINSPECT_CONTAINER_ID" not in variables


@pytest.fixture
def odd_labels(inspect: dict[str, Json]) -> None:
    """Facts of the container that no environment should carry."""
    config = inspect["Config"]
    assert isinstance(config, dict)
    assert isinstance(config["Labels"], dict)
    config["Labels"] |= {
        "org.opencontainers.image.revision": "x" * 5000,
        "org.opencontainers.image.version": f"ghp_{'a1B2' * 9}",
    }


@pytest.mark.usefixtures("odd_labels")
def test_what_is_left_out_of_the_environment_is_said_with_why(here: tuple[str, ...]) -> None:
    """One line a reason, and only of what was asked for; the rest arrives."""
    command = ("--wait", "60s", "--", "env")
    ended = run(*QUIET, *here, "--export-env", *command)
    assert "SELFINSPECT_COMPOSE_SERVICE=web" in ended.stdout
    assert "SELFINSPECT_IMAGE_VERSION" not in ended.stdout
    assert "SELFINSPECT_IMAGE_REVISION" not in ended.stdout
    said = {line for line in ended.stderr.splitlines() if "export." in line}
    prefix = "selfinspect run: export.left-out variables=SELFINSPECT_IMAGE"
    assert said == {f"{prefix}_VERSION reason=masked", f"{prefix}_REVISION reason='over 4 KiB'"}
    assert "export." not in run(*QUIET, *here, *command).stderr


def test_a_variable_of_the_users_too_long_to_extend_stays_as_it_is(here: tuple[str, ...]) -> None:
    """It was the container's own to set; that nothing is added to it is said."""
    given = f"team={'a' * 5000}"
    ended = run(
        *QUIET, *here, "--export-env=otel", "--wait", "60s", "--", "env",
        environ={"OTEL_RESOURCE_ATTRIBUTES": given},
    )  # fmt: skip
    assert f"OTEL_RESOURCE_ATTRIBUTES={given}" in ended.stdout.splitlines()
    assert "variables=OTEL_RESOURCE_ATTRIBUTES reason='over 4 KiB'" in ended.stderr


def test_without_the_kernels_notice_on_memory_is_unsupported(here: tuple[str, ...]) -> None:
    """A tree of files, like cgroup v1, reports no change: one line, and the command runs."""
    script = "read -r line; exit 7"
    command = [*RUN, *QUIET, *here, "--on-memory", "USR1", "--", "sh", "-c", script]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = next(line for line in process.stderr if "on-memory" in line)
        assert said.startswith("selfinspect run: on-memory.unsupported reason=")
        process.communicate()
    assert process.returncode == 7


def test_an_unknown_set_is_125_on_the_command_line_and_a_warning_in_the_variable() -> None:
    """A typo in an image stops its build's test; one in a ConfigMap stops no container."""
    wrong = run(*QUIET, "--export-env=all", "--", "true")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (125, 1)
    assert "--export-env 'all' is unknown" in wrong.stderr
    warned = run(*QUIET, "--", "true", environ={"SELFINSPECT_EXPORT_ENV": "all"})
    assert warned.returncode == 0
    assert "SELFINSPECT_EXPORT_ENV 'all' is unknown" in warned.stderr


def test_sizes_wait_for_no_agent() -> None:
    """PID 1 reads the limits itself; where there is none the environment is what it was."""
    given = {"NODE_OPTIONS": "--inspect"}
    script = "unset SELFINSPECT_URI; env -0"
    command = (*QUIET, "--no-such-option", "--", "sh", "-c", script)
    ended = run("--export-env=size", *command, environ=given)
    assert ended.stdout == run(*command, environ=given).stdout


def test_where_nothing_is_known_no_variable_of_another_stays() -> None:
    """An agent that does not get ready leaves them unset."""
    ended = run(
        *QUIET, "--no-such-option", "--export-env", "--wait", "60s",
        "--", "sh", "-c", "echo ${SELFINSPECT_CONTAINER_NAME-unset}",
        environ={"SELFINSPECT_CONTAINER_NAME": "other"},
    )  # fmt: skip
    assert ended.stdout == "unset\n"


def test_the_uri_is_where_pid_1_listens() -> None:
    """SELFINSPECT_URI leads to a listener that is open before the command starts."""
    script = (
        "import os, socket, urllib.parse as u;"
        "at = u.urlsplit(os.environ['SELFINSPECT_URI']);"
        "socket.create_connection((at.hostname, at.port)); print('open')"
    )
    assert run(*QUIET, "--", sys.executable, "-c", script).stdout == "open\n"


def test_a_unix_socket_is_named_in_the_uri(tmp_path: Path) -> None:
    """A Unix listener stands in SELFINSPECT_URI with its path percent-encoded."""
    options = [f"--listen=unix://{tmp_path}/s", "--metrics-listen=off"]
    ended = run(*options, "--", "printenv", "SELFINSPECT_URI")
    assert ended.stdout == f"http+unix://{str(tmp_path).replace('/', '%2F')}%2Fs\n"


def test_signals_reach_the_command() -> None:
    """`docker stop` is the command's to handle."""
    script = "trap 'echo stopped; exit 9' TERM; echo up; while :; do sleep 0.05; done"
    with subprocess.Popen(
        [*RUN, *QUIET, "--", "sh", "-c", script], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == b"stopped\n"
    assert process.returncode == 9


REAPED = """
import os, signal, subprocess, time
echo = {signal.SIGRTMAX}
signal.pthread_sigmask(signal.SIG_BLOCK, echo)
script = "(read end; :) <&3 3<&- >&- & echo $!"
gate, opened = os.pipe()
os.dup2(gate, 3)
orphans = [
    int(subprocess.run(["sh", "-c", script], pass_fds=[3], stdout=subprocess.PIPE).stdout)
    for _ in range(20)
]
parents = {open(f"/proc/{each}/stat").read().rpartition(")")[2].split()[1] for each in orphans}
os.close(opened)
# A signal that comes back has passed PID 1's loop, where SIGCHLD has the lower number.
until = time.monotonic() + 60
while time.monotonic() < until:
    os.kill(1, signal.SIGRTMAX)
    signal.sigwait(echo)
    if not any(os.path.exists(f"/proc/{each}") for each in orphans):
        print("parents", parents, "all reaped")
        break
"""


@needs_root
def test_pid_1_reaps_orphans() -> None:
    """As PID 1 it inherits orphans and leaves no zombie of them."""
    ended = subprocess.run(
        [*AS_PID_1, *RUN, *QUIET, "--", sys.executable, "-c", REAPED],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout == "parents {'1'} all reaped\n", ended.stderr


@needs_root
def test_pid_1_forwards_signals_the_kernel_would_drop() -> None:
    """As PID 1 it forwards what the kernel gives no PID 1 without a handler."""
    script = "trap 'exit 9' SEGV; kill -SEGV 1; while :; do sleep 0.05; done"
    command = [*AS_PID_1, *RUN, *QUIET, "--", "sh", "-c", script]
    assert subprocess.run(command, check=False).returncode == 9


def test_pid_1_loads_nothing_heavy() -> None:
    """`run` stays clear of the libraries and of the heavier parts of the standard library."""
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", *RUN[1:], *QUIET, "--", "true"],
        env=PLAIN,
        capture_output=True,
        text=True,
        check=False,
    )
    own, _, _agent = ended.stderr.partition("selfinspect.supervise.run\n")
    loaded = {line.rpartition("|")[2].strip() for line in own.splitlines()}
    assert "selfinspect.supervise.agent" in loaded
    heavy = {"argparse", "click", "dataclasses", "http", "inspect", "json", "logging", "re"}
    heavy |= {"requests", "selfinspect.cli", "structlog", "subprocess", "typing", "urllib"}
    assert loaded & heavy == set()


def test_pid_1_is_small() -> None:
    """Resident, `run` takes no more than 3.5 MiB above an interpreter that does nothing."""
    resident = "grep VmRSS /proc/$PPID/status"
    script = f"import os; os.spawnlp(os.P_WAIT, 'sh', 'sh', '-c', '{resident}')"
    # Compiling takes memory, too: whatever changed last is to be compiled by now.
    subprocess.run([*RUN, *QUIET, "--", "true"], env=PLAIN, check=True)
    bare, ours = (
        int(subprocess.run(each, env=PLAIN, stdout=subprocess.PIPE, check=True).stdout.split()[1])
        for each in ([sys.executable, "-c", script], [*RUN, *QUIET, "--", "sh", "-c", resident])
    )
    assert ours - bare <= 3.5 * 1024
