from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.engine

SCRIPT = Path(__file__).parents[2] / "deploy" / "local-engine.sh"
CGROUPS = Path("/sys/fs/cgroup")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The folder of an engine that is ended after the test, whatever became of it."""
    yield tmp_path / "engine"
    run("down", tmp_path / "engine")


def run(
    command: str, home: Path, *arguments: str, user: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command of the script, successful or not."""
    return subprocess.run(
        [SCRIPT, command, "--dir", home, *arguments],
        capture_output=True, text=True, check=False, user=user,
    )  # fmt: skip


def up(home: Path, *options: str) -> int:
    """Starts the engine and returns the process ID of its dockerd."""
    result = run("up", home, *options)
    assert result.returncode == 0, result.stderr
    return int((home / "docker.pid").read_text())


def docker(home: Path, *arguments: str) -> str:
    return subprocess.run(
        ["docker", "--host", f"unix://{home}/docker.sock", *arguments],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def start_container(home: Path, *options: str) -> tuple[str, int]:
    """Starts a container that ignores SIGTERM: its ID and the process ID of its PID 1."""
    image = run("base-image", home, "--busybox").stdout.strip()
    container = docker(home, "run", "--detach", "--publish=8080", *options, image, "sleep", "1000")
    pid = docker(home, "inspect", "--format", "{{.State.Pid}}", container)
    return container, int(pid)


def namespaces(pid: int | str) -> set[str]:
    try:
        return {str(Path(f"/proc/{pid}/ns/{kind}").readlink()) for kind in ("mnt", "net")}
    except OSError:  # ended meanwhile
        return set()


def members(spaces: set[str]) -> list[str]:
    """The processes in any of these namespaces."""
    pids = [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if namespaces(pid) & spaces]


def mounts_below(home: Path) -> list[str]:
    table = Path("/proc/self/mountinfo").read_text()
    return [line for line in table.splitlines() if str(home) in line]


def interfaces() -> set[str]:
    return {entry.name for entry in Path("/sys/class/net").iterdir()}


def cgroups(container: str) -> list[Path]:
    return [*CGROUPS.glob(f"docker/{container}"), *CGROUPS.glob(f"*/docker/{container}")]


def test_a_second_up_keeps_the_engine_that_is_up(home: Path) -> None:
    """`up` on a live engine starts nothing."""
    assert up(home) == up(home)


def test_env_points_a_client_to_the_engine(home: Path) -> None:
    """What `env` prints makes a shell's docker client talk to this engine."""
    up(home)
    line = f"eval {shlex.quote(run('env', home).stdout)} && docker info --format '{{{{json .}}}}'"
    shown = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert json.loads(shown.stdout)["DockerRootDir"] == f"{home}/data"


def test_an_engine_shows_nothing_to_the_machine(home: Path) -> None:
    """Neither a mount nor a network interface of a running engine is seen outside of it."""
    before = interfaces()
    up(home)
    start_container(home, "--stop-signal=KILL")
    assert (interfaces(), mounts_below(home)) == (before, [])


def test_engines_run_side_by_side(home: Path, tmp_path: Path) -> None:
    """A second engine has networks, containers and images of its own."""
    up(home)
    start_container(home, "--stop-signal=KILL")
    other = tmp_path / "other"
    try:
        up(other)
        assert docker(home, "ps", "--quiet") != docker(other, "ps", "--quiet") == ""
    finally:
        run("down", other)


def test_options_after_the_dashes_go_to_dockerd(home: Path) -> None:
    """`up -- OPTION` starts dockerd with that option."""
    up(home, "--", "--label", "shelf=3")
    assert docker(home, "info", "--format", "{{.Labels}}") == "[shelf=3]"


def test_a_dockerd_that_dies_is_reported_with_its_own_words(home: Path) -> None:
    """`up` fails with the end of the log of a dockerd that does not come up."""
    result = run("up", home, "--", "--no-such-option")
    assert result.returncode == 1
    assert "unknown flag: --no-such-option" in result.stderr


def test_down_leaves_nothing_behind(home: Path) -> None:
    """After `down` no process, mount, interface or control group of the engine is left."""
    before = interfaces()
    spaces = namespaces(up(home))
    container, pid = start_container(home)
    spaces |= namespaces(pid)
    assert members(spaces)
    assert cgroups(container)
    assert run("down", home).returncode == 0
    until(lambda: not members(spaces), "the end of what was killed")
    assert cgroups(container) == []
    assert (interfaces(), mounts_below(home)) == (before, [])


def test_down_cleans_up_after_a_killed_dockerd(home: Path) -> None:
    """Containers, shims and control groups that outlive a killed dockerd go with `down`."""
    daemon = up(home)
    spaces = namespaces(daemon)
    container, pid = start_container(home)
    spaces |= namespaces(pid)
    os.kill(daemon, signal.SIGKILL)
    assert str(pid) in members(spaces)
    assert run("down", home).returncode == 0
    until(lambda: not members(spaces), "the end of what was killed")
    assert cgroups(container) == []


def test_up_recovers_after_a_killed_dockerd(home: Path) -> None:
    """`up` after a crash ends the leftovers and starts anew with the same containers."""
    daemon = up(home)
    container, pid = start_container(home)
    leftover = namespaces(pid)
    os.kill(daemon, signal.SIGKILL)
    assert up(home) != daemon
    until(lambda: not members(leftover), "the end of what was killed")
    assert docker(home, "ps", "--all", "--no-trunc", "--quiet") == container


def test_down_without_an_engine_is_fine() -> None:
    """`down` succeeds for anybody, says and makes nothing where no engine was ever up."""
    home = Path("/tmp/no-engine-was-here")
    result = run("down", home, user=65534)
    assert (result.returncode, result.stderr, home.exists()) == (0, "", False)


def test_down_twice_is_fine(home: Path) -> None:
    """A second `down` finds nothing to do."""
    up(home)
    run("down", home)
    result = run("down", home)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_folder_too_long_for_a_socket_is_refused(home: Path) -> None:
    """A socket path over 107 bytes is a usage error that names the length, and nothing starts."""
    deep = home / ("x" * 107)
    result = run("up", deep)
    assert result.returncode == 2
    assert "a Unix socket takes 107" in result.stderr
    assert not deep.exists()


def test_an_unchanged_base_image_is_not_imported_again(home: Path) -> None:
    """The second `base-image` prints the same name and does nothing else."""
    up(home)
    first = run("base-image", home, "--busybox")
    second = run("base-image", home, "--busybox")
    assert first.stdout == second.stdout == "selfinspect-base:busybox\n"
    assert ("importing" in first.stderr, second.stderr) == (True, "")


@pytest.mark.slow
def test_a_base_image_is_for_every_user(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made under a strict umask, it still is one that others than root can use."""
    up(home)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    before = os.umask(0o077)
    try:
        image = run("base-image", home, "--busybox").stdout.strip()
    finally:
        os.umask(before)
    assert docker(home, "run", "--rm", "--user=1000", image, "id", "-u") == "1000"


@pytest.mark.parametrize(
    ("options", "wrong"),
    [(["--verbose"], "unknown option: --verbose"), (["--suite"], "--suite takes a value")],
)
def test_bad_options_are_usage_errors(home: Path, options: list[str], wrong: str) -> None:
    """An option that does not exist, or lacks its value, ends the script with 2 and is named."""
    result = run("up", home, *options)
    assert result.returncode == 2
    assert f"local-engine: {wrong}\n" in result.stderr
