"""Real containers that no engine is there to ask: what the kernel alone says of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import text
from tests.engine.conftest import Container, sh, until
from tests.engine.identity.conftest import documents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selfinspect.model import Json
    from tests.engine.conftest import Engine

pytestmark = pytest.mark.engine

TOLD = "echo told:${SELFINSPECT_CONTAINER_ID-none}; exec sleep 1000000"
SUPERVISED = (
    "run", "--engine", "off", "--listen", "127.0.0.1:0", "--metrics-listen", "off",
    "--export-env", "--wait", "5m",
)  # fmt: skip


def told(container: Container) -> str:
    """What the command of its last run was told about its ID."""
    lines = [line for line in container.logs().splitlines() if line.startswith("told:")]
    return lines[-1].removeprefix("told:") if lines else ""


def exit_of(container: Container, *words: str) -> tuple[int, str]:
    """The exit code and the standard output of `selfinspect id` in it."""
    script = 'out=$(selfinspect id --engine off "$@" 2>/dev/null); echo "$?"; echo "$out"'
    code, _, out = container.exec("sh", "-c", script, "sh", *words).partition("\n")
    return int(code), out


@pytest.fixture
def composed(engine: Engine) -> tuple[Container, Container]:
    """An app and a sidecar in its network, created together and then started, as Compose does."""
    app = engine.docker("create", engine.busybox, "sleep", "1000000")
    engine.started.append(app)
    sidecar = engine.docker(
        "create", "--cgroupns", "private", "--network", f"container:{app}", engine.image,
        *SUPERVISED, "--", "sh", "-c", TOLD,
    )  # fmt: skip
    engine.started.insert(0, sidecar)
    return Container(engine, app), Container(engine, sidecar)


def test_in_composes_own_order_the_neighbours_id_acts_nowhere(
    engine: Engine, composed: tuple[Container, Container]
) -> None:
    """All that it sees names the app, also once both were stopped and started: it is assumed."""
    app, sidecar = composed
    for _ in range(2):
        engine.docker("start", app.id)
        engine.docker("start", sidecar.id)
        until(lambda: told(sidecar), "the command starts")
        assert told(sidecar) == "none"
        document = json.loads(exit_of(sidecar, "--json")[1])
        assert text(document, "id") in (app.id, None)
        assert text(document, "level") in ("assumed", None)
        assert exit_of(sidecar) == exit_of(sidecar, "--short") == (3, "")
        assert exit_of(sidecar, "--json")[0] == 3
        engine.docker("stop", "--time", "1", sidecar.id, app.id)


def test_an_assumed_id_of_a_plain_container_is_its_own(engine: Engine) -> None:
    """The usual case: whoever knows that nothing is shared says so, and CMD is told."""
    words = (*SUPERVISED, "--assume", "--", "sh", "-c", TOLD)
    container = engine.start_plain("--cgroupns", "private", command=words)
    until(lambda: told(container), "the command starts")
    assert told(container) == container.id
    assert exit_of(container) == (3, "")
    assert exit_of(container, "--assume") == (0, container.id)
    assert exit_of(container, "--assume", "--short") == (0, container.id[:12])


RUNTIME = """
for mount in /sys/fs/cgroup /sys/fs/cgroup/*; do mount -o remount,bind,rw $mount $mount; done
ln -s usr/lib /lib; ln -s usr/lib64 /lib64
export PATH=/usr/sbin:/usr/bin:/bin
cd /bundle
exec runc --root /tmp/runc run {options} {name}
"""
CONTAINER = (
    "--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE", "--security-opt", "seccomp=unconfined",
    "--security-opt", "apparmor=unconfined", "--security-opt", "systempaths=unconfined",
    "--volume", "/usr:/usr:ro", "--cgroupns", "host",
)  # fmt: skip


@pytest.fixture(scope="module")
def bundle(private_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A bundle of runc's whose root is the agent's image, and which looks at itself."""
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "rootfs").mkdir()
    made = private_engine.docker("create", private_engine.image)
    sh("bash", "-o", "pipefail", "-c",
       f"docker --host {private_engine.url} export {made} | tar -x -C {folder}/rootfs")  # fmt: skip
    private_engine.docker("rm", made)
    sh("runc", "spec", "--bundle", folder)
    spec = json.loads((folder / "config.json").read_text())
    program = "/opt/selfinspect/bin/selfinspect"
    if not (folder / "rootfs" / program.lstrip("/")).exists():
        [found] = [path for path in (folder / "rootfs").rglob("bin/selfinspect") if path.is_file()][
            :1
        ]
        program = f"/{found.relative_to(folder / 'rootfs')}"
    script = f"{program} id --json --engine off; true"
    spec["process"] |= {"terminal": False, "args": ["sh", "-c", script], "rlimits": []}
    spec["root"]["readonly"] = False
    spec["mounts"] = [one for one in spec["mounts"] if one["destination"] != "/dev/mqueue"]
    (folder / "config.json").write_text(json.dumps(spec))
    yield folder
    sh("rm", "--recursive", "--force", folder / "rootfs")


def look(engine: Engine, bundle: Path, name: str, *options: str) -> tuple[str, Json]:
    """The ID of the outer container, and what runc's container in it says of itself."""
    cidfile = bundle / "cid"
    cidfile.unlink(missing_ok=True)
    script = RUNTIME.format(name=name, options=" ".join(options))
    printed = engine.docker(
        "run", "--rm", "--cidfile", cidfile, *CONTAINER, "--volume", f"{bundle}:/bundle",
        engine.busybox, "/bin/sh", "-c", script,
    )  # fmt: skip
    [document] = documents(printed)
    return cidfile.read_text(), document


@pytest.mark.parametrize("engine", ["v1"], indirect=True)
@pytest.mark.parametrize("name", ["web", "runc-web", "b0" * 32])
def test_runc_in_a_container_is_not_that_container(engine: Engine, bundle: Path, name: str) -> None:
    """Its cgroup lies below the outer one's: at most assumed, and never used."""
    outer, document = look(engine, bundle, name)
    assert text(document, "id") in (outer, None)
    assert text(document, "level") in ("assumed", None)
