"""The journal in real containers: what outlasts a restart, and where there is no place for it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from selfinspect.jsonread import member, sequence, text
from tests.engine.conftest import until
from tests.engine.test_doctor import doctor

if TYPE_CHECKING:
    from selfinspect.model import Json
    from tests.engine.conftest import Container, Engine

pytestmark = pytest.mark.engine


def events(app: Container, query: str = "") -> list[Json]:
    """What the agent holds."""
    return list(sequence(app.json(f"/v1/events?limit=1000{query}"), "events"))


def has(app: Container, action: str) -> bool:
    """Whether it holds an event of this action."""
    return bool(events(app, f"&action={action}"))


def log(app: Container) -> str:
    """What the agent wrote on standard error."""
    docker = ["docker", "--host", app.engine.url, "logs", app.id]
    return subprocess.run(docker, capture_output=True, text=True, check=True).stderr


def test_events_survive_a_restart_of_the_container(engine: Engine) -> None:
    """The same cursors lead on, and the numbers rise by one; nobody else reads the file."""
    app = engine.start("--name", "journal-before").ready()
    engine.docker("rename", "journal-before", "journal-after")
    until(lambda: has(app, "rename"), "the rename")
    before = events(app)
    cursor = text(before[-1], "cursor")
    engine.docker("restart", "--time", "5", app.id)
    app.ready()
    until(lambda: has(app, "restart"), "the restart")
    after = events(app)
    assert after[: len(before)] == before
    assert [member(event, "seq") for event in after] == list(range(1, len(after) + 1))
    assert events(app, f"&after={cursor}")[: len(after) - len(before)] == after[len(before) :]
    assert [member(event, "run") for event in after if text(event, "action") == "start"] == [1, 2]
    assert app.exec("sh", "-c", "stat --format '%a %u' /var/lib/selfinspect/*.db") == "600 65532"


def test_a_killed_container_has_lost_nothing(engine: Engine) -> None:
    """What the agent was not there to see comes from the engine, each event once."""
    app = engine.start().ready()
    until(lambda: has(app, "start"), "the start")
    before = events(app)
    engine.docker("kill", app.id)
    engine.docker("start", app.id)
    app.ready()
    until(lambda: len(events(app, "&action=start")) == len([1, 2]), "the second start")
    after = events(app)
    assert after[: len(before)] == before
    assert [text(event, "action") for event in after].count("die") == 1


def test_a_read_only_root_wants_a_volume_for_the_journal(engine: Engine) -> None:
    """Without it events are held in memory; with the doctor's very option they are kept."""
    app = engine.start("--read-only").ready()
    until(lambda: "journal.in_memory" in log(app), "the warning")
    assert log(app).count("journal.in_memory") == 1
    _, checks = doctor(app)
    assert checks["journal"]["status"] == "warn"
    volume = checks["journal"]["fix"].split()[3].replace("NAME", "journal-volume")
    kept = engine.start("--read-only", "--volume", volume).ready()
    _, checks = doctor(kept)
    assert checks["journal"]["status"] == "pass"
    assert "journal.in_memory" not in log(kept)
    engine.remove_started()
    engine.docker("volume", "rm", "journal-volume")
