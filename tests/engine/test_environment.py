"""What an app reads of itself in its environment, on a real engine."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.engine import words
from tests.engine.conftest import ROOT, sh, until
from tests.engine.words import MIB, SHOW

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.conftest import Container, Engine

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]


def environment(engine: Engine, *options: object, sets: str, socket: bool = True) -> dict[str, str]:
    """The environment of an app below `run --export-env`."""
    command = ("run", f"--export-env={sets}", "--wait=60s", "--", "python3", "-c", SHOW)
    start = engine.start if socket else engine.start_plain
    app = start(*options, command=command)
    until(lambda: "{" in app.logs(), "the app's environment")
    line = next(line for line in app.logs().splitlines() if line.startswith("{"))
    found: dict[str, str] = json.loads(line)
    found["its ID"] = app.id
    return found


def test_every_variable_has_its_value(engine: Engine) -> None:
    """All of the table, and the attributes for telemetry; locally built images have no digest."""
    assert words.of_the_engine(engine) == "no SELFINSPECT_IMAGE_DIGEST"


def test_without_an_engine_the_kernel_says_what_it_can(engine: Engine) -> None:
    """ID, limits, sizes and the run before; all else is unset."""
    assert words.of_the_kernel(engine) == "ID, limits, sizes, the run before"


def test_without_limits_no_size_is_set(engine: Engine) -> None:
    """The machine's CPUs and memory are what runtimes find by themselves."""
    found = environment(engine, sets="size", socket=False)
    own = {"SELFINSPECT_URI", "its ID"}
    plain = engine.docker("run", "--rm", "--entrypoint", "env", engine.image)
    names = {line.partition("=")[0] for line in plain.splitlines()}
    assert set(found) - own == names


def test_a_neighbours_network_does_not_lend_its_id(engine: Engine) -> None:
    """OpenTelemetry's own detectors say the neighbour's there."""
    neighbour = engine.start_plain(image=engine.busybox, command=("sleep", "600"))
    found = environment(engine, "--network", f"container:{neighbour.id}", sets="otel", socket=True)
    assert f"container.id={found['its ID']}" in found["OTEL_RESOURCE_ATTRIBUTES"].split(",")
    assert neighbour.id not in found["OTEL_RESOURCE_ATTRIBUTES"]


WAITS = """
import os, signal, time
heard = [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1]
signal.pthread_sigmask(signal.SIG_BLOCK, heard)  # none is lost before it is waited for
print("up", flush=True)
while signal.sigwait(heard) == signal.SIGUSR1:
    print("USR1", os.listdir("/run/selfinspect"), flush=True)
while not os.path.exists("/run/selfinspect/stopping"):
    time.sleep(0.01)
print(open("/run/selfinspect/stopping").read(), end="", flush=True)
"""


def ups(app: Container) -> int:
    """How often the app has started."""
    return app.logs().splitlines().count("up")


def test_an_app_reads_how_long_it_has_left(engine: Engine) -> None:
    """In a file, once it is asked to stop; after a restart there is none of the last time."""
    command = ("run", "--", "python3", "-c", WAITS)
    app = engine.start("--stop-timeout", "60", command=command).ready()
    for number in (1, 2):
        until(lambda number=number: ups(app) == number, "the app")  # type: ignore[misc]
        engine.docker("stop", app.id)
        lines = [line for line in app.logs().splitlines() if line.startswith('{"signal"')]
        said = json.loads(lines[-1])
        assert said["signal"] == "SIGTERM"
        assert said["received_at"] < said["deadline"]
        engine.docker("start", app.id)
        app.ready()
        check = "test ! -e /run/selfinspect/stopping && echo none"
        assert app.exec("sh", "-c", check) == "none"


@pytest.mark.parametrize(
    ("of_the_engine", "of_run"),
    [(("--init",), ()), ((), ("-g",)), ((), ("--rewrite", "TERM:INT"))],
    ids=["below an init", "to the whole group", "rewritten"],
)
def test_a_stop_is_noted_as_it_came(
    engine: Engine, of_the_engine: tuple[str, ...], of_run: tuple[str, ...]
) -> None:
    """With the configured timeout, whatever `-t` says; any other signal is not a stop."""
    command = ("run", *of_run, "--wait=60s", "--", "python3", "-c", WAITS)
    app = engine.start("--stop-timeout", "90", *of_the_engine, command=command)
    until(lambda: "up" in app.logs(), "the app")
    engine.docker("kill", "--signal", "USR1", app.id)
    until(lambda: "USR1" in app.logs(), "the signal that is not a stop")
    engine.docker("stop", "--time", "60", app.id)
    [other] = [line for line in app.logs().splitlines() if line.startswith("USR1")]
    assert "stopping" not in other
    [line] = [line for line in app.logs().splitlines() if line.startswith('{"signal"')]
    said = json.loads(line)
    assert said["signal"] == "SIGTERM"
    received, deadline = (
        datetime.fromisoformat(said[name]) for name in ("received_at", "deadline")
    )
    assert deadline - received == timedelta(seconds=90)
    assert app.inspect("{{.State.ExitCode}}") == "0"


@pytest.fixture(scope="session")
def one_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agent in one file, for images that it is not baked into."""
    file = tmp_path_factory.mktemp("pyz") / "selfinspect.pyz"
    sh(ROOT / "deploy" / "pyz.sh", file)
    file.parent.chmod(0o755)
    return file


RUNTIMES = {
    "python": (
        ("--suite", "trixie"),
        ("python3", "-c", "import os; print(os.cpu_count(), os.process_cpu_count())"),
        "2 2",
    ),
    "node": (
        ("--with", "nodejs"),
        ("node", "-p", "Math.round(v8.getHeapStatistics().heap_size_limit / 1048576) < 200"),
        "true",
    ),
    "java": (
        ("--with", "openjdk-17-jre-headless"),
        ("java", "-XX:+PrintFlagsFinal", "-version"),
        "ActiveProcessorCount                     = 2",
    ),
    "go": (
        ("--with", "golang-go"),
        ("sh", "-c", "cd /tmp && go run size.go"),
        f"2 {200 * MIB * 9 // 10}",
    ),
}
GO = """package main
import ("fmt"; "runtime"; "runtime/debug")
func main() { fmt.Println(runtime.GOMAXPROCS(0), debug.SetMemoryLimit(-1)) }
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_runtimes_take_the_sizes(
    engine: Engine, one_file: Path, tmp_path: Path, runtime: str
) -> None:
    """Each is asked what it took, in a container of 1.5 CPUs and 256 MiB."""
    options, command, expected = RUNTIMES[runtime]
    image = sh(ROOT / "deploy" / "local-engine.sh", "base-image", *options, "--dir", engine.home)
    (tmp_path / "size.go").write_text(GO)
    said = engine.docker(
        "run", "--rm", "--cpus", "1.5", "--memory", "256m", "--env", "HOME=/tmp",
        "--volume", f"{one_file.parent}:/agent:ro", "--volume", f"{tmp_path}/size.go:/tmp/size.go",
        image, "python3", "-I", "/agent/selfinspect.pyz", "run",
        f"--export-env=size,size:{runtime}", "--", *command,
    )  # fmt: skip
    assert expected in said
