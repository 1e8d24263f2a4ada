"""What the network, the engine and a file may do to an agent in a real container."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
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


_ENDLESS = """
CREATE TRIGGER endless AFTER INSERT ON events BEGIN
    SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
        SELECT i FROM n);
END
"""


def test_a_poisoned_journal_is_set_aside(engine: Engine) -> None:
    """An endless trigger that somebody left in a shared volume is never run."""
    mounted = ("--volume", "poisoned:/var/lib/selfinspect")
    app = engine.start(*mounted).ready()
    engine.docker("stop", "--time", "5", app.id)
    folder = Path(engine.docker("volume", "inspect", "--format", "{{.Mountpoint}}", "poisoned"))
    (file,) = folder.glob("*.db")
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(_ENDLESS)
    engine.docker("start", app.id)
    app.ready()
    assert app.curl("/v1/events?limit=1&action=start")
    assert "journal.set_aside" in app.logs()
    assert [*folder.glob("*.aside-1")]
    engine.remove_started()
    engine.docker("volume", "rm", "poisoned")
