"""Where a verb's answer comes from: the agent, or a look of its own."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.cli.conftest import Call

ID = "a1b2c3d4" * 8


class Agent(BaseHTTPRequestHandler):
    """Answers what a test makes of it, whatever is asked."""

    server: AgentServer

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Accept"]))
        self.send_response(self.server.status)
        self.send_header("Content-Type", self.server.media_type)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class AgentServer(TCPServer):
    status = 200
    media_type = "application/json"
    body = b'{"id": "the-agents", "image": {"id": null}}'

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Agent)
        self.asked: list[tuple[str, str]] = []

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a command beside it."""
        return {"SELFINSPECT_URI": f"http://127.0.0.1:{self.server_address[1]}"}


@pytest.fixture
def agent() -> Iterator[AgentServer]:
    """An agent that listens."""
    with AgentServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("words", "path", "out"),
    [
        (("id",), "/v1/identity", "the-agents\n"),
        (("show", "id"), "/v1/self", "the-agents\n"),
        (("show", "image/id"), "/v1/self", "\n"),
    ],
)
def test_a_running_agent_is_asked(
    call: Call, agent: AgentServer, words: tuple[str, ...], path: str, out: str
) -> None:
    """Its word is taken, once and whole."""
    outcome = call(*words, environ=agent.environ)
    assert (outcome.code, outcome.out) == (0, out)
    assert agent.asked == [(path, "application/json")]


def test_an_option_on_the_command_line_asks_nobody(
    call: Call, agent: AgentServer, here: tuple[str, ...]
) -> None:
    """The agent may have been started with others."""
    assert call("id", *here, environ=agent.environ).out == f"{ID}\n"
    assert agent.asked == []


def test_an_option_in_the_environment_is_the_agents_too(
    call: Call, agent: AgentServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an image sets for its agent does not keep a command from asking that agent."""
    monkeypatch.setenv("SELFINSPECT_ENGINE", "off")
    assert call("id", environ=agent.environ).out == "the-agents\n"


@pytest.mark.parametrize(
    ("status", "media_type"), [(503, "application/problem+json"), (200, "text/html")]
)
def test_without_a_usable_answer_the_verb_looks_itself(  # noqa: PLR0917 - fixtures
    call: Call,
    agent: AgentServer,
    here: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    media_type: str,
) -> None:
    """The command looks for itself; so it does where somebody else answers."""
    agent.status, agent.media_type, agent.body = status, media_type, b"<p>nothing to read</p>"
    monkeypatch.setenv("SELFINSPECT_ENGINE", "off")
    monkeypatch.setenv("SELFINSPECT_ROOT", here[-1])
    assert call("id", environ=agent.environ).out == f"{ID}\n"
    assert len(agent.asked) == 1


@pytest.mark.parametrize(
    ("status", "code", "out"), [(200, 0, "ok\n"), (503, 1, ""), (404, 1, ""), (421, 1, "")]
)
def test_healthcheck_follows_the_status(
    call: Call, agent: AgentServer, status: int, code: int, out: str
) -> None:
    """200 is well; anything else is not, and says what it was."""
    agent.status = status
    outcome = call("healthcheck", environ=agent.environ)
    assert (outcome.code, outcome.out) == (code, out)
    assert agent.asked == [("/healthz", "*/*")]
    assert (f"answers {status}\n" in outcome.err) is (code == 1)


def test_healthcheck_asks_where_the_agent_is_to_listen(call: Call, agent: AgentServer) -> None:
    """Where its address stands nowhere, and a process of this container listens there."""
    address = agent.environ["SELFINSPECT_URI"].removeprefix("http://")
    assert call("healthcheck", environ={"SELFINSPECT_LISTEN": address}).out == "ok\n"


def test_healthcheck_of_nobody_is_exit_1(call: Call) -> None:
    """An agent that does not answer is not well; the message names its address."""
    outcome = call("healthcheck", environ={"SELFINSPECT_URI": "http://127.0.0.1:1"})
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == ("selfinspect: error: the agent at http://127.0.0.1:1 does not answer\n")


@pytest.mark.parametrize("timeout", ["0.01ms", "1s"])
def test_healthcheck_takes_a_duration(call: Call, timeout: str) -> None:
    """As every other time on the command line."""
    uri = {"SELFINSPECT_URI": "http://127.0.0.1:1"}
    assert call("healthcheck", "--timeout", timeout, environ=uri).code == 1


@pytest.mark.parametrize("timeout", ["5", "soon", "-1s", ""])
def test_healthcheck_refuses_what_is_none(call: Call, timeout: str) -> None:
    """A bad duration is a usage error on one line."""
    outcome = call("healthcheck", "--timeout", timeout)
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "'--timeout'" in outcome.err
