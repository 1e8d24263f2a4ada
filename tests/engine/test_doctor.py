"""`doctor` in real containers: what is amiss, and the option that mends it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.engine.test_events import live_restore, restart

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.engine.conftest import Container, Engine

pytestmark = pytest.mark.engine


def doctor(container: Container) -> tuple[int, Mapping[str, Mapping[str, str]]]:
    """The exit code, and the checks by their names."""
    docker = ("docker", "--host", container.engine.url, "exec", container.id)
    ended = subprocess.run(
        [*docker, "selfinspect", "doctor", "--json"], capture_output=True, text=True, check=False
    )
    return ended.returncode, {each["name"]: each for each in json.loads(ended.stdout)["checks"]}


def test_where_all_is_well_only_the_socket_is_warned_of(engine: Engine) -> None:
    """It is root on the host, and the doctor says what would be better."""
    code, checks = doctor(engine.start().ready())
    assert code == 0
    assert checks["identity"]["seen"].endswith("proven by layer")
    assert "Docker" in checks["engine unix:///var/run/docker.sock"]["seen"]
    assert checks["agent"]["status"] == "pass"
    amiss = {name for name, check in checks.items() if check["status"] != "pass"}
    assert amiss == {"socket"}
    assert "deploy/socket-proxy" in checks["socket"]["fix"]


def test_a_socket_it_may_not_read_wants_the_sockets_group(engine: Engine) -> None:
    """The number is the real one."""
    code, checks = doctor(engine.start(joined=False).up())
    place = checks["engine unix:///var/run/docker.sock"]
    assert (code, place["status"]) == (1, "fail")
    assert f"--group-add {engine.group}" in place["fix"]


def test_no_socket_wants_the_mount(engine: Engine) -> None:
    """It alone fails: a gateway where nobody listens is the longer way."""
    code, checks = doctor(engine.start_plain().up())
    assert code == 1
    assert [name for name, check in checks.items() if check["status"] == "fail"] == [
        "engine unix:///var/run/docker.sock"
    ]
    fix = checks["engine unix:///var/run/docker.sock"]["fix"]
    assert "-v /var/run/docker.sock:/var/run/docker.sock" in fix


def test_a_read_only_root_wants_a_place_for_the_address(engine: Engine) -> None:
    """Without it a `docker exec` does not find the agent; with the very option, it does."""
    _, checks = doctor(engine.start("--read-only").ready())
    assert "read-only" in checks["address"]["seen"]
    assert "--tmpfs /run/selfinspect:uid=" in checks["address"]["fix"]
    place = checks["address"]["fix"].split()[3]
    _, checks = doctor(engine.start("--read-only", "--tmpfs", place).ready())
    assert (checks["address"]["status"], checks["agent"]["status"]) == ("pass", "pass")


def test_a_socket_that_an_engine_left_behind_wants_a_restart(
    restartable: Engine,
) -> None:
    """Mounted as a file it is stale once the engine is restarted: the command brings the new."""
    engine = restartable
    with live_restore(engine):
        app = engine.start().ready()
        restart(engine)
        code, checks = doctor(app)
        place = checks["engine unix:///var/run/docker.sock"]
        assert (code, place["status"]) == (1, "fail")
        command = place["fix"].partition(";")[0]
        assert command == f"docker restart {app.id[:12]}"
        assert "-v /var/run:/run/engine" in place["fix"]
        engine.docker(*command.split()[1:])
        code, checks = doctor(app.ready())
        assert (code, checks["engine unix:///var/run/docker.sock"]["status"]) == (0, "pass")


def test_a_folder_in_the_sockets_place_is_removed(engine: Engine, tmp_path: Path) -> None:
    """The engine made it for a mount of what was missing; without it the socket can be mounted."""
    tmp_path.chmod(0o755)
    path = tmp_path / "docker.sock"
    mounted = ("--volume", f"{path}:/var/run/docker.sock", "--group-add", engine.group)
    app = engine.start_plain(*mounted, "--user", "65532").up()
    place = doctor(app)[1]["engine unix:///var/run/docker.sock"]
    assert "a directory is there" in place["seen"]
    assert "rmdir /var/run/docker.sock && systemctl restart docker" in place["fix"]
    engine.docker("rm", "--force", app.id)
    engine.started.remove(app.id)
    path.rmdir()
    path.symlink_to(engine.socket)
    code, checks = doctor(engine.start_plain(*mounted, "--user", "65532").ready())
    assert (code, checks["engine unix:///var/run/docker.sock"]["status"]) == (0, "pass")


def test_a_log_that_is_kept_nowhere_wants_a_driver(engine: Engine) -> None:
    """The engine's words, and the option with which they are gone."""
    check = doctor(engine.start("--log-driver", "none").ready())[1]["capability logs"]
    assert "logging driver does not support reading" in check["seen"]
    command, _, instead = check["fix"].partition(" …, in place of ")
    assert instead == "--log-driver none"
    checks = doctor(engine.start(*command.split()[2:]).ready())[1]
    assert "capability logs" not in checks
