"""Who listens on a port."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from selfinspect.kernel.machine import listens_here


@pytest.mark.parametrize("address", [("127.0.0.1", socket.AF_INET), ("::", socket.AF_INET6)])
def test_a_process_that_we_see(address: tuple[str, socket.AddressFamily]) -> None:
    """As long as it listens; being connected to somebody else's is not that."""
    host, family = address
    with socket.create_server((host, 0), family=family) as listener:
        port = listener.getsockname()[1]
        assert listens_here(port)
        with socket.create_connection((host, port), 5) as caller:
            assert not listens_here(caller.getsockname()[1])
    assert not listens_here(port)


def test_a_neighbour(tmp_path: Path) -> None:
    """Of its listener we see the port, in a network that we share, but nobody who holds it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        (tmp_path / "proc" / "1" / "fd").mkdir(parents=True)
        (tmp_path / "proc" / "net").symlink_to(Path("/proc/self/net"))
        assert not listens_here(listener.getsockname()[1], str(tmp_path))


def test_nothing_that_could_be_read(tmp_path: Path) -> None:
    """Then nobody is known to."""
    assert not listens_here(1, str(tmp_path))
