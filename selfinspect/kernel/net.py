"""Traffic of the network namespace's interfaces, from `/proc/self/net/dev`."""

from __future__ import annotations

from selfinspect.kernel.files import count, read_figures
from selfinspect.model import Interface

_COLUMNS = 16
_OF_THE_HOST = ("veth", "docker")


def interfaces(root: str) -> dict[str, Interface] | None:
    """The counters of each interface, None where the file cannot be read or makes no sense.

    Loopback, and interfaces with which an engine links its own containers, are left out.
    Whether the network is the container's alone is not told here.
    """
    heading, _, content = (read_figures(f"{root}/proc/self/net/dev") or b"").rpartition(b"|")
    if not heading:
        return None
    found: dict[str, Interface] = {}
    for line in content.splitlines()[1:]:
        name, _, columns = line.strip().rpartition(b": ")
        interface = name.decode(errors="replace")
        if interface == "lo" or interface.startswith(_OF_THE_HOST):
            continue
        counters = [count(word) for word in columns.split()]
        if interface and len(counters) == _COLUMNS:
            found[interface] = Interface(*counters[:4], *counters[8:12])
    return found
