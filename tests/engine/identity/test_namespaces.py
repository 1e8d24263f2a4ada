from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.identity.conftest import KERNEL, WAYS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.engine.identity.conftest import Bench, Looks

pytestmark = pytest.mark.engine

STARTS: Mapping[str, str] = {
    "plain": "",
    "any hostname": "--hostname web",
    "a neighbour's short ID as hostname": "--hostname {short}",
    "a neighbour's network": "--network container:{id}",
    "the host's network": "--network host",
    "no network": "--network none",
    "a neighbour's processes": "--pid container:{id}",
    "the host's processes": "--pid host",
    "a neighbour's shared memory": "--ipc container:{id}",
    "the host's UTS namespace": "--uts host",
    "all of a neighbour's namespaces": (
        "--network container:{id} --pid container:{id} --ipc container:{id}"
    ),
    "all of the host's namespaces": "--network host --pid host --ipc host --uts host --privileged",
    "an own /etc/hostname": "--volume {files}/hostname:/etc/hostname",
    "a neighbour's /etc": (
        "--volume {folder}/hostname:/etc/hostname --volume {folder}/hosts:/etc/hosts"
        " --volume {folder}/resolv.conf:/etc/resolv.conf --hostname {short}"
    ),
    "the host's / at /host": "--volume /:/host:ro",
    "a neighbour's log": "--volume {folder}/{id}-json.log:/var/log/neighbour.log",
    "a neighbour's folder": "--volume {folder}:/run/secrets --volume {folder}:/run/.containerenv",
    "another's volume": "--volumes-from {keeper}",
    "a volume of its own": "--volume /data",
    "a cgroup below a neighbour's": "--cgroup-parent /docker/{id}",
    "a stale HOSTNAME": "--env HOSTNAME={short}",
    "read-only": "--read-only",
    "nobody": "--user 65534 --cap-drop ALL",
}


OF_OTHERS = frozenset(
    {
        "a neighbour's processes",
        "the host's processes",
        "all of a neighbour's namespaces",
        "all of the host's namespaces",
    }
)
"""PID 1 is not ours there: what we have at `/` needs a second witness, our cgroup or the nonce."""


def expected(start: str, cgroupns: str) -> dict[str, str]:
    """The method of each way that has one."""
    if start in OF_OTHERS and cgroupns == "private":
        return dict.fromkeys(WAYS, "nonce")
    stamp = "nonce" if "volume" in start else "stamp"
    return {"layer": "layer", "stamp": stamp, "nonce": "nonce", "none": ""}


HARD = (
    "plain",
    "a neighbour's short ID as hostname",
    "a neighbour's network",
    "all of a neighbour's namespaces",
    "all of the host's namespaces",
    "a neighbour's /etc",
)


def look(bench: Bench, start: str, cgroupns: str, files: Path, *ways: str) -> Looks:
    neighbour = bench.neighbour.id
    (files / "hostname").write_text(f"{neighbour[:12]}\n")
    folder = bench.engine.home / "data" / "containers" / neighbour
    options = STARTS[start].format(
        id=neighbour, short=neighbour[:12], keeper=bench.keeper, folder=folder, files=files
    )
    return bench.look_in_time("--cgroupns", cgroupns, *options.split(), ways=ways)


@pytest.mark.parametrize(
    ("start", "cgroupns"),
    [
        pytest.param(start, cgroupns, marks=() if brief else pytest.mark.slow)
        for start in STARTS
        for cgroupns, brief in (("private", True), ("host", start in HARD))
    ],
)
def test_it_is_proven_however_it_was_started(
    bench: Bench, start: str, cgroupns: str, tmp_path: Path
) -> None:
    """With an engine the right ID is proven; without one it is right or refused."""
    looks = look(bench, start, cgroupns, tmp_path, "layer", KERNEL)
    assert looks.wrong() == {}
    assert looks.levels()["layer"] == "proven"


@pytest.mark.parametrize("start", HARD)
def test_each_proof_alone_is_enough(bench: Bench, start: str, tmp_path: Path) -> None:
    """The layer; without it the stamp; without that the nonce; with none, right or refused."""
    looks = look(bench, start, "private", tmp_path, *WAYS)
    assert looks.wrong() == {}
    assert looks.methods() | {"none": ""} == expected(start, "private") | {"none": ""}
    assert looks.levels()["none"] in ("confirmed", None)


@pytest.mark.slow
@pytest.mark.parametrize("cgroupns", ["host", "private"])
@pytest.mark.parametrize("start", STARTS)
def test_each_proof_alone_is_enough_however_it_was_started(
    bench: Bench, start: str, cgroupns: str, tmp_path: Path
) -> None:
    """Where a volume forbids the stamp, the nonce takes its place."""
    looks = look(bench, start, cgroupns, tmp_path, *WAYS, KERNEL)
    assert looks.wrong() == {}
    assert [looks.levels()[way] for way in WAYS if way != "none"] == ["proven"] * 3
    methods = looks.methods() | {"none": "", KERNEL: ""}
    assert methods == expected(start, cgroupns) | {"none": "", KERNEL: ""}
