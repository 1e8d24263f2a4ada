"""The network interfaces we see, and the driver behind each."""

from __future__ import annotations

import array
import fcntl
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SIOCETHTOOL = 0x8946
_ETHTOOL_GDRVINFO = 0x03
_DRIVER = slice(4, 36)
_DRIVER_INFO_BYTES = 196
"""`struct ethtool_drvinfo` of linux/ethtool.h, whose second member is `char driver[32]`."""


@dataclass(frozen=True, slots=True)
class Link:
    """An interface, its driver (`veth`, `macvlan`; None where it has none), and whether it is
    hardware.
    """

    name: str
    driver: str | None
    hardware: bool = False


def links(root: Path) -> tuple[Link, ...]:
    """The interfaces of our network namespace but the loopback; none where they cannot be seen.

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
    """What the kernel calls the driver: no privilege is needed to ask (ethtool's GDRVINFO)."""
    info = array.array("B", struct.pack("=I", _ETHTOOL_GDRVINFO).ljust(_DRIVER_INFO_BYTES, b"\0"))
    request = struct.pack("16sP16x", name.encode(), info.buffer_info()[0])
    try:
        fcntl.ioctl(asking, _SIOCETHTOOL, request)
    except OSError:
        return None
    return info.tobytes()[_DRIVER].partition(b"\0")[0].decode(errors="replace") or None
