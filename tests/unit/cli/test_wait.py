"""`wait`: until the agent is ready."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.cli.conftest import Call


class Unready(BaseHTTPRequestHandler):
    """Not ready the first few times."""

    asked: ClassVar[list[str]] = []
    body: ClassVar[bytes] = b""
    ready_after: ClassVar[int] = 3

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200 if len(self.asked) > self.ready_after else 503)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def agent() -> Iterator[HTTPServer]:
    """An agent that gets ready."""
    Unready.asked.clear()
    with HTTPServer(("127.0.0.1", 0), Unready) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def environ(server: HTTPServer) -> dict[str, str]:
    return {"SELFINSPECT_URI": f"http://127.0.0.1:{server.server_port}"}


def test_it_waits_until_the_agent_is_ready(call: Call, agent: HTTPServer) -> None:
    """It asks a few times, then ends well and says nothing."""
    outcome = call("wait", environ=environ(agent))
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert Unready.asked == ["/readyz"] * 4


def test_it_waits_no_longer_than_told(call: Call, agent: HTTPServer) -> None:
    """With no time it looks once."""
    outcome = call("wait", "--timeout", "0", environ=environ(agent))
    assert outcome.code == 1
    assert outcome.err.endswith("is not ready\n")
    assert Unready.asked == ["/readyz"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            b"""{"ready": false, "checks": [
                {"name": "identity", "ok": true, "detail": "proven by layer"},
                {"name": "sample", "ok": false, "detail": "none taken yet"}]}""",
            "is not ready: sample: none taken yet\n",
        ),
        (b"not ready\n", "is not ready\n"),
    ],
)
def test_what_is_waited_for_is_told(
    call: Call, agent: HTTPServer, monkeypatch: pytest.MonkeyPatch, body: bytes, said: str
) -> None:
    """As far as the agent reports it."""
    monkeypatch.setattr(Unready, "body", body)
    assert call("wait", "--timeout", "0", environ=environ(agent)).err.endswith(said)


def test_it_does_not_hammer(call: Call, agent: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses grow: in half a second it asks five times at most."""
    monkeypatch.setattr(Unready, "ready_after", 1000)
    assert call("wait", "--timeout", "500ms", environ=environ(agent)).code == 1
    assert 2 <= len(Unready.asked) <= 5


def test_an_agent_that_does_not_answer_is_waited_for(call: Call) -> None:
    """It may still be starting; in the end its address is named."""
    nobody = {"SELFINSPECT_URI": "http://127.0.0.1:1"}
    outcome = call("wait", "--timeout", "100ms", environ=nobody)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "selfinspect: error: no agent answers at http://127.0.0.1:1\n"


def test_a_timeout_that_is_none_is_a_usage_error(call: Call) -> None:
    """The option, the value and what it takes."""
    outcome = call("wait", "--timeout", "soon")
    assert outcome.code == 2
    assert "'soon': takes a duration such as 500ms, 5s or 2m" in outcome.err
