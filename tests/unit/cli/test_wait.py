"""`wait`: until the agent is ready. `open`: how its page is opened."""

from __future__ import annotations

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

from selfinspect.cli.wait import Place, ways

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selfinspect.model import Json
    from tests.unit.cli.conftest import Call, Outcome


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


def looked(call: Call, agent: HTTPServer) -> Outcome:
    """What one look finds; where the machine was too busy for an answer in its second, another."""
    while (
        "no agent answers" in (outcome := call("wait", "--timeout=0", environ=environ(agent))).err
    ):
        Unready.asked.clear()
    return outcome


def test_it_waits_until_the_agent_is_ready(call: Call, agent: HTTPServer) -> None:
    """It asks a few times, then ends well and says nothing."""
    outcome = call("wait", environ=environ(agent))
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert Unready.asked == ["/readyz"] * 4


def test_it_waits_no_longer_than_told(call: Call, agent: HTTPServer) -> None:
    """With no time it looks once."""
    outcome = looked(call, agent)
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
    assert looked(call, agent).err.endswith(said)


def test_it_does_not_hammer(call: Call, agent: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses grow: in half a second it asks five times at most."""
    monkeypatch.setattr(Unready, "ready_after", 1000)
    assert call("wait", "--timeout", "500ms", environ=environ(agent)).code == 1
    assert len(Unready.asked) <= 5


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
    assert "'soon': takes a duration such as 500ms, 5s, 2m, 1h or 1d" in outcome.err


LOOPBACK = Place(
    None, scheme="http", port=10310, beyond=False, token_file=None, hostname="a1b2c3d4"
)
TOKEN = "/run/selfinspect/token"
AGAIN = (
    "--publish 127.0.0.1:10310:10310 --env SELFINSPECT_LISTEN=0.0.0.0:10310"
    " --env SELFINSPECT_TOKEN_FILE=auto"
)
OPEN = replace(LOOPBACK, beyond=True, token_file=TOKEN)


def own(**members: Json) -> Json:
    """What `/v1/self` answers of a container that is called shop."""
    return {"name": "shop", "image": {"reference": "shop:1"}, **members}


def published(host_ip: str, host_port: int = 49153) -> Json:
    """The same, where the API's port is published there."""
    return own(port_bindings={"10310/tcp": [{"host_ip": host_ip, "host_port": host_port}]})


@pytest.mark.parametrize(
    ("place", "command", "said"),
    [
        (
            replace(LOOPBACK, own=own()),
            f"docker run {AGAIN} ... shop:1",
            "start it again",
        ),
        (
            replace(LOOPBACK, own=published("127.0.0.1")),
            f"docker run {AGAIN} ... shop:1",
            "start it again",
        ),
        (
            replace(LOOPBACK, own=own(engine={"product": "Podman"}), port=None),
            f"podman run {AGAIN} ... shop:1",
            "then open http://localhost:10310/",
        ),
        (
            replace(OPEN, own=published("0.0.0.0")),
            "http://localhost:49153/",
            f"its token: docker exec shop cat {TOKEN}",
        ),
        (replace(OPEN, own=published("fd00::7")), "http://[fd00::7]:49153/", "its token"),
        (
            replace(OPEN, own=own(networks={"bridge": {"ip": "172.17.0.2"}}), scheme="https"),
            "https://172.17.0.2:10310/",
            "--publish 127.0.0.1:10310:10310",
        ),
        (OPEN, "docker port a1b2c3d4 10310", f"its token: docker exec a1b2c3d4 cat {TOKEN}"),
        (
            replace(LOOPBACK, in_hosts_network=True, token_file=TOKEN),
            "http://localhost:10310/",
            f"its token: docker exec a1b2c3d4 cat {TOKEN}",
        ),
        (
            replace(
                LOOPBACK,
                own=own(kubernetes={"namespace": "shops", "pod": "shop-0"}),
                token_file="/etc/t k",
                in_pod=True,
            ),
            "kubectl port-forward --namespace shops pod/shop-0 10310",
            "its token: kubectl --namespace shops exec shop-0 -- cat '/etc/t k'",
        ),
        (
            replace(LOOPBACK, in_pod=True),
            "kubectl port-forward pod/a1b2c3d4 10310",
            "then open http://localhost:10310/",
        ),
    ],
)
def test_how_the_page_is_opened(place: Place, command: str, said: str) -> None:
    """One line to paste, by where the API listens, what is published, and who runs us."""
    first, *notes = ways(place)
    assert first == command
    assert any(said in note for note in notes)


def test_open_prints_one_line(call: Call, agent: HTTPServer, nowhere: tuple[str, ...]) -> None:
    """What there is to know of it stands on standard error."""
    outcome = call("open", *nowhere, environ=environ(agent))
    assert (outcome.code, outcome.out.count("\n")) == (0, 1)
    assert str(agent.server_port) in outcome.out


@pytest.mark.parametrize(
    "named",
    [{}, {"SELFINSPECT_URI": "http://127.0.0.1:1"}, {"SELFINSPECT_URI": "http://["}],
    ids=str,
)
def test_without_an_agent_there_is_no_page(call: Call, named: dict[str, str]) -> None:
    """Exit 1, and what helps."""
    outcome = call("open", environ=named)
    assert (outcome.code, outcome.out) == (1, "")
    assert "hint: selfinspect " in outcome.err
