"""`stats`: what this container uses."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.cli.conftest import Call


class Asked(BaseHTTPRequestHandler):
    """An agent that somebody asked before: each answer has a percentage."""

    percents: ClassVar[list[float]] = []

    def do_GET(self) -> None:
        body = json.dumps({"cpu": {"percent": self.percents.pop(0)}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def environ() -> Iterator[dict[str, str]]:
    """Where such an agent is; its first percentage is of hours, its second of a second."""
    Asked.percents[:] = [1.0, 99.0]
    with HTTPServer(("127.0.0.1", 0), Asked) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield {"SELFINSPECT_URI": f"http://127.0.0.1:{server.server_port}"}
        finally:
            server.shutdown()
            thread.join()


def test_people_get_the_percentage_of_a_second(call: Call, environ: dict[str, str]) -> None:
    """Not the one since anybody last asked, which may be hours."""
    outcome = call("stats", environ=environ)
    assert outcome.code == 0
    assert outcome.out.splitlines()[1].startswith("99.00")


def test_programs_get_it_at_once(call: Call, environ: dict[str, str]) -> None:
    """With the seconds that it is of, as the agent answers."""
    outcome = call("stats", "--json", environ=environ)
    assert json.loads(outcome.out)["cpu"]["percent"] == 1.0
    assert Asked.percents == [99.0]
