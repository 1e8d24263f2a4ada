from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.engine.conftest import Engine, sh

pytestmark = [pytest.mark.engine, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64", "any")


@pytest.fixture
def trixie(engine: Engine) -> str:
    """The base image of Debian's next suite, with its Python."""
    script = ROOT / "deploy" / "local-engine.sh"
    return sh(script, "base-image", "--suite", "trixie", "--dir", engine.home)


def test_the_image_works_on_a_newer_suite(engine: Engine, trixie: str) -> None:
    """Built on that suite's Python, the agent knows itself there too."""
    python = f"PYTHON_IMAGE={trixie}"
    image = engine.docker("build", "--quiet", "--build-arg", python, ROOT)
    app = engine.start(image=image).ready()
    assert app.curl("/v1/self/id") == app.id
    assert app.exec("python3", "--version") > f"Python {sys.version_info.major}.11"


@pytest.mark.timeout(3600)
def test_the_unit_tests_pass_on_a_newer_python(engine: Engine, trixie: str, tmp_path: Path) -> None:
    """The whole unit suite, with the same pins, on that suite's Python."""
    sh(
        sys.executable, "-m", "pip", "download", "--quiet", "--dest", tmp_path / "wheels",
        "--no-deps", "--require-hashes", "--requirement", ROOT / "tests" / "constraints.txt",
        "--only-binary", ":all:", "--python-version", "3.13",
        *(word for platform in PLATFORMS for word in ("--platform", platform)),
    )  # fmt: skip
    ignored = shutil.ignore_patterns(".git", ".*cache*", ".venv", "wheelhouse")
    shutil.copytree(ROOT, tmp_path / "source", symlinks=True, ignore=ignored)
    ran = engine.docker(
        "run", "--rm", "--network", "host", "--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN",
        "--security-opt", "seccomp=unconfined", "--volume", f"{tmp_path}:/work",
        "--workdir", "/work/source",
        trixie, "sh", "-ec",
        "python3 -m venv /venv;"
        " /venv/bin/pip install --quiet --no-index --find-links /work/wheels --no-deps"
        " --require-hashes -r tests/constraints.txt;"
        " /venv/bin/pip install --quiet --no-index --no-deps --no-build-isolation .;"
        " /venv/bin/python -m pytest tests/unit -q -p no:cacheprovider"
        # The image has neither promtool nor ip, and in the container are no index and no cgroup to
        # make another in.
        " --ignore tests/unit/deploy --ignore tests/unit/engine/test_changes.py"
        " --ignore tests/unit/kernel/test_network.py"
        " --deselect tests/unit/test_packaging.py::test_a_lock_fills_an_empty_environment"
        " --deselect tests/unit/agent/test_shortage.py::test_a_change_is_noticed_without_asking"
        " --deselect tests/unit/agent/test_shortage.py::test_the_counts",
    )  # fmt: skip
    assert " passed" in ran.splitlines()[-1]
