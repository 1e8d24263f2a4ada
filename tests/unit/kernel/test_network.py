"""Our network namespace: traffic, routes, changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.kernel.network import (
    Link,
    bridge_hosts,
    interfaces,
    ipv6_routes,
    is_host,
    routes,
)
from selfinspect.model import Interface

if TYPE_CHECKING:
    from collections.abc import Callable

    Lay = Callable[[dict[str, str]], str]


DEV_HEAD = "Inter-|   Receive    |  Transmit\n face |bytes packets errs|bytes packets errs\n"
COUNTERS = "1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0"


def test_columns(lay: Lay) -> None:
    """Bytes, packets, errors and drops of both ways are taken from their columns."""
    root = lay({"proc/self/net/dev": f"{DEV_HEAD}  eth0: {COUNTERS}\n"})
    assert interfaces(root) == {"eth0": Interface(1, 2, 3, 4, 5, 6, 7, 8)}


@pytest.mark.parametrize("name", ["lo", "veth12ab", "docker0", "docker_gwbridge"])
def test_interfaces_that_do_not_count(lay: Lay, name: str) -> None:
    """Loopback and the engine's own links are left out."""
    root = lay({"proc/self/net/dev": f"{DEV_HEAD} {name}: {COUNTERS}\n  eth1: {COUNTERS}\n"})
    assert set(interfaces(root) or ()) == {"eth1"}


def test_no_network_is_not_unknown(lay: Lay) -> None:
    """With loopback alone there are no interfaces; without the file they are unknown."""
    assert interfaces(lay({})) is None
    assert interfaces(lay({"proc/self/net/dev": f"{DEV_HEAD}    lo: {COUNTERS}\n"})) == {}
    assert interfaces(lay({"proc/self/net/dev": "junk"})) is None


HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
DEFAULT = "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
ON_LINK = "eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
SIX = (
    "fd000077000000000000000000000000 40 00000000000000000000000000000000 00"
    " 00000000000000000000000000000000 00000100 00000003 00000000 00000001     eth0\n"
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00"
    " fd000077000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n"
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00"
    " 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n"
)
VETH = (Link("eth0", "veth"),)


def _table(*lines: str) -> str:
    return HEAD + "".join(lines)


def test_the_bridges_gateway_is_the_host() -> None:
    """Behind a veth pair the default route leads to the engine's host."""
    table = routes(_table(DEFAULT, ON_LINK), byteorder="little")
    assert bridge_hosts(table, VETH) == ("172.17.0.1",)


def test_addresses_are_in_the_machines_byte_order() -> None:
    """A big-endian machine writes them the other way around."""
    line = "eth0\t00000000\tAC110001\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    assert bridge_hosts(routes(_table(line), byteorder="big"), VETH) == ("172.17.0.1",)


@pytest.mark.parametrize("driver", ["macvlan", "ipvlan", "tun", "virtio_net", None])
def test_another_links_gateway_is_somebodys_router(driver: str | None) -> None:
    """Where the link is no veth pair, or its kind is uncertain, there is no address."""
    table = routes(_table(DEFAULT, ON_LINK), byteorder="little")
    assert bridge_hosts(table, (Link("eth0", driver),)) == ()
    assert bridge_hosts(table, ()) == ()


def test_the_lowest_metric_leads() -> None:
    """Of two default routes the kernel takes the one of lower metric, and so do we."""
    worse = "eth1\t00000000\t010012AC\t0003\t0\t0\t9\t00000000\t0\t0\t0\n"
    table = routes(_table(worse, DEFAULT), byteorder="little")
    links = (*VETH, Link("eth1", "veth"))
    assert bridge_hosts(table, links) == ("172.17.0.1",)
    # The route that counts leads to a router: the other one leads nowhere.
    assert bridge_hosts(table, (Link("eth0", "macvlan"), Link("eth1", "veth"))) == ()


@pytest.mark.parametrize("flags", ["0000", "0001", "0002"])
def test_a_route_that_is_down_or_has_no_gateway_does_not_lead(flags: str) -> None:
    """Both flags are needed: up, and through a gateway."""
    line = DEFAULT.replace("0003", flags)
    assert bridge_hosts(routes(_table(line), byteorder="little"), VETH) == ()


def test_an_internal_network_has_the_host_at_its_first_address() -> None:
    """No default route: the first address of the subnet is the bridge's."""
    table = routes(_table(ON_LINK), byteorder="little")
    assert bridge_hosts(table, VETH) == ("172.17.0.1",)


@pytest.mark.parametrize("mask", ["FFFFFFFF", "FEFFFFFF", "00000000"])
def test_a_subnet_without_a_first_address_names_nobody(mask: str) -> None:
    """Neither a single host, nor everything, is a bridge's subnet."""
    line = f"eth0\t00000000\t00000000\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n"
    assert bridge_hosts(routes(_table(line), byteorder="little"), VETH) == ()


def test_an_ipv6_gateway_counts_too() -> None:
    """IPv6 by its own table, after IPv4."""
    table = (*routes(_table(DEFAULT), byteorder="little"), *ipv6_routes(SIX))
    assert bridge_hosts(table, VETH) == ("172.17.0.1", "fd00:77::1")


def test_an_advertised_ipv6_router_is_none_of_the_engines() -> None:
    """A link-local gateway comes from a router's advertisement."""
    local = SIX.replace("fd000077000000000000000000000001", "fe800000000000000000000000000001")
    assert ipv6_routes(local) == ()


@pytest.mark.parametrize(
    "links",
    [
        (Link("docker0", "bridge"), Link("eth0", "veth")),
        (Link("eth0", "virtio_net", hardware=True),),
    ],
    ids=["a bridge", "hardware"],
)
def test_a_hosts_own_network_has_the_engine_at_the_loopback(links: tuple[Link, ...]) -> None:
    """Under host networking no gateway is looked at, even if its link is a veth pair."""
    assert is_host(links)
    table = routes(_table(DEFAULT, ON_LINK), byteorder="little")
    assert bridge_hosts(table, links) == ("127.0.0.1",)


@pytest.mark.parametrize(
    "text", ["", "\n", HEAD, "x\ny", HEAD + "eth0 zz zz\n", HEAD + DEFAULT[:30], HEAD + "a " * 11]
)
def test_what_is_no_route_is_passed_over(text: str) -> None:
    """Half a line or another kernel's format names nobody."""
    assert routes(text) == ()
    assert ipv6_routes(text) == ()


ROOT = Path(__file__).parents[3]

_WATCH = """
import subprocess, threading
from selfinspect.kernel.network import NetworkChanges

def ip(*words):
    subprocess.run(("ip", *words), check=True)

changed = threading.Event()
ip("link", "set", "lo", "up")
with NetworkChanges(changed.set):
    ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
    ip("link", "set", "va", "up")
    ip("link", "set", "vb", "up")
    print("called early" if changed.wait(0.3) else "not called", flush=True)
    ip("address", "add", "10.1.2.3/24", "dev", "va")
    print("called" if changed.wait(60) else "never called", flush=True)
with NetworkChanges(changed.clear):
    pass
print("unchanged" if changed.is_set() else "called at the end")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a network namespace of its own")
def test_a_new_route_is_told_and_a_link_without_one_is_not() -> None:
    """Links come and go beside us; the way to the engine is another with its route alone."""
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", _WATCH],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.split("\n")[:3] == ["not called", "called", "unchanged"], done.stderr
