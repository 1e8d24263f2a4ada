"""Our network namespace: its interfaces, their traffic, its routes, and their changes."""

from __future__ import annotations

import array
import fcntl
import ipaddress
import select
import socket
import struct
import sys
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Literal, Self

from selfinspect.background import in_background
from selfinspect.frozen import dataclass
from selfinspect.kernel import files
from selfinspect.model import Interface

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

# Traffic: the columns of /proc/net/dev, and interfaces by which an engine links its containers.
_COUNTERS = 16
_OF_THE_HOST = ("veth", "docker")

# Drivers: `struct ethtool_drvinfo` of linux/ethtool.h, whose second member is `char driver[32]`.
_SIOCETHTOOL, _ETHTOOL_GDRVINFO = 0x8946, 0x03
_DRIVER = slice(4, 36)
_DRIVER_INFO_BYTES = 196

# Routes: RTF_UP and RTF_GATEWAY of linux/route.h.
_UP, _GATEWAY = 1, 2
_MASK, _INTERFACE_V6 = 7, 9  # columns
_MOST_GATEWAYS = 4  # that are tried: a container may be in many networks
_LOOPBACK = "127.0.0.1"

# Changes: RTMGRP_... of linux/rtnetlink.h, the groups whose messages are listened to.
_LINK, _IPV4_ADDRESS, _IPV4_ROUTE, _IPV6_ROUTE = 0x1, 0x10, 0x40, 0x400
_MESSAGE = 65_536


@dataclass(frozen=True, slots=True)
class Link:
    """An interface and its driver: `veth`, `macvlan`; None where it has none."""

    name: str
    driver: str | None
    hardware: bool = False


def links(root: Path) -> tuple[Link, ...]:
    """The interfaces of our network namespace but the loopback; none where they cannot be listed.

    Args:
        root: the folder below which `sys/class/net` is read.
    """
    try:
        names = [name for _, name in socket.if_nameindex() if name != "lo"]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            return tuple(
                Link(
                    name, _driver(asking, name), (root / "sys/class/net" / name / "device").exists()
                )
                for name in names
            )
    except OSError:
        return ()


def _driver(asking: socket.socket, name: str) -> str | None:
    """The driver's name, which the kernel reports without any privilege (ethtool's GDRVINFO)."""
    info = array.array("B", struct.pack("=I", _ETHTOOL_GDRVINFO).ljust(_DRIVER_INFO_BYTES, b"\0"))
    request = struct.pack("16sP16x", name.encode(), info.buffer_info()[0])
    try:
        fcntl.ioctl(asking, _SIOCETHTOOL, request)
    except OSError:
        return None
    return info.tobytes()[_DRIVER].partition(b"\0")[0].decode(errors="replace") or None


def interfaces(root: str) -> dict[str, Interface] | None:
    """The counters of each interface, None where the file cannot be read or is malformed.

    Loopback, and interfaces with which an engine links its own containers, are left out.
    Whether the network is the container's alone is for the caller to know.
    """
    heading, _, content = (files.read_figures(f"{root}/proc/self/net/dev") or b"").rpartition(b"|")
    if not heading:
        return None
    found: dict[str, Interface] = {}
    for line in content.splitlines()[1:]:
        name, _, columns = line.strip().rpartition(b": ")
        interface = name.decode(errors="replace")
        if interface == "lo" or interface.startswith(_OF_THE_HOST):
            continue
        counters = [files.count(word) for word in columns.split()]
        if interface and len(counters) == _COUNTERS:
            found[interface] = Interface(*counters[:4], *counters[8:12])
    return found


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
                for column in (1, 2, _MASK)
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
            interface = row[_INTERFACE_V6]
        except (ValueError, IndexError):
            continue
        through = _UP | _GATEWAY
        if flags & through == through and not (gateway.is_link_local or gateway.is_unspecified):
            found.append(Route(interface, network, str(gateway), metric))
    return tuple(found)


def bridge_hosts(table: Sequence[Route], links: Sequence[Link]) -> tuple[str, ...]:
    """The addresses under which the engine's host may be reached, only where that is sure. Pure.

    The default routes' gateways; where there is no default route, as in an internal network, the
    first address of each subnet. Under host networking, the loopback.

    A gateway is the engine's host only behind a `veth` pair, the kind of link that bridge networks
    are made of. Behind a macvlan or ipvlan link, or hardware, it is somebody's router, which must
    not be probed. A namespace with a bridge or hardware in it is the host's own.
    """
    if is_host(links):
        return (_LOOPBACK,)
    bridged = {link.name for link in links if link.driver == "veth"}
    gateways = tuple(_gateways(table))
    if gateways:
        return tuple(one.gateway or "" for one in gateways if one.interface in bridged)
    subnets = (one for one in table if one.gateway is None and one.interface in bridged)
    return tuple(dict.fromkeys(str(one.network[1]) for one in subnets if _is_subnet(one)))[
        :_MOST_GATEWAYS
    ]


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
    """Whether it has a first address: it is neither the default route nor of one or two hosts."""
    network = route.network
    return 0 < network.prefixlen < network.max_prefixlen - 1 and not network.is_link_local


class NetworkChanges:
    """Calls back once, at the first change of our routes, while its context lasts.

    It waits in the kernel and costs nothing meanwhile. Where the kernel does not report
    changes (a sandbox without netlink), it never calls.

    Args:
        on_change: called from a thread of its own.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._ended, self._ending = socket.socketpair()

    def __enter__(self) -> Self:
        self._messages = _route_messages()
        self._first = self._table()
        self._thread = in_background("network", self._watch)
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()
        self._thread.join()
        self._ended.close()
        if self._messages is not None:
            self._messages.close()

    def _watch(self) -> None:
        sources = [self._ended] if self._messages is None else [self._ended, self._messages]
        while self._ended not in (ready := select.select(sources, [], [])[0]):
            with suppress(OSError):  # more messages than the kernel keeps: some are lost
                ready[0].recv(_MESSAGE)
            if self._table() != self._first:
                self._on_change()
                return

    def _table(self) -> tuple[Route, ...]:
        return (
            *routes(files.text("/proc/net/route")),
            *ipv6_routes(files.text("/proc/net/ipv6_route")),
        )


def _route_messages() -> socket.socket | None:
    """A socket with a message for each change; None where the kernel offers none."""
    with suppress(OSError), ExitStack() as unless_bound:
        made = unless_bound.enter_context(
            socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        )
        made.bind((0, _LINK | _IPV4_ADDRESS | _IPV4_ROUTE | _IPV6_ROUTE))
        unless_bound.pop_all()
        return made
    return None
