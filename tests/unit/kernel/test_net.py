from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.kernel.machine import interfaces
from selfinspect.model import Interface

if TYPE_CHECKING:
    from collections.abc import Callable

    Lay = Callable[[dict[str, str]], str]

HEAD = "Inter-|   Receive    |  Transmit\n face |bytes packets errs|bytes packets errs\n"
COUNTERS = "1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0"


def test_columns(lay: Lay) -> None:
    """Bytes, packets, errors and drops of both ways are taken from their columns."""
    root = lay({"proc/self/net/dev": f"{HEAD}  eth0: {COUNTERS}\n"})
    assert interfaces(root) == {"eth0": Interface(1, 2, 3, 4, 5, 6, 7, 8)}


@pytest.mark.parametrize("name", ["lo", "veth12ab", "docker0", "docker_gwbridge"])
def test_interfaces_that_do_not_count(lay: Lay, name: str) -> None:
    """Loopback and the engine's own links are left out."""
    root = lay({"proc/self/net/dev": f"{HEAD} {name}: {COUNTERS}\n  eth1: {COUNTERS}\n"})
    assert set(interfaces(root) or ()) == {"eth1"}


def test_no_network_is_not_unknown(lay: Lay) -> None:
    """With loopback alone there are no interfaces; without the file nothing is known."""
    assert interfaces(lay({})) is None
    assert interfaces(lay({"proc/self/net/dev": f"{HEAD}    lo: {COUNTERS}\n"})) == {}
    assert interfaces(lay({"proc/self/net/dev": "junk"})) is None
