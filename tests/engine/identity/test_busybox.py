"""An engine on a machine whose `ps` is BusyBox: Alpine, Home Assistant, Docker in Docker."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import Engine, another_engine
from tests.engine.identity.conftest import make_bench

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engine.identity.conftest import Bench

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def busybox(private_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The bench of an engine that finds BusyBox's `ps` before any other."""
    programs = tmp_path_factory.mktemp("bin")
    source = private_engine.docker("create", private_engine.busybox, "true")
    private_engine.docker("cp", f"{source}:/bin/busybox", programs / "ps")
    private_engine.docker("rm", source)
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        engine = stack.enter_context(another_engine(private_engine, "busybox"))
        yield make_bench(engine, tmp_path_factory.mktemp("busybox"), stack)


def test_its_list_confirms_what_our_cgroup_names(busybox: Bench) -> None:
    """It does not list mount namespaces: the name alone proves nothing."""
    looks = busybox.look_in_time("--cgroupns", "host", ways=("layer", "nonce"))
    assert looks.wrong() == {}
    assert looks.levels() == {"layer": "proven", "nonce": "confirmed"}


def test_its_list_proves_nothing_of_a_search(busybox: Bench) -> None:
    """Beside a neighbour's network nothing names us, and the neighbour is disproved by it."""
    network = f"container:{busybox.neighbour.id}"
    looks = busybox.look_in_time(
        "--cgroupns", "private", "--network", network, ways=("layer", "nonce")
    )
    assert looks.wrong() == {}
    assert looks.levels() == {"layer": "proven", "nonce": None}


def test_without_namespaces_it_is_asked_twice_and_no_more(busybox: Bench) -> None:
    """Each is an event, of which the engine keeps 256 for everyone."""
    network = f"container:{busybox.neighbour.id}"
    looks = busybox.look("--cgroupns", "private", "--network", network, ways=("nonce",))
    tops = [request for request in looks.requests["nonce"] if "/top?" in request]
    assert len(tops) <= 3
