"""The command line, from outside: the program, what it prints, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.contract.conftest import PROGRAM, environment
from tests.support.canned_engine import Answer
from tests.support.container_root import container_root
from tests.support.launched import launched

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.contract.conftest import Agent, Serve
    from tests.support.canned_engine import CannedEngine

ID = "7badd33650b90e2d3003590fc6629ed48dba2d0b1541a2c7ae760d252d3b182d"


def run(*words: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*PROGRAM, *words],
        env=environment(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def uri(web: Agent) -> dict[str, str]:
    """What a command beside the agent of `web` has in its environment."""
    path = web.api.address.removeprefix("unix://").replace("/", "%2F")
    return {"SELFINSPECT_URI": f"http+unix://{path}"}


def test_an_engine_proves_who_we_are(here: tuple[str, ...], engine: CannedEngine) -> None:
    """Without an agent the command looks for itself, and leaves nothing open."""
    here = here[:2]
    ended = run("id", "--json", *here)
    document = json.loads(ended.stdout)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (document["id"], document["level"]) == (ID, "proven")
    assert document["tried"] == [{"endpoint": engine.url, "outcome": "answers"}]
    assert run("show", "ports/8080/tcp", *here).stdout == "32768\n"
    assert run("show", "env/DB_PASSWORD", *here).stdout == "[masked]\n"


def test_an_engine_that_denies_leaves_the_kernels_word(
    here: tuple[str, ...], engine: CannedEngine
) -> None:
    """What the kernel knows is shown, and the rest is null."""
    denied = Answer(403, {"message": "Forbidden by a proxy"})
    engine.answers |= {f"/containers/{ID}/json": denied, "/containers/json": denied}
    ended = run("show", *here[:2])
    document = json.loads(ended.stdout)
    assert (ended.returncode, document["id"], document["name"]) == (0, ID, None)
    assert run("show", "nope", *here[:2]).returncode == 1


def test_an_engine_that_knows_only_another_proves_nothing(
    tmp_path: Path, engine: CannedEngine
) -> None:
    """Another container is never passed off as this one."""
    root = container_root(tmp_path / "root", container="a1b2c3d4" * 8)
    engine.knows({"Id": ID, "Name": "/other", "State": {"Running": True}})
    ended = run("id", "--json", f"--engine={engine.url}", f"--root={root}")
    assert json.loads(ended.stdout)["id"] != ID


def test_a_running_agent_is_asked(
    uri: dict[str, str], here: tuple[str, ...], engine: CannedEngine
) -> None:
    """With SELFINSPECT_URI a command asks that agent, and the engine nothing."""
    before = list(engine.requests)
    assert run("id", environ=uri).stdout == f"{ID}\n"
    assert run("show", "name", environ=uri).stdout == "web\n"
    assert run("show", "nope", environ=uri).returncode == 1
    assert run("healthcheck", environ=uri).stdout == "ok\n"
    assert engine.requests == before
    assert run("id", "--short", *here[:2], environ=uri).stdout == f"{ID[:12]}\n"
    assert len(engine.requests) > len(before)


def test_healthcheck_without_an_agent_is_exit_1() -> None:
    """One line names the address at which it would listen."""
    ended = run("healthcheck", environ={"SELFINSPECT_LISTEN": "127.0.0.1:1"})
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "selfinspect: error: no agent listens here at http://127.0.0.1:1\n"


def test_variables_of_others_are_ignored(here: tuple[str, ...]) -> None:
    """Kubernetes injects such for a service that is called like us."""
    injected = {"SELFINSPECT_PORT": "tcp://10.0.0.1:80", "SELFINSPECT_SERVICE_HOST": "10.0.0.1"}
    assert run("id", *here[:2], environ=injected).stdout == f"{ID}\n"


def test_variables_are_options(serve: Serve, here: tuple[str, ...], tmp_path: Path) -> None:
    """Every option may come from the environment; commas part the values of a repeatable one."""
    engine, root, _ = (option.partition("=")[2] for option in here)
    agent = serve(
        listen=False,
        environ={
            "SELFINSPECT_LISTEN": f"unix://{tmp_path}/a, unix://{tmp_path}/b",
            "SELFINSPECT_ENGINE": engine,
            "SELFINSPECT_ROOT": root,
            "SELFINSPECT_ALLOW_HOST": "*.one,two",
            "SELFINSPECT_REVEAL": "DB_*",
        },
    )
    agent.logged("identity.proven")
    assert [each.address for each in agent.listeners] == [
        f"unix://{tmp_path}/a",
        f"unix://{tmp_path}/b",
    ]
    for host in ("a.one", "two"):
        assert agent.api.ask("/healthz", headers={"Host": host}).status == 200
    assert agent.api.text("/v1/self/env/DB_PASSWORD") != "[masked]\n"


@pytest.mark.parametrize(
    ("words", "environ", "said"),
    [
        (["--listen", "0.0.0.0:1"], {}, "--listen 0.0.0.0:1: takes a loopback address"),
        ([], {"SELFINSPECT_LISTEN": "0.0.0.0:1"}, "--listen 0.0.0.0:1: takes a loopback address"),
        ([], {"SELFINSPECT_METRICS_LISTEN": "x"}, "'--metrics-listen': 'x': takes host:port"),
    ],
)
def test_a_bad_value_is_exit_2_and_one_line(
    words: list[str], environ: dict[str, str], said: str
) -> None:
    """The agent does not start, and says which option cannot be."""
    ended = run("serve", *words, environ=environ)
    assert (ended.returncode, ended.stdout) == (2, "")
    [line] = ended.stderr.splitlines()
    assert said in line


def test_a_taken_address_is_exit_2(web: Agent) -> None:
    """Over TCP or on a Unix socket: what was asked for is had, or the agent does not start."""
    taken = run("serve", "--listen", web.metrics.address, "--engine=off")
    assert (taken.returncode, taken.stderr.count("\n")) == (2, 1)
    assert f"--listen {web.metrics.address}: Address already in use" in taken.stderr
    assert run("serve", "--listen", web.api.address, "--engine=off").returncode == 2
    assert web.api.text("/healthz") == "ok\n"


def test_the_open_api_may_be_had(serve: Serve, here: tuple[str, ...]) -> None:
    """--insecure-api lets it listen everywhere."""
    agent = serve(*here, "--listen=0.0.0.0:0", "--insecure-api", listen=False)
    assert agent.api.text("/healthz") == "ok\n"


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (("healthcheck",), {"requests", "selfinspect.masking", "selfinspect.agent.observe"}),
        (("wait", "--timeout=0"), {"requests", "selfinspect.masking"}),
        (("events", "--since=1h", "--engine=off"), {"starlette", "h11", "prometheus_client"}),
        (("serve", "--help"), {"selfinspect.cli.env", "selfinspect.cli.answers"}),
    ],
)
def test_a_verb_loads_only_what_it_uses(words: tuple[str, ...], absent: set[str]) -> None:
    """`healthcheck` runs every minute, a verb's answer is waited for, an agent's memory counts."""
    command = [sys.executable, "-X", "importtime", "-m", "selfinspect", *words]
    plain = environment({"SELFINSPECT_URI": "http://127.0.0.1:1"})
    ended = subprocess.run(command, env=plain, capture_output=True, text=True, check=False)
    lines = ended.stderr.splitlines()
    loaded = {line.rpartition("|")[2].strip() for line in lines if "import time:" in line}
    assert "selfinspect.cli" in loaded
    assert not loaded & absent


def test_a_health_check_loads_next_to_nothing(uri: dict[str, str], tmp_path: Path) -> None:
    """It runs in every container each minute: neither the command line nor what clients load."""
    program = launched(tmp_path / "opt")
    python = str(Path(program).with_name("python3"))
    command = [python, "-IS", "-X", "importtime", program, "healthcheck"]
    ended = subprocess.run(
        command, env=environment(uri), capture_output=True, text=True, check=True
    )
    modules = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert ended.stdout == "ok\n"
    assert "selfinspect.client" in modules
    slow = {
        "click",
        "collections",
        "contextlib",
        "enum",
        "json",
        "pathlib",
        "re",
        "selfinspect.cli",
    }
    slow |= {"socket", "typing", "urllib", "encodings.idna"}
    assert not slow & modules


def test_a_health_check_says_what_is_wrong(tmp_path: Path) -> None:
    """The same as with options: a line and exit 1, or a usage error."""
    nobody = {"SELFINSPECT_URI": f"http+unix://{quote(str(tmp_path / 'none'), safe='')}"}
    short, long = (run("healthcheck", *words, environ=nobody) for words in ((), ("--timeout=5s",)))
    assert (short.returncode, short.stdout, short.stderr) == (1, "", long.stderr)
    assert short.stderr.endswith(" does not answer\n")
    wrong = run("healthcheck", environ={"SELFINSPECT_LISTEN": "nonsense"})
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "Invalid value for SELFINSPECT_LISTEN" in wrong.stderr


def test_the_stages_of_a_start_are_printed_on_demand(here: tuple[str, ...]) -> None:
    """By a variable of the agent's developers, in the order in which they are reached."""
    command = [*PROGRAM, "serve", "--listen=127.0.0.1:0", "--metrics-listen=off", *here]
    environ = environment({"SELFINSPECT_TRACE_START": "1"})
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as agent:
        assert agent.stderr is not None
        try:
            lines = (line for line in agent.stderr if line.startswith("start: "))
            stages = [next(lines).split()[1] for _ in range(3)]
        finally:
            agent.terminate()
    assert stages == ["loaded", "listening", "ready"]
