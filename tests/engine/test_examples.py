"""Every example does what its README says, on the tests' own engine or on one it starts itself."""

from __future__ import annotations

import os
import re
import subprocess
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.engine.conftest import Engine

pytestmark = pytest.mark.engine

EXAMPLES = ROOT / "examples"


@pytest.fixture
def run(engine: Engine) -> Iterator[Callable[..., str]]:
    """Runs an example and gives what it shows; ended by its own `--down` after the test."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
    # Short: the path of an engine's socket in it has 107 bytes at most.
    home = TemporaryDirectory()
    environ |= {"XDG_STATE_HOME": home.name, "DOCKER_HOST": engine.url}
    ran: list[Path] = []

    def run(example: str) -> str:
        script = EXAMPLES / example / "run.sh"
        ran.append(script)
        shown = subprocess.run([script], env=environ, capture_output=True, text=True, check=False)
        assert shown.returncode == 0, shown.stdout + shown.stderr
        assert "\033" not in shown.stdout, "colour where there is no terminal"
        return shown.stdout

    with home:
        yield run
        for script in ran:
            subprocess.run([script, "--down"], env=environ, check=True)
            name = f"name=^selfinspect-{script.parent.name}"
            assert engine.docker("ps", "--all", "--quiet", "--filter", name) == ""


def test_every_example_is_run_and_described() -> None:
    """A folder with a run.sh, a README of some ten lines, and a test here or beside this file."""
    folders = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())
    tested = (ROOT / "tests" / "engine" / "test_examples.py").read_text()
    for name in folders:
        assert os.access(EXAMPLES / name / "run.sh", os.X_OK), name
        assert len((EXAMPLES / name / "README.md").read_text().splitlines()) <= 20, name
        assert f'run("{name}")' in tested or name == "quickstart", name


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """An example of a checkout in which the agent's image cannot be built."""
    for name in ("deploy", "examples", "wheelhouse"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "Dockerfile").write_text("FROM selfinspect-base:bookworm\nRUN no-such-program\n")
    return tmp_path / "examples" / "no-socket" / "run.sh"


def test_a_build_that_fails_says_why(engine: Engine, broken: Path) -> None:
    """In the builder's own words, and the example ends there."""
    environ = os.environ | {"DOCKER_HOST": engine.url}
    shown = subprocess.run([broken], env=environ, capture_output=True, text=True, check=False)
    assert shown.returncode == 1
    assert "no-such-program: not found" in shown.stdout + shown.stderr
    assert "A container" not in shown.stdout


def test_the_engine_of_dockers_context_is_used(
    engine: Engine, broken: Path, tmp_path: Path
) -> None:
    """As it is by the `docker` command itself, where `DOCKER_HOST` names none."""
    environ = {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"}
    environ |= {"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "other"}
    create = ["docker", "context", "create", "other", "--docker", f"host={engine.url}"]
    subprocess.run(create, env=environ, capture_output=True, check=True)
    shown = subprocess.run([broken], env=environ, capture_output=True, text=True, check=False)
    assert f"yours: {engine.url}\n" in shown.stdout


def test_a_python_app_asks_with_me(run: Callable[..., str]) -> None:
    """With an agent it knows its name and port, without one it runs all the same."""
    shown = run("python-app")
    assert "I am selfinspect-python-app, and the host reaches me at port " in shown
    assert "I do not know who I am" in shown


def test_a_shell_app_has_its_port_in_its_environment(run: Callable[..., str]) -> None:
    """On an image without Python."""
    shown = run("shell-app")
    assert "I am selfinspect-shell-app, at port " in shown
    assert "with 134217728 bytes of memory" in shown
    assert "SELFINSPECT_HOST_PORT_8080_TCP=" in shown
    assert "port none" not in shown


@pytest.mark.slow
def test_a_node_app_waits_for_its_port(run: Callable[..., str]) -> None:
    """It asks once and is answered when the port is there; without an engine or agent it serves."""
    shown = run("node-app")
    assert re.search(r"^my port is \d+$", shown, re.MULTILINE)
    assert shown.count("my port is unknown, I serve all the same") == 2


@pytest.mark.slow
def test_telemetry_names_the_right_container(run: Callable[..., str]) -> None:
    """In a shared network, too: both SDKs have the ID, the service, and what the user wrote."""
    shown = run("opentelemetry")
    for language in ("python", "node"):
        part = shown.partition(f"== The resource of {language.capitalize()}'s SDK")[2]
        [identifier] = re.findall(r"^its ID is (\w{64})$", part, re.MULTILINE)[:1]
        assert f"\ncontainer.id = {identifier}\n" in part
        assert f"\nservice.name = {language}\n" in part
        assert "\nteam = shop\n" in part


def test_workers_are_sized_by_the_containers_limits(run: Callable[..., str]) -> None:
    """By the machine where there are none; no engine is asked."""
    shown = run("sizing")
    assert "sized by its limits: 1 workers of 2 threads" in shown
    assert "WEB_CONCURRENCY" in shown
    assert "sized by the machine: " in shown


def test_an_app_finishes_what_it_has_time_for(run: Callable[..., str]) -> None:
    """It reads how long it has left from a file, and ends by itself before the kill."""
    shown = run("graceful-stop")
    assert "asked to stop: 6 s left" in shown
    assert "finished job 1\n" in shown
    assert "handed back " in shown
    assert "exit code 0" in shown


def test_a_sidecar_reports_on_the_app(run: Callable[..., str]) -> None:
    """Not on itself."""
    shown = run("sidecar")
    assert "selfinspect-sidecar-app\n" in shown
    assert "\n67108864\n" in shown


def test_without_a_socket_the_kernel_answers(run: Callable[..., str]) -> None:
    """Figures, and what to do for the rest."""
    shown = run("no-socket")
    assert "observed by kernel" in shown
    assert "128MiB" in shown
    assert "-v /var/run/docker.sock" in shown


@pytest.mark.slow
def test_the_gateway_with_tls_needs_no_socket(run: Callable[..., str]) -> None:
    """Proven over TLS."""
    shown = run("gateway-tls")
    assert '"level": "proven"' in shown
    assert "tcp://172.17.0.1:2376" in shown


def test_a_proxy_lets_one_container_read_of_itself(run: Callable[..., str]) -> None:
    """And denies the rest."""
    shown = run("proxy")
    assert "proven by" in shown
    assert "HTTP/1.1 403" in shown or "HTTP/1.0 403" in shown


def test_an_app_knows_why_it_died(run: Callable[..., str]) -> None:
    """OOM-killed, as it learns in its next run."""
    shown = run("why-did-i-die")
    assert "first run: eating memory" in shown
    assert ": oom, exit code 137" in shown


def test_a_service_registers_its_host_port(run: Callable[..., str]) -> None:
    """Each instance its own; the one that stops leaves."""
    shown = run("service-registration").partition("docker logs")[2]
    assert shown.count("+ shop/") == 2
    assert shown.count("- shop/") == 1
