"""What README and the pages of help say to paste does what they say, from a bare checkout."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import ROOT, sh, until
from tests.support.pages import HELP, README, blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.conftest import Engine
    from tests.support.pages import Block

pytestmark = pytest.mark.engine

FIVE_LINES, ON_THE_PATH = [each.text for each in blocks(README) if each.language == "dockerfile"]
[PYTHON] = [each.text for each in blocks(README) if each.language == "python"]
BASE = "selfinspect-base:bookworm"
"""In place of the registry's Python, which nothing here can reach."""

PAGE = ROOT / "selfinspect" / "help" / "page.md"
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
    """

    engine: Engine
    checkout: Path

    def run(self, script: str) -> str:
        """What these lines print there, line by line as a person would paste them."""
        script = script.replace("docker build ", f"docker build --build-arg PYTHON_IMAGE={BASE} ")
        host = "DOCKER_HOST=unix:///var/run/docker.sock"
        return sh(
            "env", host, "nsenter", "--net", "--target", self.engine.pid,
            "unshare", "--mount", "bash", "-c", PLACE, "_",
            self.engine.socket, self.checkout, script,
        )  # fmt: skip


def runnable(page: Path) -> list[Block]:
    """The blocks of a shell's lines that say nothing against it."""
    return [each for each in blocks(page) if each.language == "sh" and "not run" not in each.remark]


EVERY = [block for page in (README, *HELP) for block in runnable(page)]


@pytest.fixture(scope="module")
def machine(private_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A bare checkout, and what is built in it: the agent's image, and one with README's lines."""
    checkout = tmp_path_factory.mktemp("readme") / "selfinspect"
    ignored = shutil.ignore_patterns(".git", ".*cache*", ".venv", "__pycache__")
    shutil.copytree(ROOT, checkout, symlinks=True, ignore=ignored)
    machine = Place(private_engine, checkout)
    machine.run(EVERY[0].text)
    script = ROOT / "deploy" / "local-engine.sh"
    base = sh(script, "base-image", "--with", "curl", "--dir", private_engine.home)
    folder = tmp_path_factory.mktemp("yours")
    (folder / "Dockerfile").write_text(
        f'FROM {base}\n{FIVE_LINES}{ON_THE_PATH}USER 65532\nCMD ["sleep", "1000"]\n'
    )
    machine.run(f"docker build --tag yours {folder}")
    private_engine.docker("tag", private_engine.busybox, "busybox")
    return machine


@pytest.fixture
def place(machine: Place) -> Iterator[Place]:
    """The same, before and after a test without the containers and the volume that pages name."""
    clear(machine.engine)
    yield machine
    clear(machine.engine)


def clear(engine: Engine) -> None:
    """Remove them, where they are there."""
    containers = engine.docker("ps", "--all", "--quiet", "--filter", "name=^(shop|fill)$")
    if containers:
        engine.docker("rm", "--force", "--volumes", *containers.split())
    engine.docker("volume", "rm", "--force", "selfinspect")


def test_the_five_lines_and_pythons_own_work_as_they_stand(engine: Engine, tmp_path: Path) -> None:
    """In an image of another user, with a CMD of its own; `docker exec NAME selfinspect`, too."""
    (tmp_path / "app.py").write_text(f"{PYTHON}\nprint(port, flush=True)\ninput()\n")
    lines = f"{FIVE_LINES}{ON_THE_PATH}".replace("from=selfinspect ", f"from={engine.image} ")
    (tmp_path / "Dockerfile").write_text(
        f'FROM {BASE}\n{lines}COPY app.py /\nUSER 65532\nCMD ["python3", "/app.py"]\n'
    )
    engine.docker("build", "--quiet", "--tag", "selfinspect-readme", tmp_path)
    app = engine.start("--interactive", "--publish", "8080", image="selfinspect-readme")
    until(app.logs, "the app's first words")
    port = engine.docker("port", app.id, "8080/tcp").rpartition(":")[2].strip()
    assert app.logs() == port
    assert app.exec("selfinspect", "show", "ports/8080/tcp") == port
    assert "fail" not in app.exec("selfinspect", "doctor")


@pytest.mark.slow
def test_every_command_does_what_it_says(place: Place) -> None:
    """README's lines in order, then those of help, with one container after the other."""
    inside = [each for each in EVERY if each.remark == IN_THE_CONTAINER]
    _, start, *others = [each for each in EVERY if each.remark != IN_THE_CONTAINER]
    assert "identity" in place.run(start.text)
    published = place.run("docker port shop 8080/tcp").splitlines()[0].rpartition(":")[2]
    asked = ("docker", "exec", "shop", "python3", "-c", f"{PYTHON}\nprint(port)")
    assert place.run(shlex.join(asked)) == published

    printed = [place.engine.docker("exec", "shop", "sh", "-ec", each.text) for each in inside]
    assert printed[0] == "shop"
    assert not [each for each in printed if "urn:selfinspect:problem" in each]
    shell = ("run", "--rm", "--entrypoint", "sh", "yours", "-c", inside[0].text)
    assert re.fullmatch(r"[0-9a-f]{12}", place.engine.docker(*shell)), "without an agent"

    [session] = [each.text for each in blocks(README) if each.language == "console"]
    for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE):
        printed_lines = iter(shape(place.run(command)))
        assert [line for line in shape(shown) if line not in printed_lines] in ([], ["…"])

    opened = place.run(others[0].text).splitlines()
    address, token = opened[-2:]
    assert address == "http://localhost:10310/"
    assert "<title>" in place.run(f"curl --silent --fail {address}")
    bearer = f"--header 'Authorization: Bearer {token}'"
    assert place.run(f"curl --silent --fail {bearer} {address}v1/self/name") == "shop"
    *_, last = [place.run(each.text) for each in others[1:]]
    assert last == place.run("docker exec shop hostname")


@pytest.mark.slow
def test_the_page_opens_under_compose(place: Place, tmp_path: Path) -> None:
    """With the lines of `help page`, and the token it names."""
    [compose, stack] = [each.text for each in blocks(PAGE) if each.language == "yaml"]
    for name, text in (("compose.yaml", compose), ("stack.yaml", stack)):
        (tmp_path / name).write_text(text)
        place.run(f"docker-compose --file {tmp_path / name} config --quiet")
    project = f"docker-compose --project-name t{os.getpid()} --file {tmp_path / 'compose.yaml'}"
    place.run(f"{project} up --detach")
    try:
        token = place.run(
            f"{project} exec -T shop selfinspect wait\n"
            f"{project} exec -T shop cat /run/selfinspect/token"
        )
        bearer = f"--header 'Authorization: Bearer {token}'"
        address = "http://localhost:10310/v1/self/hostname"
        assert place.run(f"curl --silent --fail {bearer} {address}")
    finally:
        place.run(f"{project} down")


def shape(shown: str) -> list[str]:
    """What does not change from one container to the next: no ID, no number, no width."""
    text = re.sub(r"\b[0-9a-f]{12,64}\b", "ID", shown)
    return [" ".join(re.sub(r"\d+", "N", line).split()) for line in text.splitlines()]
