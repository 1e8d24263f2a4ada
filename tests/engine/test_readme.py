"""What README and the pages of help say to paste does what they say, from a bare checkout."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import ROOT, sh
from tests.support.pages import HELP, README, blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.conftest import Engine
    from tests.support.pages import Block

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

FIVE_LINES, ON_THE_PATH = [each.text for each in blocks(README) if each.language == "dockerfile"]
[PYTHON] = [each.text for each in blocks(README) if each.language == "python"]
IN_THE_CONTAINER = "in the container"
PLACE = """\
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
touch /run/docker.sock
mount --bind "$1" /run/docker.sock
cd "$2"
exec bash -euo pipefail -c "$3"
"""
"""A shell whose default socket is the engine's, in mounts of its own."""


@dataclass(frozen=True)
class Place:
    """A machine with an engine, a checkout and the programs that README names.

    Attributes:
        engine: its default socket is this one's.
        checkout: the folder in which commands are pasted.
        base: an image with Python and curl, because no registry can be reached.
    """

    engine: Engine
    checkout: Path
    base: str

    def run(self, script: str) -> str:
        """What these lines print there, line by line as a person would paste them."""
        script = script.replace(
            "docker build ", f"docker build --build-arg PYTHON_IMAGE={self.base} "
        )
        host = "DOCKER_HOST=unix:///var/run/docker.sock"
        return sh(
            "env", host, "nsenter", "--net", "--target", self.engine.pid,
            "unshare", "--mount", "bash", "-c", PLACE, "_",
            self.engine.socket, self.checkout, script,
        )  # fmt: skip


@pytest.fixture(scope="module")
def place(private_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """It begins with nothing of ours in it but the checkout and the wheels for its build."""
    checkout = tmp_path_factory.mktemp("readme") / "selfinspect"
    ignored = shutil.ignore_patterns(".git", ".*cache*", ".venv", "__pycache__")
    shutil.copytree(ROOT, checkout, symlinks=True, ignore=ignored)
    script = ROOT / "deploy" / "local-engine.sh"
    base = sh(script, "base-image", "--with", "curl", "--dir", private_engine.home)
    private_engine.docker("tag", private_engine.busybox, "busybox")
    yield Place(private_engine, checkout, base)
    remaining = private_engine.docker("ps", "--all", "--quiet", "--filter", "name=^(shop|fill)$")
    private_engine.docker("rm", "--force", "--volumes", *remaining.split()) if remaining else None


def runnable(page: Path) -> list[Block]:
    """The blocks of a shell's lines that say nothing against it."""
    return [each for each in blocks(page) if each.language == "sh" and "not run" not in each.remark]


def test_every_command_does_what_it_says(place: Place, tmp_path: Path) -> None:
    """README's lines in order, then those of help, with one container after the other."""
    every = [block for page in (README, *HELP) for block in runnable(page)]
    inside = [each for each in every if each.remark == IN_THE_CONTAINER]
    build, start, *others = [each for each in every if each.remark != IN_THE_CONTAINER]

    place.run(build.text)
    (tmp_path / "app.py").write_text(f"{PYTHON}\nprint(port, flush=True)\ninput()\n")
    (tmp_path / "Dockerfile").write_text(
        f"FROM {place.base}\n{FIVE_LINES}{ON_THE_PATH}COPY app.py /\nUSER 65532\n"
        'CMD ["python3", "/app.py"]\n'
    )
    place.run(f"docker build --tag yours {tmp_path}")
    assert "fail" not in place.run(start.text.replace("--detach", "--detach --interactive"))
    published = place.run("docker port shop 8080/tcp").splitlines()[0].rpartition(":")[2]
    assert place.run("docker logs shop") == published

    printed = [place.engine.docker("exec", "shop", "sh", "-ec", each.text) for each in inside]
    assert printed[0] == "shop"
    assert not [each for each in printed if "urn:selfinspect:problem" in each]

    [session] = [each.text for each in blocks(README) if each.language == "console"]
    for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE):
        assert shape(place.run(command)) == shape(shown)

    opened = place.run(others[0].text.replace("--detach", "--detach --interactive")).splitlines()
    address, token = opened[-2:]
    assert address == "http://localhost:10310/"
    assert "<title>" in place.run(f"curl --silent --fail {address}")
    bearer = f"--header 'Authorization: Bearer {token}'"
    assert place.run(f"curl --silent --fail {bearer} {address}v1/self/name") == "shop"
    for each in others[1:]:
        place.run(each.text.replace("--detach", "--detach --interactive"))


def shape(shown: str) -> list[str]:
    """What does not change from one container to the next: no ID, no number, no width."""
    text = re.sub(r"\b[0-9a-f]{12,64}\b", "ID", shown)
    return [" ".join(re.sub(r"\d+", "N", line).split()) for line in text.splitlines()]
