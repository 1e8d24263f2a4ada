"""Where the bridge of an engine is, from the kernel's routes: only where that is sure. Pure.

A gateway is the engine's host only behind a `veth` pair, the kind of link that bridge networks
are made of. Behind a macvlan or ipvlan link, or hardware, it is a router of somebody's network,
which is nobody's to probe. A namespace with a bridge or hardware in it is a host's own.
"""

from __future__ import annotations

import ipaddress
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from selfinspect.engine.links import Link

_UP, _GATEWAY = 1, 2
"""RTF_UP and RTF_GATEWAY of linux/route.h."""

_COLUMNS, _COLUMNS_V6 = 8, 10
_MOST = 4
"""Gateways that are tried at most: a container may be in many networks."""

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Route:
    """A line of the kernel's tables: `gateway` is None for a network that is on the link."""

    interface: str
    network: ipaddress.IPv4Network | ipaddress.IPv6Network
    gateway: str | None
    metric: int


def routes(text: str, *, byteorder: Literal["little", "big"] = sys.byteorder) -> tuple[Route, ...]:
    """The lines of `/proc/net/route`, whose addresses are in the machine's byte order."""
    found = []
    for row in (line.split() for line in text.splitlines()[1:]):
        try:
            interface, flags, metric = row[0], int(row[3], 16), int(row[6])
            destination, gateway, mask = (
                ipaddress.IPv4Address(int(row[column], 16).to_bytes(4, byteorder))
                for column in (1, 2, _COLUMNS - 1)
            )
            network = ipaddress.IPv4Network(f"{destination}/{mask}")
        except (ValueError, IndexError, OverflowError):
            continue
        if flags & _UP:
            through = str(gateway) if flags & _GATEWAY else None
            found.append(Route(interface, network, through, metric))
    return tuple(found)


def ipv6_routes(text: str) -> tuple[Route, ...]:
    """The lines of `/proc/net/ipv6_route` that lead through a gateway with a global address.

    A link-local one comes from a router's advertisement, which no engine sends.
    """
    found = []
    for row in (line.split() for line in text.splitlines()):
        try:
            destination, gateway = (
                ipaddress.IPv6Address(bytes.fromhex(row[column])) for column in (0, 4)
            )
            network = ipaddress.IPv6Network((destination, int(row[1], 16)), strict=False)
            metric, flags = int(row[5], 16), int(row[8], 16)
            interface = row[_COLUMNS_V6 - 1]
        except (ValueError, IndexError):
            continue
        through = _UP | _GATEWAY
        if flags & through == through and not (gateway.is_link_local or gateway.is_unspecified):
            found.append(Route(interface, network, str(gateway), metric))
    return tuple(found)


def bridge_hosts(table: Sequence[Route], links: Sequence[Link]) -> tuple[str, ...]:
    """The addresses under which the engine's host may be reached; none in doubt.

    The default routes' gateways; where there is no default route, as in an internal network, the
    first address of each subnet. Under host networking, the loopback.
    """
    if is_host(links):
        return (_LOOPBACK,)
    bridged = {link.name for link in links if link.driver == "veth"}
    gateways = tuple(_gateways(table))
    if gateways:
        return tuple(one.gateway or "" for one in gateways if one.interface in bridged)
    subnets = (one for one in table if one.gateway is None and one.interface in bridged)
    return tuple(dict.fromkeys(str(one.network[1]) for one in subnets if _is_subnet(one)))[:_MOST]


def default_gateway(table: Iterable[Route]) -> str | None:
    """Where the default route leads, IPv4's before IPv6's; None where there is none."""
    return next((one.gateway for one in _gateways(table)), None)


def is_host(links: Iterable[Link]) -> bool:
    """Whether the network namespace is a host's: with a bridge or hardware of its own."""
    return any(link.hardware or link.driver == "bridge" for link in links)


def _gateways(table: Iterable[Route]) -> Iterator[Route]:
    """The default route of each address family that is taken: the one of lowest metric."""
    defaults = [one for one in table if one.gateway is not None and one.network.prefixlen == 0]
    for version in (4, 6):
        ours = [one for one in defaults if one.network.version == version]
        if ours:
            yield min(ours, key=lambda one: one.metric)


def _is_subnet(route: Route) -> bool:
    """Whether there is a first address to speak of: neither everything, nor one host or two."""
    network = route.network
    return 0 < network.prefixlen < network.max_prefixlen - 1 and not network.is_link_local
