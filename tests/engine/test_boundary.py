"""What the network, the engine and a file may do to an agent in a real container."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import integer, mapping, member, sequence
from tests.engine import deaf_clients
from tests.engine.conftest import until
from tests.engine.test_journal import log

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
    assert "out of system resource" not in log(app)


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
    assert "journal.set_aside" in log(app)
    assert [*folder.glob("*.aside-1")]
    engine.remove_started()
    engine.docker("volume", "rm", "poisoned")


def test_a_container_of_many_secrets_is_shown_in_part(engine: Engine, tmp_path: Path) -> None:
    """Labels are as many as somebody pleases: each is learnt, some are kept, the rest counted."""
    secrets = [f"s3-{number * 7919 % 1_000_003:06d}-{number:05d}" for number in range(6000)]
    labels = tmp_path / "labels"
    lines = [f"a-token.{number:05d}={secret}" for number, secret in enumerate(secrets)]
    labels.write_text("\n".join([*lines, "exitCode=99"]))
    note = ("--env", f"NOTE=it ends with {secrets[-1]} now")
    app = engine.start("--label-file", labels, *note, "--memory", "200m").ready()
    document = app.json("/v1/self")
    assert member(document, "truncated") == {"labels": integer(document, "truncated", "labels")}
    assert len(mapping(document, "labels")) == 4096
    assert member(document, "env", "NOTE") == "it ends with [masked] now"
    assert app.status("/v1/inspect") == 200
    resident = app.exec("sh", "-c", "grep -h VmHWM /proc/[0-9]*/status").split("VmHWM:")
    assert max(int(each.split()[0]) for each in resident if each.split()) <= 96 << 10
    engine.docker("restart", "--time", "5", app.id)
    app.ready()
    until(lambda: sequence(app.json("/v1/events?action=die"), "events"), "the end of the first run")
    (died,) = sequence(app.json("/v1/events?action=die"), "events")
    # A label that is not kept has its name, and its value is never the engine's.
    assert member(died, "attributes", "exit_code") is None
    assert log(app).count("inspect.truncated") == len(["each start"] * 2)


@pytest.mark.parametrize(
    "header",
    ["X-Real-IP: 1.2.3.4", "X_Forwarded_For: 1.2.3.4", "Sec-Fetch-Site: same-site"],
)
def test_what_came_from_elsewhere_is_refused(engine: Engine, header: str) -> None:
    """By a proxy, or a page of another port; the page itself may be linked."""
    app = engine.start().ready()
    assert app.status("/v1/self", "--header", header) == 403
    assert app.status("/") == 200
    assert app.status("/", "--header", "Sec-Fetch-Site: cross-site") == 200
