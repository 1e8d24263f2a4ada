from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME = ROOT / "deploy" / "constraints.txt"
BUILD = ROOT / "deploy" / "build-constraints.txt"
TESTS = ROOT / "tests" / "constraints.txt"
FILES = pytest.mark.parametrize("file", [RUNTIME, BUILD, TESTS], ids=lambda file: file.name)

# A pin, its hashes and the comment that says who asked for it.
PIN = re.compile(r"^(\S+)==(\S+)((?: \\\n +--hash=\S+)*)\n((?: +#.*\n)*)", re.MULTILINE)


def pins(file: Path) -> dict[str, str]:
    return {name: version for name, version, _, _ in PIN.findall(file.read_text())}


def asked_for_by_the_project(file: Path) -> set[str]:
    """The names of the pins that stand in pyproject.toml, not only below one of those."""
    found = PIN.findall(file.read_text())
    return {name for name, _, _, via in found if "selfinspect (pyproject.toml" in via}


def required(*tables: list[str]) -> dict[str, Requirement]:
    requirements = [Requirement(text) for table in tables for text in table]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


RUNTIME_NEEDS: list[str] = PROJECT["project"]["dependencies"]
BUILD_NEEDS: list[str] = PROJECT["build-system"]["requires"]
TEST_NEEDS: list[str] = PROJECT["project"]["optional-dependencies"]["test"]


@pytest.mark.parametrize(
    ("file", "needs"),
    [
        (RUNTIME, required(RUNTIME_NEEDS)),
        (BUILD, required(BUILD_NEEDS)),
        (TESTS, required(RUNTIME_NEEDS, BUILD_NEEDS, TEST_NEEDS)),
    ],
    ids=["runtime", "build", "tests"],
)
def test_pins_answer_the_requirements(file: Path, needs: dict[str, Requirement]) -> None:
    """Exactly what pyproject.toml asks for is pinned, at versions it accepts."""
    assert asked_for_by_the_project(file) == set(needs)
    versions = pins(file)
    assert [name for name in needs if versions[name] not in needs[name].specifier] == []


@FILES
def test_every_line_belongs_to_a_pin_with_a_sha256(file: Path) -> None:
    """Nothing is installed unless its content is known; there are no options in the files."""
    text = file.read_text()
    assert re.sub(r"^#.*\n", "", PIN.sub("", text), flags=re.MULTILINE) == ""
    hashes = [re.findall(r"--hash=(\S+)", block) for _, _, block, _ in PIN.findall(text)]
    assert all(found for found in hashes)
    assert all(re.fullmatch("sha256:[0-9a-f]{64}", one) for found in hashes for one in found)


def test_tests_run_against_the_versions_that_are_shipped() -> None:
    """The pins of the tests hold every pin of the image."""
    assert pins(RUNTIME).items() | pins(BUILD).items() <= pins(TESTS).items()


@FILES
def test_pins_name_no_registry_and_no_machine(file: Path) -> None:
    """The files fit any mirror: no address and no absolute path stands in them."""
    assert re.findall(r"\w+://\S+|(?<=[\s=])/\S+|\S*index\.\S*", file.read_text()) == []


@FILES
def test_pins_say_how_they_are_made(file: Path) -> None:
    """The head of each file gives the command that makes it again."""
    command = rf"^# +pip-compile .*--output-file={file.relative_to(ROOT)} .*pyproject.toml$"
    assert re.search(command, file.read_text(), flags=re.MULTILINE)


SCRIPTS = [ROOT / "Dockerfile", *ROOT.glob("deploy/**/*"), *ROOT.glob("examples/**/*")]
INSTALLERS = [ROOT / "tests" / "run.sh", *ROOT.glob("tests/engine/*.py"), *SCRIPTS]


def test_a_lock_is_installed_without_its_packages_asking_for_more() -> None:
    """A package wanted with an extra counts as unpinned once it has a newer release.

    So `--no-deps` stands in every command in which `--require-hashes` does: the locks are full.
    """
    texts = [file.read_text() for file in INSTALLERS if file.is_file() and file.suffix != ".pyc"]
    commands = re.findall(r".{0,120}--require-hashes.{0,40}", "\0".join(texts), re.DOTALL)
    assert len(commands) >= 6
    assert [command for command in commands if "--no-deps" not in command] == []


@pytest.mark.parametrize(
    "file",
    # The image's build installs the second, run.sh the third.
    [RUNTIME, *(pytest.param(each, marks=pytest.mark.slow) for each in (BUILD, TESTS))],
    ids=lambda file: file.name,
)
def test_a_lock_fills_an_empty_environment(file: Path, tmp_path: Path) -> None:
    """Nothing but the lock is needed, and nothing in it misses another package."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    locked = ["--no-deps", "--require-hashes", "--requirement", str(file)]
    subprocess.run([*pip, "install", "--quiet", *locked], check=True)
    checked = subprocess.run([*pip, "check"], capture_output=True, text=True, check=False)
    assert checked.stdout.strip() == "No broken requirements found."
