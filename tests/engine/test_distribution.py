"""The forms in which an image takes the agent: one file, and a folder with its own Python."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import selfinspect
from tests.engine.conftest import ROOT, Engine, until

pytestmark = pytest.mark.engine

MEBI = 2**20


@pytest.fixture(scope="module")
def pyz(private_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the agent's image offers."""
    file = tmp_path_factory.mktemp("pyz") / "selfinspect.pyz"
    container = private_engine.docker("create", private_engine.image)
    private_engine.docker("cp", f"{container}:/opt/selfinspect.pyz", file)
    private_engine.docker("rm", container)
    return file


def released(engine: Engine, step: str, out: Path) -> str:
    """The image that a step of a release builds; `out` has it as a file."""
    environ = {
        "DOCKER_HOST": engine.url,
        "DOCKER_BUILDKIT": "0",
        "PYTHON_IMAGE": "selfinspect-base:bookworm",
        "SOURCE_DATE_EPOCH": "1790000000",
    }
    script = ROOT / "deploy" / "release.sh"
    subprocess.run([script, step, out], env=os.environ | environ, check=True)
    name = {"image": "selfinspect", "standalone": "selfinspect-standalone"}[step]
    return f"{name}:{selfinspect.__version__}"


@pytest.fixture(scope="module")
def standalone(private_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image with the folder that has a Python of its own."""
    return released(private_engine, "standalone", tmp_path_factory.mktemp("standalone"))


@pytest.fixture(scope="module")
def without_python(private_engine: Engine, standalone: str) -> str:
    """An image of busybox and the folder, nothing else."""
    recipe = (
        f"FROM {private_engine.busybox}\n"
        f"COPY --from={standalone} /opt/selfinspect /opt/selfinspect\n"
        'ENTRYPOINT ["/opt/selfinspect/bin/selfinspect", "run", "--wait", "5m", "--"]\n'
    )
    built = subprocess.run(
        ["docker", "--host", private_engine.url, "build", "--quiet", "-"],
        input=recipe, text=True, capture_output=True, check=True,
    )  # fmt: skip
    return built.stdout.strip()


def test_the_file_runs_on_a_bare_python(engine: Engine, pyz: Path) -> None:
    """Read-only, as nobody, without a temporary folder: the identity is proven all the same."""
    app = engine.start(
        "--read-only", "--user", "65534", "--cap-drop", "ALL",
        "--volume", f"{pyz}:/selfinspect.pyz:ro",
        image="selfinspect-base:bookworm",
        command=("python3", "/selfinspect.pyz", "run", "--", "sleep", "1000"),
    )  # fmt: skip
    app.ready()
    assert app.curl("/v1/self/id") == app.id
    answered = json.loads(app.exec("/selfinspect.pyz", "id", "--json"))
    assert (answered["id"], answered["level"]) == (app.id, "proven")
    assert "## Trusted" in app.exec("/selfinspect.pyz", "help", "security")


def test_the_file_is_small(pyz: Path) -> None:
    """It goes into every image of a fleet."""
    assert pyz.stat().st_size < 3.5 * MEBI


def test_the_folder_runs_where_there_is_no_python(engine: Engine, without_python: str) -> None:
    """The agent, `run` and the command line, on an image of one static binary."""
    app = engine.start(image=without_python, command=("sh", "-c", "echo up; exec sleep 1000"))
    app.ready()
    until(lambda: "up" in app.logs(), "the command")
    assert app.curl("/v1/self/id") == app.id
    assert app.exec("/opt/selfinspect/bin/selfinspect", "id") == app.id
    assert "## Trusted" in app.exec("/opt/selfinspect/bin/selfinspect", "help", "security")
    with pytest.raises(AssertionError, match="python3"):
        app.exec("python3", "--version")


def test_what_the_image_preloads_is_for_the_command_alone(
    engine: Engine, without_python: str
) -> None:
    """A library that the folder's loader cannot load keeps neither agent nor command down."""
    # This one wants others of this machine's libraries.
    library = next(Path("/lib").glob("*/libpam.so.0")).resolve()
    app = engine.start(
        "--env", "LD_PRELOAD=/library.so", "--volume", f"{library}:/library.so:ro",
        image=without_python,
        command=("sh", "-c", "echo preloads $LD_PRELOAD; exec sleep 1000"),
    )  # fmt: skip
    assert app.ready().curl("/v1/self/id") == app.id
    until(lambda: app.logs().splitlines() == ["preloads /library.so"], "the command")


@pytest.mark.slow
def test_a_released_image_bears_the_agents_version(engine: Engine, standalone: str) -> None:
    """As `selfinspect version` says it, for both images."""
    said = engine.docker("run", "--rm", engine.image, "version")
    label = '{{index .Config.Labels "org.opencontainers.image.version"}}'
    with TemporaryDirectory() as folder:
        images = (standalone, released(engine, "image", Path(folder)))
        [file] = Path(folder).iterdir()
        assert file.name.startswith(f"selfinspect-{selfinspect.__version__}-linux-")
        assert images[1] in engine.docker("load", "--input", file)
    for image in images:
        labelled = engine.docker("image", "inspect", "--format", label, image)
        assert f"selfinspect {labelled}" == said


def test_an_image_with_the_agent_is_small(engine: Engine) -> None:
    """What the agent adds to the image it is built on."""
    base, own = (
        int(engine.docker("image", "inspect", "--format", "{{.Size}}", image))
        for image in ("selfinspect-base:bookworm", engine.image)
    )
    assert own - base < 30 * MEBI


def test_the_apps_python_settings_are_not_the_agents(engine: Engine) -> None:
    """An app's PYTHONPATH and PYTHONHOME neither shadow the agent's modules nor break it."""
    app = engine.start(
        "--env", "PYTHONPATH=/app", "--env", "PYTHONHOME=/nowhere", "--tmpfs", "/app",
        command=("run", "--", "sh", "-c", "echo broken > /app/click.py; exec sleep 1000"),
    )  # fmt: skip
    app.ready()
    assert app.exec("selfinspect", "id") == app.id
