"""What a release is made of: the same bytes wherever it is built, each package named."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

import selfinspect
from tests.unit.test_packaging import ROOT, RUNTIME, pins

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)  # pip builds a wheel, twice

SOURCES = ("LICENSE", "README.md", "pyproject.toml", "deploy", "selfinspect", "wheelhouse")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def release(root: Path, *arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    """One step of a release, from a checkout."""
    command = [str(root / "deploy" / "release.sh"), *map(str, arguments)]
    environ = os.environ | {"SOURCE_DATE_EPOCH": "1790000000"} | environ
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def built(root: Path, out: Path, **environ: str) -> Mapping[str, bytes]:
    """The files that a release holds, but for the images."""
    for step in ("wheel", "pyz", "sbom", "checksums"):
        done = release(root, step, out, **environ)
        assert done.returncode == 0, done.stderr
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """Those of this checkout."""
    return built(ROOT, tmp_path_factory.mktemp("release"))


def test_a_release_is_the_same_wherever_it_is_built(
    files: Mapping[str, bytes], tmp_path: Path
) -> None:
    """Another folder, file order, times, umask, time zone and locale: equal bytes."""
    copy = tmp_path / "elsewhere"
    for path in sorted((path for name in SOURCES for path in walk(ROOT / name)), reverse=True):
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        target.chmod(path.stat().st_mode & 0o700)
        os.utime(target, (1_000_000_000, 1_000_000_000))
    old = os.umask(0o077)
    try:
        again = built(copy, tmp_path / "out", TZ="Pacific/Apia", LC_ALL="tr_TR.UTF-8")
    finally:
        os.umask(old)
    assert {name for name in files if files[name] != again[name]} == set()


def walk(path: Path) -> list[Path]:
    """The files of a checkout below a path."""
    found = path.rglob("*") if path.is_dir() else [path]
    return [each for each in found if each.is_file() and each.suffix != ".pyc"]


def test_the_wheel_is_small(files: Mapping[str, bytes]) -> None:
    """600 kB, its help and the page's charts included."""
    [wheel] = [content for name, content in files.items() if name.endswith(".whl")]
    assert len(wheel) <= 600_000


def test_the_list_of_packages_has_what_is_pinned(files: Mapping[str, bytes]) -> None:
    """Each with its version and the hash that pip checked; uPlot, which is no package, too."""
    document = json.loads(files[f"selfinspect-{selfinspect.__version__}.cdx.json"])
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.5")
    components = document["components"]
    named = {str(each["name"]): str(each["version"]) for each in components}
    assert named.items() >= pins(RUNTIME).items()
    assert set(named) - set(pins(RUNTIME)) == {"uplot"}
    pinned = RUNTIME.read_text()
    for each in components:
        purl = f"{each['name']}@{each['version']}"
        assert str(each["purl"]).endswith(f"/{purl}")
        assert each["name"] == "uplot" or each["hashes"][0]["content"] in pinned, purl


def test_the_checksums_are_of_all_files(files: Mapping[str, bytes]) -> None:
    """As `sha256sum --check` reads them."""
    lines = (line.split("  ") for line in files["SHA256SUMS"].decode().splitlines())
    sums = {name: digest for digest, name in lines}
    assert sums == {
        name: hashlib.sha256(content).hexdigest()
        for name, content in files.items()
        if name != "SHA256SUMS"
    }


def test_a_tag_of_another_version_is_refused() -> None:
    """In one line that has both."""
    done = release(ROOT, "version", TAG="v9.9.9")
    assert done.returncode == 1
    assert "v9.9.9" in done.stderr
    assert f"v{selfinspect.__version__}" in done.stderr
    right = release(ROOT, "version", TAG=f"v{selfinspect.__version__}")
    assert right.stdout == f"{selfinspect.__version__}\n"


@pytest.mark.parametrize("arguments", [(), ("wheel",), ("whel", "out"), ("version", "a", "b")])
def test_an_unknown_step_is_a_usage_error(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Nothing is built."""
    named = [tmp_path / word if word == "out" else word for word in arguments]
    done = release(ROOT, *named)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: release.sh")


def test_the_version_stands_in_one_place() -> None:
    """Where flit, the images' label and `openapi.json` take it from."""
    tracked = subprocess.run(
        ["git", "grep", "--files-with-matches", "--fixed-strings", selfinspect.__version__, "--",
         "*.py", "*.toml", "*.sh", "*ockerfile", "*.yml", "*.yaml", ":!tests"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert tracked.split() == ["selfinspect/__init__.py"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_runs_scripts_of_the_checkout(file: Path) -> None:
    """With the steps that the tests run here; nothing is written in the workflow alone."""
    for job in yaml.safe_load(file.read_text())["jobs"].values():
        for step in job["steps"]:
            for line in step.get("run", "").splitlines():
                script, _, arguments = line.partition(" ")
                assert os.access(ROOT / script, os.X_OK), line
                if script == "deploy/release.sh":
                    assert re.search(rf"^  {arguments.split()[0]}\)", SCRIPT, re.MULTILINE), line


SCRIPT = (ROOT / "deploy" / "release.sh").read_text()


@pytest.mark.parametrize("file", FORMS, ids=lambda file: file.name)
def test_an_issue_form_asks_for_what_is_needed(file: Path) -> None:
    """Each has a name and fields with identifiers of their own; a fault needs what doctor says."""
    form = yaml.safe_load(file.read_text())
    if file.name == "config.yml":
        assert form["blank_issues_enabled"] is False
        return
    assert {"name", "description", "body"} <= set(form)
    fields = [each["id"] for each in form["body"] if each["type"] != "markdown"]
    assert len(set(fields)) == len(fields) > 0
    if file.name == "fault.yml":
        assert {"version", "doctor", "engine"} <= set(fields)
