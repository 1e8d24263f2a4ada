"""`doctor` in real containers: what is amiss, and the option that mends it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

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
