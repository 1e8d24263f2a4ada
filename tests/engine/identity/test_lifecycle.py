from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import text
from tests.engine.conftest import sh, until

if TYPE_CHECKING:
    from tests.engine.conftest import Container, Engine
    from tests.engine.identity.conftest import Bench

pytestmark = pytest.mark.engine

CGROUPNS = pytest.mark.parametrize("cgroupns", ["host", "private"])


def proven(app: Container) -> str | None:
    """The ID and the name that a serving agent has proven."""
    identity = app.ready().json("/v1/identity")
    assert text(identity, "level") == "proven"
    return text(identity, "id")


@CGROUPNS
def test_a_renamed_container_is_the_same(engine: Engine, cgroupns: str) -> None:
    """The ID outlives the name, before and after a restart."""
    app = engine.start("--cgroupns", cgroupns)
    assert proven(app) == app.id
    name = f"renamed-{os.getpid()}"
    engine.docker("rename", app.id, name)
    until(lambda: text(app.json("/v1/identity"), "name") == name, "the new name")
    engine.docker("restart", "--time", "1", app.id)
    assert proven(app) == app.id
    assert text(app.json("/v1/identity"), "name") == name


@CGROUPNS
def test_a_name_taken_over_means_the_new_container(
    engine: Engine, bench: Bench, cgroupns: str
) -> None:
    """Recreated under its name, with the HOSTNAME and the hostname that the old one had."""
    name = f"taken-{os.getpid()}"
    old = engine.start("--name", name, "--cgroupns", cgroupns)
    engine.docker("rm", "--force", old.id)
    engine.started.remove(old.id)
    stale = ("--hostname", old.id[:12], "--env", f"HOSTNAME={old.id[:12]}", "--name", name)
    looks = bench.look_in_time("--cgroupns", cgroupns, *stale)
    assert looks.wrong() == {}
    assert looks.methods() | {"none": "", "kernel": ""} == {
        "layer": "layer", "stamp": "stamp", "nonce": "nonce", "none": "", "kernel": "",
    }  # fmt: skip


@CGROUPNS
def test_twins_know_themselves_apart(engine: Engine, bench: Bench, cgroupns: str) -> None:
    """Two containers of one image, started by one command, each by the weakest proof as well."""
    looks = (
        "for way in layer stamp nonce; do selfinspect id --engine unix:///ways/$way || exit; done"
    )
    create = (
        "create", "--cgroupns", cgroupns, "--network", f"container:{bench.neighbour.id}",
        "--volume", f"{bench.sockets}:/ways", "--entrypoint", "sh", engine.image, "-c", looks,
    )  # fmt: skip
    twins = [engine.docker(*create) for _ in range(2)]
    engine.started += twins
    engine.docker("start", *twins)
    assert engine.docker("wait", *twins) == "0\n0"
    for twin in twins:
        assert engine.docker("logs", twin).splitlines() == [twin] * 3


def test_the_proof_leaves_no_trace(engine: Engine, bench: Bench) -> None:
    """The thread's name is back, no file is written, and no process is left behind."""
    app = engine.start(
        "--tmpfs", "/var/lib/selfinspect", "--tmpfs", "/run/selfinspect", "--no-healthcheck",
        socket=bench.sockets / "nonce",
    )  # fmt: skip
    assert proven(app) == app.id
    assert text(app.json("/v1/identity"), "method") == "nonce"
    names = sh("bash", "-c", f"cat /proc/{app.pid}/task/*/comm").splitlines()
    assert [name for name in names if name.startswith("si-")] == []
    assert app.exec("cat", "/proc/1/comm") == "selfinspect"
    changed = engine.docker("diff", app.id).splitlines()
    assert [line for line in changed if line not in ALWAYS] == []
    assert len(engine.docker("top", app.id, "-eo", "pid,comm").splitlines()) == 2


ALWAYS = ("C /run", "C /var", "C /var/lib", "A /run/docker.sock")
