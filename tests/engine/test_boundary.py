"""What the network, the engine and a file may do to an agent in a real container."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.engine import deaf_clients

if TYPE_CHECKING:
    from tests.engine.conftest import Engine

pytestmark = pytest.mark.engine


def test_clients_that_do_not_read_hold_no_port_closed(engine: Engine) -> None:
    """With 256 files and a hundred of them a scrape from another address is answered."""
    app = engine.start("--ulimit", "nofile=256:256").ready()
    command = ["nsenter", "--net", "--target", str(app.pid), sys.executable, deaf_clients.__file__]
    with subprocess.Popen(
        [*command, "100"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as clients:
        assert clients.stdout is not None
        assert clients.stdout.readline() == "asked\n"
        own = app.inspect("{{.NetworkSettings.IPAddress}}")
        for _ in range(5):
            assert "container_memory_usage_bytes" in app.curl(
                "/metrics", "--interface", own, port=10311
            )
        clients.communicate()
    assert "out of system resource" not in app.logs()
