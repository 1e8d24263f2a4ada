"""The commands in the READMEs of `deploy/`, as they stand there, on an engine of their own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import ROOT, Container, another_engine, sh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.conftest import Engine

pytestmark = [pytest.mark.engine, pytest.mark.slow]

DEPLOY = ROOT / "deploy"


def commands(readme: Path, image: str) -> str:
    """The commands of the only console block of a README, for an image."""
    [block] = re.findall(r"```console\n(.*?)```", readme.read_text(), re.DOTALL)
    return (
        re.sub(r"^\$ ", "", block, flags=re.MULTILINE)
        .replace("IMAGE\n", f"{image}\n")
        .replace("IMAGE)", f"{image})")
    )


def on_the_host(engine: Engine, folder: Path, script: str) -> str:
    """Run a script where the engine is: its own /run, network and /etc/docker.

    Whatever it leaves running ends with it, and what it writes to systemd's folder is dropped.
    """
    inside = (
        "mount -t tmpfs tmpfs /etc/systemd/system\nmount -t proc proc /proc\nset -eu\n" + script
    )
    return sh(
        "nsenter", "--mount", "--net", "--target", (engine.home / "docker.pid").read_text(),
        "unshare", "--mount", "--pid", "--fork", "--kill-child", "--wd", folder,
        "sh", "-c", inside,
    )  # fmt: skip


@pytest.fixture
def own_engine(private_engine: Engine) -> Iterator[Engine]:
    """An engine that a test may set up and start again."""
    with another_engine(private_engine, "readme") as engine:
        yield engine


def test_the_proxys_commands_give_one_container_its_reads(own_engine: Engine) -> None:
    """HAProxy between `docker create` and `docker start`; the agent proves itself through it."""
    script = commands(DEPLOY / "socket-proxy" / "README.md", own_engine.image)
    shown = on_the_host(
        own_engine,
        DEPLOY / "socket-proxy",
        f"{script}docker exec app selfinspect wait --timeout 30s\n"
        "docker exec app selfinspect id --json\n",
    )
    assert '"level": "proven"' in shown


def test_the_gateways_commands_let_certificates_in(own_engine: Engine) -> None:
    """An engine with the script's settings is found at the gateway, and nothing is mounted."""
    script = commands(DEPLOY / "tls" / "README.md", own_engine.image)
    before, restart, after = re.split(r"(?m)^(systemctl .*\n)", script)
    assert "restart docker" in restart
    on_the_host(own_engine, ROOT, before)
    local_engine = DEPLOY / "local-engine.sh"
    sh(local_engine, "down", "--dir", own_engine.home)
    # As the drop-in has it, but for the gateway's address, which is not there yet.
    options = ("--host", "tcp://0.0.0.0:2376")
    sh(local_engine, "up", "--dir", own_engine.home, "--", *options)
    shown = on_the_host(own_engine, ROOT, after.replace("docker run", "docker run --detach"))
    app = Container(own_engine, shown.split()[-1]).ready()
    assert app.curl("/v1/self/identity/level") == "proven"
    assert app.curl("/v1/self/engine/endpoint") == "tcp://172.17.0.1:2376"
