"""The token that `run` makes for its command, in containers on a real engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.conftest import until
from tests.engine.test_run import agents

if TYPE_CHECKING:
    from tests.engine.conftest import Container, Engine

pytestmark = pytest.mark.engine

FILE = "/run/selfinspect/token"
COMMAND = ("--", "sh", "-c", "echo $SELFINSPECT_TOKEN_FILE; exec sleep 1000")


def status(app: Container, token: str = "") -> int:
    """What `/v1/self` answers to who bears a token."""
    return app.status("/v1/self", "--header", f"Authorization: Bearer {token}")


def test_the_command_alone_may_ask(engine: Engine) -> None:
    """Who reaches the port has no token; the command is told where it is, and so is an exec."""
    app = engine.start("--env", "SELFINSPECT_TOKEN_FILE=auto", command=("run", *COMMAND))
    app.ready()
    until(lambda: f"{FILE}\n" in app.logs() + "\n", "the command's variable")
    assert status(app) == status(app, "guess") == 401
    assert status(app, app.exec("cat", FILE)) == 200
    assert app.exec("selfinspect", "show", "id") == app.id
    assert app.exec("selfinspect", "healthcheck") == "ok"


def test_the_commands_user_alone_reads_it(engine: Engine) -> None:
    """Another one's agent takes the token all the same, and its successor after it."""
    options = ("--token-file", "auto", "--user", "4711", "--agent-user", "65532")
    app = engine.start("--user", "0", command=("run", *options, *COMMAND))
    app.ready()
    assert app.exec("stat", "--format", "%u %a", FILE) == "4711 400"
    token = engine.docker("exec", "--user", "4711", app.id, "cat", FILE)
    assert status(app, token) == 200
    killed = agents(app)
    app.exec("sh", "-c", f"kill -KILL {killed[0]}")
    until(lambda: agents(app) not in ([], killed), "its successor")
    app.ready()
    assert status(app, token) == 200
