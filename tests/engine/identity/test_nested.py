"""Docker in Docker: an engine in a container, made of the machine's own programs."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import Engine, copy_image, sh, until
from tests.engine.identity.conftest import WAYS, make_bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.engine.identity.conftest import Bench

pytestmark = pytest.mark.engine

DAEMON = """
for mount in /sys/fs/cgroup /sys/fs/cgroup/*; do mount -o remount,bind,rw $mount $mount; done
ln -s usr/lib /lib; ln -s usr/lib64 /lib64; mkdir -p /run
export PATH=/usr/sbin:/usr/bin:/bin
exec dockerd --iptables=false --bridge=none --host "unix://$HOME/docker.sock" --pidfile /run/pid
"""
# Every capability of ours, and no more: a machine that is a virtual one may lack some.
ALMOST_PRIVILEGED = (
    "--cap-add ALL --cap-drop SYS_RESOURCE --security-opt seccomp=unconfined"
    " --security-opt apparmor=unconfined --security-opt systempaths=unconfined"
    " --volume /usr:/usr:ro --volume /etc/alternatives:/etc/alternatives:ro"
)
STARTS: Mapping[str, str] = {
    "plain": "",
    "the network of its engine": "--network host",
    "the processes of its engine": "--pid host",
    "a neighbour's namespaces": "--network container:{id} --pid container:{id}",
    "nothing with its name": (
        "--hostname web --volume /etc/hostname:/etc/hostname --volume /etc/hosts:/etc/hosts"
        " --volume /etc/resolv.conf:/etc/resolv.conf"
    ),
    "nothing with its name, and the processes of its engine": (
        "--hostname web --volume /etc/hostname:/etc/hostname --volume /etc/hosts:/etc/hosts"
        " --volume /etc/resolv.conf:/etc/resolv.conf --pid host"
    ),
}


@contextmanager
def nested(
    engine: Engine, outer: Bench, folder: Path, *options: str, storage: str = ""
) -> Iterator[tuple[Engine, ExitStack]]:
    """An engine in a container of another, with its images; what is on the stack ends before it."""
    inner = Engine(folder, engine.image, engine.busybox)
    (folder / "ways").mkdir()
    with ExitStack() as stack:
        container = engine.docker(
            "run", "--detach", *ALMOST_PRIVILEGED.split(), *options,
            "--volume", f"{folder}:{folder}", "--volume", f"{outer.sockets}:{outer.sockets}",
            "--env", f"HOME={folder}",
            engine.busybox, "/bin/sh", "-c", f"{DAEMON.strip()} {storage}",
        )  # fmt: skip
        stack.callback(engine.docker, "rm", "--force", "--volumes", container)
        until(
            lambda: sh("docker", "--host", inner.url, "version", check=False).count("Server"),
            "the inner engine",
        )
        yield inner, stack


@pytest.fixture(
    scope="module",
    params=[
        "",
        pytest.param("--cgroupns private", marks=pytest.mark.slow),
        pytest.param("--pid host", marks=pytest.mark.slow),
    ],
)
def nest(
    private_engine: Engine,
    benches: Callable[[Engine], Bench],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[tuple[Bench, Bench]]:
    """The bench of an engine, and that of one in a container of its."""
    outer = benches(private_engine)
    folder = tmp_path_factory.mktemp("nest")
    options = ("--volume", "/var/lib/docker", *request.param.split())
    with nested(private_engine, outer, folder, *options) as (inner, stack):
        for image in (inner.image, inner.busybox):
            copy_image(private_engine, inner, image)
        yield outer, make_bench(inner, folder / "ways", stack)


@pytest.fixture(scope="module")
def vfs_nest(
    private_engine: Engine,
    benches: Callable[[Engine], Bench],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Bench, Bench]]:
    """The same with the driver that inner engines take on an overlay, and no volume: its
    containers have a folder of the outer container's own layer as `/`.
    """
    outer, folder = benches(private_engine), tmp_path_factory.mktemp("vfs")
    with nested(private_engine, outer, folder, storage="--storage-driver=vfs") as (inner, stack):
        copy_image(private_engine, inner, inner.busybox)
        # Each of an image's layers is a whole copy there: one is enough.
        created = private_engine.docker("create", private_engine.image)
        sh(
            "bash", "-o", "pipefail", "-c",
            f"docker --host {private_engine.url} export {created}"
            f" | docker --host {inner.url} import --change 'USER 65532' - {inner.image}",
        )  # fmt: skip
        private_engine.docker("rm", created)
        yield outer, make_bench(inner, folder / "ways", stack)


@pytest.mark.parametrize(
    "start", ["plain", pytest.param("nothing with its name", marks=pytest.mark.slow)]
)
def test_the_outer_container_is_not_proven_by_its_layer(
    vfs_nest: tuple[Bench, Bench], start: str
) -> None:
    """Ours is a folder of it. The inner engine, which names no layer, proves by the nonce."""
    outer, inner = vfs_nest
    options = ("--cgroupns", "private", *STARTS[start].split())
    environ = ("--env", "PATH=/opt/selfinspect/bin:/usr/bin:/bin")
    looks = inner.look(*options, *environ)
    assert looks.wrong() == {}
    assert [looks.methods()[way] for way in WAYS if way != "none"] == ["nonce"] * 3
    looks = inner.look(*options, *environ, through=outer)
    assert looks.wrong() == {}
    assert {looks.levels()[way] for way in WAYS} <= {"observed", "assumed", None}


@pytest.mark.parametrize("cgroupns", [pytest.param("host", marks=pytest.mark.slow), "private"])
@pytest.mark.parametrize("start", STARTS)
def test_the_inner_engine_proves_and_the_outer_one_never_errs(
    nest: tuple[Bench, Bench], start: str, cgroupns: str
) -> None:
    """The outer engine lists our process among those of the container that we are nested in."""
    outer, inner = nest
    options = ["--cgroupns", cgroupns, *STARTS[start].format(id=inner.neighbour.id).split()]
    looks = inner.look(*options)
    assert looks.wrong() == {}
    assert [looks.levels()[way] for way in WAYS if way != "none"] == ["proven"] * 3
    looks = inner.look(*options, through=outer)
    assert looks.wrong() == {}
    assert {looks.levels()[way] for way in WAYS} <= {"observed", "assumed", None}
