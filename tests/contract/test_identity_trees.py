"""`id --root` over the files of real containers, where no engine can help."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import sequence, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.model import Json

FIXTURES = Path(__file__).parents[1] / "fixtures"
TREES = FIXTURES / "identity"
TRAPS = FIXTURES / "identity-traps"
OURS = "a1b2c3d4" * 8
THEIRS = "b0b1b2b3" * 8
CREATED = 1_700_000_000
LEVELS: Mapping[str, str | None] = {
    "host-plain": "observed",
    "host-network-of-another": "observed",
    "host-host-tree": "observed",
    "host-nested": "observed",
    "private-plain": "assumed",
    "private-pid-of-another": "assumed",
    "private-host-tree": "assumed",
    "private-nested": "assumed",
    "private-network-of-another": None,
    "private-hostname-of-another": "assumed",
    "private-all-of-another": None,
}
RECORDED = sorted(tree.name for tree in TREES.iterdir() if tree.is_dir())


def look(root: Path, **environ: str) -> tuple[int, Json]:
    """The exit code and the document of `id --json`."""
    done = subprocess.run(
        [sys.executable, "-m", "selfinspect", "id", "--json", "--engine", "off", "--root", root],
        capture_output=True, text=True, check=False, env=os.environ | environ,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout)


def copied(tree: str, folder: Path) -> Path:
    """A recorded tree with the files whose age counts.

    An engine makes `/.dockerenv` when it creates a container and writes the others before each
    start: those of another's network are the older ones.
    """
    root = folder / tree
    shutil.copytree(TREES / tree, root)
    others = "network-of" in tree or "all-of" in tree
    (root / "etc").mkdir()
    for name, moment in (
        (".dockerenv", CREATED),
        *((f"etc/{name}", CREATED + (-60 if others else 1))
          for name in ("hostname", "hosts", "resolv.conf")),
    ):  # fmt: skip
        (root / name).touch()
        os.utime(root / name, (moment, moment))
    return root


@pytest.mark.parametrize("tree", RECORDED)
def test_recorded_files_give_the_right_id_or_none(tree: str, tmp_path: Path) -> None:
    """Only ours, at the level that the evidence bears, or exit 3 with the reason."""
    code, document = look(copied(tree, tmp_path))
    level = LEVELS[tree.partition("-")[2]]
    assert text(document, "level") == level
    if level:
        assert (code, text(document, "id")) == (3 if level == "assumed" else 0, OURS)
    else:
        assert (code, text(document, "id")) == (3, None)
        assert text(document, "reason")


Answer = tuple[str | None, str | None]
NONE: Answer = (None, None)
ANSWERS: Mapping[str, tuple[Answer, ...]] = {
    "buildah-inside-docker": (NONE,),
    "clock-stepped-forward": ((OURS, "assumed"),),
    "compose-start-order": ((THEIRS, "assumed"), NONE),
    "crio-pod-cgroup-v1": ((OURS, "observed"),),
    "crio-pod-without-secrets": (NONE,),
    "engine-inside-a-pod": ((OURS, "assumed"),),
    "hostname-file-rewritten": ((OURS, "assumed"),),
    "job-cgroup-named-by-digest": (NONE, (OURS, "observed")),
    "one-unknown-segment-below-docker": ((THEIRS, "assumed"), NONE),
    "run-of-the-machine-mounted": ((OURS, "assumed"), NONE),
    "runc-scope-inside-docker": (NONE,),
    "stale-short-hostname": ((OURS, "assumed"),),
}


@pytest.fixture
def traps(tmp_path: Path) -> Path:
    """The trees that misled others, with the times that count."""
    shutil.copytree(TRAPS, tmp_path / "traps")
    for name, moment in json.loads((TRAPS / "times.json").read_text()).items():
        os.utime(tmp_path / "traps" / name, ns=(moment, moment))
    return tmp_path / "traps"


def test_each_trap_has_its_answers() -> None:
    """A tree that nothing is asked about tests nothing."""
    assert sorted(ANSWERS) == sorted(tree.name for tree in TRAPS.iterdir() if tree.is_dir())


@pytest.mark.parametrize("tree", ANSWERS)
def test_a_trap_gives_the_right_id_or_none(tree: str, traps: Path) -> None:
    """What is only assumed is shown, and exits like no identity at all."""
    code, document = look(traps / tree)
    answer = text(document, "id"), text(document, "level")
    assert answer in ANSWERS[tree]
    assert code == (0 if answer[1] == "observed" else 3)
    assert text(document, "reason")


@pytest.mark.parametrize("form", [[], ["--short"]])
def test_an_assumed_id_is_not_printed_for_a_script(traps: Path, form: list[str]) -> None:
    """Nothing on standard output, the reason on standard error; --assume prints it."""
    root = traps / "stale-short-hostname"
    here = ["--engine", "off", "--root", str(root)]
    verb = [sys.executable, "-m", "selfinspect", "id", *form, *here]
    done = subprocess.run(verb, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert "only assumed" in done.stderr
    assert "--assume" in done.stderr
    environ = os.environ | {"SELFINSPECT_ASSUME": "1"}
    used = subprocess.run(verb, capture_output=True, text=True, check=False, env=environ)
    assert (used.returncode, used.stdout) == (0, f"{OURS[:12] if form else OURS}\n")


def test_an_assumed_id_that_is_used_still_reads_assumed(traps: Path) -> None:
    """What --assume changes is what it is good for, not how sure it is."""
    code, document = look(traps / "stale-short-hostname", SELFINSPECT_ASSUME="1")
    assert (code, text(document, "id"), text(document, "level")) == (0, OURS, "assumed")


@pytest.mark.parametrize("tree", ["v1-host-nested", "v2-private-network-of-another"])
def test_any_file_may_be_missing(tree: str, tmp_path: Path) -> None:
    """Less evidence never makes it another's ID; none at all is none."""
    root = copied(tree, tmp_path)
    for name in ("proc/1", "proc/self/cgroup", "proc/self/mountinfo"):
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        code, document = look(root)
        assert text(document, "id") in (OURS, None)
        assert code == (0 if text(document, "level") == "observed" else 3)
    shutil.rmtree(root)
    root.mkdir()
    code, document = look(root)
    assert (code, sequence(document, "candidates")) == (3, [])


def test_of_the_environment_what_only_ecs_sets_counts(tmp_path: Path) -> None:
    """HOSTNAME is the name of where the command runs, which is not where the files are from."""
    name = f"{'0123456789abcdef' * 2}-2531612879"
    ecs = f"http://169.254.170.2/v4/{name}"
    code, document = look(tmp_path, HOSTNAME=OURS, ECS_CONTAINER_METADATA_URI_V4=ecs)
    assert (code, text(document, "id"), text(document, "level")) == (0, name, "observed")
    assert look(tmp_path, HOSTNAME=OURS)[0] == 3


def test_a_fifo_in_a_files_place_holds_nobody_up(tmp_path: Path) -> None:
    """Nor a folder, a loop of links or an endless file; the other files say what they do."""
    root = copied("v2-host-plain", tmp_path)
    (root / "proc/self/mountinfo").unlink()
    os.mkfifo(root / "proc/self/mountinfo")
    (root / "proc/1/cgroup").unlink()
    (root / "proc/1/cgroup").mkdir()
    (root / "proc/stat").symlink_to("stat")
    (root / "proc/1/stat").symlink_to("/dev/zero")
    code, document = look(root)
    assert (code, text(document, "id"), text(document, "level")) == (0, OURS, "observed")
