"""Processes that show what is another container's: in its files, its mounts, under its name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import text
from tests.engine.conftest import Container, until
from tests.engine.identity.conftest import WAYS, Looks, documents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engine.conftest import Engine
    from tests.engine.identity.conftest import Bench

pytestmark = pytest.mark.engine

HERE = Path(__file__).parent
# Every capability of ours, and no more: a machine that is a virtual one may lack some.
ALMOST_PRIVILEGED = (
    "--cap-add ALL --cap-drop SYS_RESOURCE --security-opt seccomp=unconfined"
    " --security-opt apparmor=unconfined --security-opt systempaths=unconfined"
)
LOOK = "; ".join(f"selfinspect id --json --engine unix:///ways/{way}" for way in WAYS)
LOOK_THERE = LOOK.replace("selfinspect id", "enter selfinspect id")
"""The same where a shell's function `enter` runs commands."""


@dataclass(frozen=True)
class Victim:
    """A container with the agent in its image, which somebody else's process shall not be taken
    for.
    """

    container: Container
    merged: str

    @property
    def id(self) -> str:
        return self.container.id


@pytest.fixture
def victim(bench: Bench, engine: Engine) -> Iterator[Victim]:
    """It sleeps, and has the ways to the engine in it."""
    container = engine.start_plain(
        "--volume", f"{bench.sockets}:/ways", "--entrypoint", "sleep", command=("1000000",)
    )
    yield Victim(container, container.inspect("{{.GraphDriver.Data.MergedDir}}"))
    engine.remove_started()


def look(bench: Bench, script: str, *options: str) -> Looks:
    """What is answered in each way where a script in a new container says how to ask."""
    cidfile = bench.sockets / "cid"
    cidfile.unlink(missing_ok=True)
    printed = bench.engine.docker(
        "run", "--rm", "--cidfile", cidfile, *ALMOST_PRIVILEGED.split(),
        "--volume", f"{bench.sockets}:/ways", "--user", "0", *options,
        "--entrypoint", "sh", bench.engine.image, "-c", f"{script.strip()}; true",
    )  # fmt: skip
    return Looks(cidfile.read_text(), dict(zip(WAYS, documents(printed), strict=True)))


def never_another(looks: Looks) -> None:
    """Right or refused, and refused with a reason."""
    assert looks.wrong() == {}, json.dumps(looks.documents, indent=1)


CGROUPNS = pytest.mark.parametrize(
    "cgroupns", ["private", pytest.param("host", marks=pytest.mark.slow)]
)


@CGROUPNS
@pytest.mark.parametrize(
    "enter",
    [
        'chroot /victim "$@"',
        # As root file system of a mount namespace of its own: `/` is a mount like any container's.
        """unshare --mount sh -c 'cd /victim && pivot_root . mnt && exec "$@"' sh "$@" """,
    ],
    ids=["chroot", "pivot_root"],
)
def test_in_a_neighbours_merged_folder(
    bench: Bench, victim: Victim, enter: str, cgroupns: str
) -> None:
    """Layer and stamp are the neighbour's, which neither proves it nor disproves us."""
    mounts = "for one in proc sys ways; do mount --rbind /$one /victim/$one; done"
    script = f"{mounts}; enter() {{ {enter}; }}; {LOOK_THERE}"
    never_another(
        look(bench, script, "--cgroupns", cgroupns, "--volume", f"{victim.merged}:/victim")
    )


@CGROUPNS
@pytest.mark.parametrize("pids", ["host", "container:{id}"])
def test_in_a_neighbours_mount_namespace(
    bench: Bench, victim: Victim, pids: str, cgroupns: str
) -> None:
    """`nsenter --mount`: everything that mounts tell is the neighbour's."""
    pid = victim.container.pid if pids == "host" else 1
    script = f'enter() {{ nsenter --mount --target {pid} "$@"; }}; {LOOK_THERE}'
    options = ("--pid", pids.format(id=victim.id), "--cgroupns", cgroupns)
    never_another(look(bench, script, *options))


@CGROUPNS
def test_in_a_container_that_runc_starts_in_a_container(bench: Bench, cgroupns: str) -> None:
    """Its `/` is a folder of the outer one's layer: the outer one's row is not ours alone."""
    looks = look(
        bench, RUNC, "--cgroupns", cgroupns,
        "--volume", "/usr/sbin/runc:/usr/local/bin/runc:ro", "--env", f"SCRIPT={LOOK}",
    )  # fmt: skip
    answered = {way: text(document, "id") for way, document in looks.documents.items()}
    assert answered == dict.fromkeys(WAYS), json.dumps(looks.documents, indent=1)


RUNC = """
set -e
for mount in /sys/fs/cgroup /sys/fs/cgroup/*; do
  mount -o remount,bind,rw $mount $mount 2>/dev/null || true
done
mkdir -p /bundle/rootfs/etc && cd /bundle
for one in bin sbin lib lib64; do [ ! -L /$one ] || cp -P /$one rootfs/; done
cp -a /.dockerenv rootfs/
runc spec
python3 - <<'PYTHON'
import json, os
spec = json.load(open("config.json"))
spec["process"]["terminal"] = False
spec["process"]["args"] = ["sh", "-c", os.environ["SCRIPT"]]
spec["process"]["env"] = ["PATH=" + os.environ["PATH"]]
spec["process"].pop("rlimits", None)
spec["root"]["readonly"] = False
for folder in ("/usr", "/opt", "/etc", "/ways"):
    bind = {"destination": folder, "type": "bind", "source": folder, "options": ["rbind"]}
    spec["mounts"].append(bind)
json.dump(spec, open("config.json", "w"))
PYTHON
runc run web </dev/null || true
"""


@pytest.mark.parametrize("engine", ["v1"], indirect=True)
def test_a_neighbour_that_copies_every_name_is_never_taken_for_us(
    bench: Bench, engine: Engine
) -> None:
    """It reads the machine's `/proc`, and its network is ours; layer and stamp cannot be had."""
    copier = engine.start_plain(
        "--volume", "/proc:/host/proc:ro", "--volume", f"{HERE / 'copier.py'}:/copier.py:ro",
        "--user", "0", "--cap-add", "SYS_NICE", "--entrypoint", "python3",
        command=("-u", "/copier.py", "60"),
    )  # fmt: skip
    until(lambda: copier.inspect("{{.State.Running}}") == "true", "the copier")
    for _ in range(4):
        looks = bench.look(
            "--cgroupns", "private", "--network", f"container:{copier.id}", ways=("nonce",)
        )
        never_another(looks)
    copied = [line for line in copier.logs().splitlines() if line.startswith("si-")]
    assert copied, "the copier was never quick enough to matter"
