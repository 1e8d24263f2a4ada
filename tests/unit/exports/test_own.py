"""The variables of the set `self`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selfinspect.exports.own import exported, fitting, is_exported, rows
from selfinspect.model import (
    Compose,
    Engine,
    Host,
    IdentitySummary,
    Image,
    Limits,
    Network,
    Run,
    Self,
    Stop,
    Swarm,
)

IDENTITY = IdentitySummary("proven", "layer")
BARE = Self(id="a1" * 32, short_id="a1" * 6, identity=IDENTITY)
FULL = Self(
    id="a1" * 32,
    short_id="a1" * 6,
    name="shop-web-2",
    image=Image("registry:5000/web:1", "sha256:1", ("web@sha256:2",)),
    restart_count=3,
    labels={
        "org.opencontainers.image.version": "1.4",
        "org.opencontainers.image.revision": "f00",
    },
    ports={"8080": {"tcp": 49153, "udp": None}, "53": {"udp": 1053}},
    networks={"other": Network("10.0.0.9", None, "10.0.0.1", None, ()),
              "bridge": Network("172.17.0.2", None, "172.17.0.1", None, ())},
    limits=Limits(cpus=1.5, memory_bytes=1 << 28),
    compose=Compose("shop", "web", 2),
    swarm=Swarm("shop_web", "shop_web.2.x", 2, "n1"),
    stop=Stop("SIGTERM", 30, "container"),
    host=Host("node-1"),
    previous_run=Run(1, None, None, 137, "SIGKILL", oom_killed=True, cause="oom"),
    identity=IDENTITY,
    engine=Engine("unix:///s", "Docker", "28", "1.51"),
)  # fmt: skip


def test_what_is_known_has_a_variable() -> None:
    """Every name of the table, and each host port by the container's port and protocol."""
    assert exported(FULL, "172.17.0.1") == {
        "SELFINSPECT_CONTAINER_ID": "a1" * 32,
        "SELFINSPECT_CONTAINER_NAME": "shop-web-2",
        "SELFINSPECT_CONTAINER_IMAGE": "registry:5000/web:1",
        "SELFINSPECT_IMAGE_ID": "sha256:1",
        "SELFINSPECT_IMAGE_DIGEST": "web@sha256:2",
        "SELFINSPECT_IMAGE_VERSION": "1.4",
        "SELFINSPECT_IMAGE_REVISION": "f00",
        "SELFINSPECT_COMPOSE_PROJECT": "shop",
        "SELFINSPECT_COMPOSE_SERVICE": "web",
        "SELFINSPECT_COMPOSE_NUMBER": "2",
        "SELFINSPECT_SWARM_SERVICE": "shop_web",
        "SELFINSPECT_SWARM_TASK": "shop_web.2.x",
        "SELFINSPECT_SWARM_SLOT": "2",
        "SELFINSPECT_SWARM_NODE": "n1",
        "SELFINSPECT_HOST_NAME": "node-1",
        "SELFINSPECT_IP": "172.17.0.2",
        "SELFINSPECT_RESTART_COUNT": "3",
        "SELFINSPECT_PREVIOUS_CAUSE": "oom",
        "SELFINSPECT_PREVIOUS_EXIT_CODE": "137",
        "SELFINSPECT_CPUS": "1.5",
        "SELFINSPECT_MEMORY_BYTES": "268435456",
        "SELFINSPECT_STOP_TIMEOUT_SECONDS": "30",
        "SELFINSPECT_HOST_PORT_8080_TCP": "49153",
        "SELFINSPECT_HOST_PORT_53_UDP": "1053",
    }
    assert all(is_exported(name) for name in exported(FULL, "172.17.0.1"))


def test_what_is_not_known_has_none() -> None:
    """Without an engine there is the ID alone; a first run has none before it."""
    assert exported(BARE) == {"SELFINSPECT_CONTAINER_ID": "a1" * 32}


def test_a_count_of_zero_is_known() -> None:
    """A container that was never restarted says so."""
    assert exported(replace(BARE, restart_count=0))["SELFINSPECT_RESTART_COUNT"] == "0"


def test_every_row_says_where_it_comes_from_and_when_it_is_absent() -> None:
    """The reference page is made of the table."""
    assert all(row.source and row.absent for row in rows())
    assert len({row.name for row in rows()}) == len(rows())


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("[masked]", "masked"),
        ("a [masked] b", "masked"),
        ("nul\0", "not text for an environment"),
        ("half a pair \ud800", "not text for an environment"),
        ("x" * 4097, "over 4 KiB"),
    ],
    ids=ascii,
)
def test_what_an_environment_should_not_carry_is_left_out(value: str, reason: str) -> None:
    """Secrets, NUL, and what is longer than 4 KiB, each with the reason."""
    assert fitting({"A": value, "B": "b"}) == ({"B": "b"}, {"A": reason})


def test_all_together_are_bounded() -> None:
    """64 KiB at most; what still fits is kept."""
    many = {f"A{number:02}": "x" * 4000 for number in range(40)}
    kept, left_out = fitting({**many, "B": "b"})
    assert sum(len(name) + len(value) + 2 for name, value in kept.items()) <= 64 * 1024
    assert len(kept) == 17
    assert kept["B"] == "b"
    assert set(left_out) == set(many) - set(kept)
    assert set(left_out.values()) == {"past 64 KiB of variables in all"}


def test_an_empty_value_has_no_variable() -> None:
    """It says nothing, and nothing is said of it."""
    assert "SELFINSPECT_CONTAINER_NAME" not in exported(replace(BARE, name=""))


@pytest.mark.parametrize("gateway", ["192.168.0.1", None])
def test_without_a_network_of_the_default_route_there_is_no_address(gateway: str | None) -> None:
    """Another's network, or none."""
    assert "SELFINSPECT_IP" not in exported(FULL, gateway)


@pytest.mark.parametrize(
    "name", ["PATH", "SELFINSPECT_URI", "SELFINSPECT_CONTAINER", "SELFINSPECT_WAIT", "LD_PRELOAD"]
)
def test_other_variables_are_not_of_them(name: str) -> None:
    """Neither the options' variables nor anyone else's."""
    assert not is_exported(name)


def test_a_port_that_is_no_name_has_no_variable() -> None:
    """A shell evaluates what `selfinspect env` prints: names are as little believed as values."""
    odd = replace(FULL, ports={"80=1;id>&2;:": {"tcp": 1}, "81": {"tcp;id": 2}, "82": {"sctp": 3}})
    ports = {name: value for name, value in exported(odd).items() if "HOST_PORT" in name}
    assert ports == {"SELFINSPECT_HOST_PORT_82_SCTP": "3"}
