"""Docker in Docker: an engine in a container, made of the machine's own programs."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import Engine, copy_image, sh, until
from tests.engine.identity.conftest import WAYS, make_bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

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
    " --volume /var/lib/docker"
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
    inner = Engine(folder, private_engine.image, private_engine.busybox)
    sockets = folder / "ways"
    sockets.mkdir()
    with ExitStack() as stack:
        container = private_engine.docker(
            "run", "--detach", *ALMOST_PRIVILEGED.split(), *request.param.split(),
            "--volume", f"{folder}:{folder}", "--volume", f"{outer.sockets}:{outer.sockets}",
            "--env", f"HOME={folder}",
            private_engine.busybox, "/bin/sh", "-c", DAEMON,
        )  # fmt: skip
        stack.callback(private_engine.docker, "rm", "--force", "--volumes", container)
        until(
            lambda: sh("docker", "--host", inner.url, "version", check=False).count("Server"),
            "the inner engine",
        )
        for image in (inner.image, inner.busybox):
            copy_image(private_engine, inner, image)
        yield outer, make_bench(inner, sockets, stack)


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
    assert {looks.levels()[way] for way in WAYS} == {None}
