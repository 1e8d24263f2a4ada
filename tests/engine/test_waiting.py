"""Waiting for a change, in a container on a real engine."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import settled, until

if TYPE_CHECKING:
    from tests.engine.conftest import Container, Engine
    from tests.support.relay import Relay

pytestmark = pytest.mark.engine

NAME = "/v1/self/name?wait_for_change=true&timeout_sec=300&last_etag="


def tag(app: Container) -> str:
    """The ETag of the present name."""
    _, _, rest = app.curl("/v1/self/name", "--include").lower().partition("etag: ")
    return rest.split("\n")[0].strip().strip('"')


def held(app: Container, path: str, longest: int = 320) -> subprocess.Popen[str]:
    """A request that waits."""
    return subprocess.Popen(
        ["nsenter", "--net", "--target", str(app.pid), "curl", "--silent", "--show-error",
         "--max-time", f"{longest}", f"http://127.0.0.1:10310{path}"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_rename_is_waited_for(engine: Engine, relay: Relay) -> None:
    """A wait costs no request but the event's inspect."""
    app = engine.start("--no-healthcheck", socket=relay.path).ready()
    settled(relay)
    for number in range(5):
        present = tag(app)
        asked = len(relay.requests)
        with held(app, NAME + present) as waiting:
            assert waiting.stdout is not None
            engine.docker("rename", app.id, f"new-{number}")
            assert waiting.stdout.read() == f"new-{number}\n"
        assert [each.rpartition("/")[2] for each in relay.requests[asked:]] == ["json"]


def test_a_network_is_waited_for(engine: Engine) -> None:
    """A member that is not there yet is answered once it is."""
    app = engine.start().ready()
    engine.docker("network", "create", "t-late")
    try:
        with held(
            app, "/v1/self/networks/t-late/ip?wait_for_change=true&timeout_sec=300"
        ) as waiting:
            until(lambda: connections(app) > 0, "the connection of who waits")
            engine.docker("network", "connect", "t-late", app.id)
            assert waiting.stdout is not None
            address = waiting.stdout.read().strip()
        template = '{{(index .NetworkSettings.Networks "t-late").IPAddress}}'
        assert address == app.inspect(template) != ""
    finally:
        engine.docker("network", "disconnect", "--force", "t-late", app.id)
        engine.docker("network", "rm", "t-late")


def test_a_stop_answers_who_waits(engine: Engine) -> None:
    """Long before the engine's own patience is over."""
    app = engine.start("--name", "waiter").ready()
    with held(app, NAME + tag(app)) as waiting:
        until(lambda: connections(app) > 0, "the connection of who waits")
        engine.docker("stop", "--time", "90", app.id)
        assert app.inspect("{{.State.ExitCode}}") == "0"  # else the engine had killed it
        assert waiting.stdout is not None
        assert waiting.stdout.read() == "waiter\n"


def connections(app: Container) -> int:
    """How many are open to the API."""
    table = app.exec("cat", "/proc/net/tcp").splitlines()[1:]
    rows = (line.split() for line in table)
    return sum(row[1].endswith(":2846") and row[3] == "01" for row in rows)


def test_health_is_waited_for_although_it_has_no_event(engine: Engine) -> None:
    """The failing streak rises with each check that says nothing new."""
    check = ("--health-cmd", "false", "--health-interval", "1s", "--health-retries", "999")
    app = engine.start(*check).ready()
    found = []
    for _ in range(2):
        with held(
            app, "/v1/self/health/failing_streak?wait_for_change=true&timeout_sec=300"
        ) as waiting:
            assert waiting.stdout is not None
            found.append(int(waiting.stdout.read()))
    assert 0 < found[0] < found[1]


UPDATE = ("--cpus", "0.5", "--memory", "300m", "--memory-swap", "600m")
LIMITS = "/v1/self/limits?wait_for_change=true&timeout_sec=300"


def updated(found: str) -> bool:
    """Whether these limits are those of the update."""
    limits = json.loads(found)
    return (limits["cpus"], limits["memory_bytes"]) == (0.5, 300 << 20)


def test_changed_limits_are_waited_for(engine: Engine) -> None:
    """`docker update`: by the engine's event."""
    app = engine.start("--cpus", "1.5", "--memory", "256m").ready()
    with held(app, LIMITS) as waiting:
        until(lambda: connections(app) > 0, "the connection of who waits")
        engine.docker("update", *UPDATE, app.id)
        assert waiting.stdout is not None
        assert updated(waiting.stdout.read())


@pytest.mark.parametrize("option", ["auto", "off"])
def test_without_an_engine_changed_limits_are_shown(engine: Engine, option: str) -> None:
    """`docker update`: to who asks, and who waits has them as soon as anybody asks."""
    limited = ("--cpus", "1.5", "--memory", "256m", "--env", f"SELFINSPECT_ENGINE={option}")
    app = engine.start_plain(*limited).ready()
    before = app.json("/v1/self/limits")
    with held(app, LIMITS) as waiting:
        until(lambda: connections(app) > 0, "the connection of who waits")
        engine.docker("update", *UPDATE, app.id)
        until(lambda: updated(app.curl("/v1/self/limits")), "the new limits")
        assert waiting.stdout is not None
        # The kernel has one after the other: who waits may see the first alone.
        assert json.loads(waiting.stdout.read()) != before


@pytest.mark.slow
def test_without_an_engine_changed_limits_are_waited_for(engine: Engine) -> None:
    """Nobody asks: the kernel's files are read once a minute."""
    limited = ("--cpus", "1.5", "--memory", "256m", "--env", "SELFINSPECT_ENGINE=off")
    app = engine.start_plain(*limited).ready()
    with held(app, LIMITS) as waiting:
        until(lambda: connections(app) > 0, "the connection of who waits")
        engine.docker("update", *UPDATE, app.id)
        assert waiting.stdout is not None
        assert updated(waiting.stdout.read())
