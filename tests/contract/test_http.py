"""The HTTP endpoint, from outside: what is asked over a real connection, and what comes back."""

from __future__ import annotations

import json
import signal
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.contract.conftest import HAS_OWN_RUN
from tests.support.canned_engine import Answer
from tests.support.container_root import container_root

if TYPE_CHECKING:
    from selfinspect.model import Json
    from tests.contract.conftest import Agent, Serve
    from tests.support.canned_engine import CannedEngine

ID = "7badd33650b90e2d3003590fc6629ed48dba2d0b1541a2c7ae760d252d3b182d"
SECRETS = ("hunter2-correct-horse", "s3cr3t-pa55")


def happened(action: str, nanoseconds: int, **attributes: str) -> dict[str, Json]:
    """An event of the container as the engine writes it."""
    return {
        "Type": "container",
        "Action": action,
        "Actor": {"ID": ID, "Attributes": {"name": "web", **attributes}},
        "timeNano": nanoseconds,
    }


def test_a_container_knows_itself(web: Agent) -> None:
    """Which it is, proven; its name; the host port that leads to it."""
    assert web.api.text("/v1/self/id") == f"{ID}\n"
    assert web.api.text("/v1/self/identity/level") == "proven\n"
    assert web.api.text("/v1/self/name") == "web\n"
    assert web.api.text("/v1/self/ports/8080/tcp") == "32768\n"
    assert web.api.text("/v1/inspect/Config/Hostname") == "box\n"
    identity = web.api.ask("/v1/identity").json
    assert isinstance(identity, dict)
    assert (identity["id"], identity["method"]) == (ID, "layer")


def test_readiness_and_figures(web: Agent) -> None:
    """It is ready once the identity stands and the first sample is taken."""
    assert json.loads(web.api.text("/readyz"))["ready"] is True
    assert web.api.text("/healthz") == "ok\n"
    assert json.loads(web.api.text("/v1/stats"))["memory"]["usage_bytes"] > 0
    assert "container_memory_usage_bytes{" in web.api.text("/metrics")


def test_secrets_are_masked_everywhere(web: Agent, engine: CannedEngine) -> None:
    """No answer and no line of the log shows the value of a secret variable."""
    engine.emit(happened("exec_start: login hunter2-correct-horse", 1, execID="1"))
    with web.api.stream("/v1/events/stream", Last_Event_ID="beef-0") as stream:
        shown = [str(stream.event("exec_start"))]
    paths = ("/v1/self", "/v1/inspect", "/v1/identity", "/v1/events", "/metrics", "/v1/self/env/x")
    shown += [web.api.ask(path).body.decode() for path in paths]
    assert web.api.text("/v1/self/env/DB_PASSWORD") == "[masked]\n"
    assert web.api.text("/v1/self/env/APP_MODE") == "live\n"
    text = "\n".join([*shown, json.dumps(web.log)])
    assert [secret for secret in SECRETS if secret in text] == []


@pytest.mark.parametrize("path", ["top", "changes", "logs", "stats/raw"])
def test_what_an_engine_says_of_a_failure_is_masked(
    web: Agent, engine: CannedEngine, path: str
) -> None:
    """Its words may quote a secret of ours, at their end cut off."""
    said: Json = {"message": f"no {' '.join([SECRETS[0]] * 99)}"}
    engine.answers[f"/containers/{ID}/{path.partition('/')[0]}"] = Answer(500, said)
    reply = web.api.ask(f"/v1/{path}")
    assert reply.status == 503
    assert "answered 500: no [masked] [masked]" in reply.body.decode()
    assert SECRETS[0][:6] not in reply.body.decode()


def test_a_rename_shows_at_once(web: Agent, engine: CannedEngine, inspect: dict[str, Json]) -> None:
    """By the time the event is seen the new name is current, and requests for it are served."""
    assert web.api.ask("/healthz", headers={"Host": "renamed:10310"}).status == 421
    with web.api.stream("/v1/events/stream") as stream:
        engine.knows({**inspect, "Name": "/renamed"})
        engine.emit(happened("rename", 1, oldName="/web", name="renamed"))
        frame = stream.event("rename")
    assert json.loads(frame["data"])["attributes"]["old_name"] == "/web"
    assert web.api.text("/v1/self/name") == "renamed\n"
    assert web.api.ask("/healthz", headers={"Host": "renamed:10310"}).status == 200


def test_a_stream_resumes_without_gap_or_repeat(web: Agent, engine: CannedEngine) -> None:
    """Last-Event-ID and `after` bring what came in between, once and in order."""
    with web.api.stream("/v1/events/stream") as stream:
        for number in range(5):
            engine.emit(happened("top", number + 1))
        ids = [stream.event("top")["id"] for _ in range(5)]
    with web.api.stream("/v1/events/stream", Last_Event_ID=ids[1]) as stream:
        engine.emit(happened("pause", 6))
        assert [stream.frame()["id"] for _ in range(3)] == ids[2:]
        assert stream.event("pause")
    with web.api.stream(f"/v1/events/stream?after={ids[3]}") as stream:
        assert stream.frame()["id"] == ids[4]
    page = web.api.ask(f"/v1/events?after={ids[3]}&action=pause").json
    assert isinstance(page, dict)
    assert isinstance(page["events"], list)
    assert len(page["events"]) == 1


def test_a_strangers_cursor_begins_with_a_gap(web: Agent, engine: CannedEngine) -> None:
    """Then comes all that is held."""
    with web.api.stream("/v1/events/stream") as stream:
        engine.emit(happened("pause", 1))
        held = stream.event("pause")
    with web.api.stream("/v1/events/stream", Last_Event_ID="beef-99") as stream:
        gap, *rest = [stream.frame() for _ in range(5)]
        expected = ["create", "start", "health_status", "pause"]
        assert [frame["event"] for frame in (gap, *rest)] == ["gap", *expected]
        assert rest[-1] == held
    assert json.loads(gap["data"])["attributes"]["reason"] == "journal"


def test_so_many_streams_and_no_more(web: Agent) -> None:
    """The 257th is 503, and everything else is answered as before."""
    streams = [web.api.open("/v1/events/stream") for _ in range(256)]
    try:
        assert {stream.status for stream in streams} == {200}
        refused = web.api.ask("/v1/events/stream")
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        assert web.api.text("/v1/self/id") == f"{ID}\n"
    finally:
        for stream in streams:
            stream.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_streams_cleanly(web: Agent, number: int) -> None:
    """A stream's answer comes to its proper end, and the exit code is 0."""
    with web.api.stream("/v1/events/stream") as stream:
        web.process.send_signal(number)
        # http.client raises IncompleteRead for a chunked body that breaks off.
        assert b"event:" not in stream.response.read()
    assert web.ended() == 0
    assert web.log[-1]["event"] == "agent.stopped"


def test_a_stop_waits_neither_for_the_engine_nor_for_a_client(
    serve: Serve, here: tuple[str, ...], engine: CannedEngine
) -> None:
    """An answer that waits for the engine, whose own time is 10 s, and half a request end too."""
    engine.answers[f"/containers/{ID}/stats"] = Answer(hangs=True)

    def seconds(asked: int) -> float:
        agent = serve(*here)
        engine.wait_for_requests(asked, "/stats")
        with agent.api.connect() as waiting, agent.api.connect() as silent:
            waiting.sendall(b"GET /v1/stats HTTP/1.1\r\nHost: localhost\r\n\r\n")
            silent.sendall(b"GET /v1/stats HT")
            assert agent.api.text("/healthz") == "ok\n"
            begun = time.monotonic()
            assert agent.stop() == 0
            return time.monotonic() - begun

    # A busy machine may hold one up, but not each of them.
    assert any(seconds(asked) < 8.0 for asked in (1, 2, 3))


def test_head_has_no_body_and_keeps_the_connection(web: Agent) -> None:
    """Headers as with GET; the next request on the connection is answered as ever."""
    head = b"HEAD /v1/self HTTP/1.1\r\nHost: localhost\r\n\r\n"
    stream = b"HEAD /v1/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /v1/self/name HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    first, second, third, body = web.api.say(head + stream + last).split(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 200 ")
    assert f"content-length: {len(web.api.ask('/v1/self').body)}".encode() in first
    assert second.startswith(b"HTTP/1.1 200 ")
    assert b"text/event-stream" in second
    assert third.startswith(b"HTTP/1.1 200 ")
    assert body == b"web\n"


ODD = [
    (b"GET /v1/self/labels/no%2Fsuch HTTP/1.1", 404),
    (b"GET /v1/self/../identity HTTP/1.1", 404),
    (b"GET /v1/self/%2e%2e/identity HTTP/1.1", 404),
    (b"GET //v1/self HTTP/1.1", 404),
    (b"GET /v1/self//id HTTP/1.1", 404),
    (b"GET /v1/self/%00 HTTP/1.1", 404),
    (b"GET /v1/self/%ff HTTP/1.1", 400),
    (b"GET /v1/self/\xff HTTP/1.1", 400),
    (b"GET /v1/self/\x00 HTTP/1.1", 400),
    (b"GET v1/self HTTP/1.1", 404),
    (b"GET http://evil.example/v1/self HTTP/1.1", 421),
    (b"GET ftp://localhost/v1/self HTTP/1.1", 400),
    (b"GET /v1/self?" + b"x" * 8192 + b" HTTP/1.1", 400),
    (b"GET /" + b"x" * 100_000 + b" HTTP/1.1", 400),
    (b"OPTIONS * HTTP/1.1", 405),
    (b"POST /v1/self HTTP/1.1", 405),
    (b"DELETE /v1/self HTTP/1.1", 405),
    (b"CONNECT localhost:80 HTTP/1.1", 405),
    (b"GET /v1/self", 400),
    (b"nonsense", 400),
]


def test_odd_requests_are_clear_refusals(web: Agent) -> None:
    """A status of the 400s, nosniff and an end; and the agent goes on."""
    for request_line, status in ODD:
        request = request_line + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        head, _, _ = web.api.say(request).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status), request_line
        assert b"\r\nx-content-type-options: nosniff" in head.lower(), request_line
        assert b"access-control-" not in head.lower()
    assert web.api.text("/v1/self/name") == "web\n"


SMUGGLED = b"GET /v1/self/name HTTP/1.1\r\nHost: localhost\r\n\r\n"
BOTH = {
    "a body that ends early": b"Content-Length: 61\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a body without an end": b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("method", [b"GET", b"POST"])
@pytest.mark.parametrize("body", BOTH.values(), ids=BOTH)
def test_what_may_be_one_request_or_two_is_refused(web: Agent, body: bytes, method: bytes) -> None:
    """With two lengths a proxy and the agent may disagree where it ends: RFC 9112, section 6.3."""
    said = web.api.say(method + b" /healthz HTTP/1.1\r\nHost: localhost\r\n" + body + SMUGGLED)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1 ") == 1


GUARDED = [
    (b"Host: localhost", 200),
    (b"Host: [::1]:10310", 200),
    (b"Host: web", 200),
    (b"Host: box", 200),
    (b"Host: evil.example", 421),
    (b"Host: ", 421),
    (b"X-No-Host: 1", 400),
    (b"Host: localhost\r\nHost: evil.example", 400),
    (b"Host: localhost\r\nX-Forwarded-For: 10.0.0.1", 403),
    (b"Host: localhost\r\nforwarded: for=10.0.0.1", 403),
    (b"Host: localhost\r\nVIA: 1.1 proxy", 403),
    (b"Host: localhost:1\r\nOrigin: http://localhost:1", 200),
    (b"Host: localhost:1\r\nOrigin: http://localhost:2", 403),
    (b"Host: localhost\r\nSec-Fetch-Site: cross-site", 403),
    (b"Host: localhost\r\n" + b"\r\n".join(b"X-%d: 1" % n for n in range(64)), 400),
]


def test_the_guard_stands_before_everything(web: Agent) -> None:
    """Who asks by a foreign name, through a proxy or from a foreign page gets nothing."""
    for headers, status in GUARDED:
        request = b"GET /v1/self/name HTTP/1.1\r\nConnection: close\r\n" + headers + b"\r\n\r\n"
        answer = web.api.say(request)
        assert answer.startswith(b"HTTP/1.1 %d " % status), headers
        assert (b"web\n" in answer) is (status == 200), headers


def test_the_metrics_listener_tells_nothing_else(web: Agent) -> None:
    """Not what there is on the API, and nothing about the container."""
    for path in ("/", "/v1/self", "/v1/identity", "/v1/events", "/v1/nope"):
        reply = web.metrics.ask(path)
        assert (reply.status, reply.headers["x-content-type-options"]) == (404, "nosniff")
        assert ID.encode() not in reply.body
    assert web.metrics.ask("/metrics", headers={"Host": "any.example"}).status == 200
    assert web.metrics.ask("/readyz").body == b"ready\n"


def test_it_listens_wherever_it_is_told(
    serve: Serve, here: tuple[str, ...], tmp_path: Path
) -> None:
    """TCP on both families and a Unix socket that its group may use, all with the same."""
    options = (f"--listen=unix://{tmp_path}/s", "--listen=127.0.0.1:0", "--listen=[::1]:0")
    agent = serve(*here, *options, listen=False).ready()
    assert [listener.text("/v1/self/name") for listener in agent.listeners] == ["web\n"] * 3
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o660


@pytest.mark.skipif(not HAS_OWN_RUN, reason="a /run of its own needs a mount namespace")
def test_the_address_is_left_for_others(web: Agent, tmp_path: Path) -> None:
    """A `docker exec` finds the agent by the file in /run."""
    root = Path(f"/proc/{web.process.pid}/root")
    uri = (root / "run/selfinspect/uri").read_text()
    assert uri == f"http+unix://{str(tmp_path).replace('/', '%2F')}%2Fapi.sock\n"


def test_without_an_engine_the_kernels_word_is_given(serve: Serve, tmp_path: Path) -> None:
    """The identity is observed, the document has nulls, and inspect says what would help."""
    root = container_root(tmp_path / "root", container=ID, hostname="box")
    agent = serve("--engine=auto", f"--root={root}", environ={"DOCKER_HOST": "unix:///none.sock"})
    agent.logged("identity.observed")
    assert agent.api.text("/v1/self/identity/level") == "observed\n"
    assert agent.api.text("/v1/self/hostname") == "box\n"
    assert agent.api.text("/v1/self/name") == "\n"
    reply = agent.api.ask("/v1/inspect")
    assert (reply.status, reply.headers["retry-after"]) == (503, "5")
    problem = reply.json
    assert isinstance(problem, dict)
    assert problem["type"] == "urn:selfinspect:problem:engine-unreachable"
    assert "-v /var/run/docker.sock" in str(problem["hint"])


def test_without_anything_it_refuses_and_goes_on(serve: Serve, tmp_path: Path) -> None:
    """The identity is null with a reason, the rest 503; it is alive and not ready."""
    agent = serve("--engine=off", f"--root={container_root(tmp_path / 'root')}")
    agent.logged("identity.refused")
    identity = agent.api.ask("/v1/identity").json
    assert isinstance(identity, dict)
    assert (identity["id"], identity["level"]) == (None, None)
    assert agent.api.ask("/v1/self").status == 503
    assert agent.api.ask("/readyz").status == 503
    assert agent.api.ask("/healthz").status == 200
    assert agent.stop() == 0


def test_an_engine_that_denies_is_named(
    serve: Serve, here: tuple[str, ...], engine: CannedEngine
) -> None:
    """Inspect is 403 with the reason; what the kernel knows is answered."""
    denied = Answer(403, {"message": "Forbidden by a proxy"})
    engine.answers |= {f"/containers/{ID}/json": denied, "/containers/json": denied}
    agent = serve(*here)
    agent.logged("engine.missing")
    reply = agent.api.ask("/v1/inspect")
    assert reply.status == 403
    problem = reply.json
    assert isinstance(problem, dict)
    assert problem["type"] == "urn:selfinspect:problem:denied-by-engine"
    assert agent.api.text("/v1/self/id") == f"{ID}\n"


def test_an_engine_that_goes_is_outlived_and_found_again(web: Agent, engine: CannedEngine) -> None:
    """Its last word is served with its age; once it is back all is as before."""
    engine.stop()
    web.logged("engine.lost")
    reply = web.api.ask("/v1/inspect/Name")
    assert (reply.status, int(reply.headers["age"]) >= 0) == (200, True)
    engine.start()
    engine.wait_for_streams()
    assert "age" not in web.api.ask("/v1/inspect/Name").headers


def test_nothing_is_asked_of_the_engine_while_nobody_asks(web: Agent, engine: CannedEngine) -> None:
    """After the start there are two event streams; a request for the document asks nothing."""
    before = list(engine.requests)
    for path in ("/v1/self", "/v1/inspect", "/v1/identity", "/v1/events", "/healthz", "/readyz"):
        assert web.api.ask(path).status == 200
    assert engine.requests == before


def test_the_log_is_one_json_object_a_line(web: Agent) -> None:
    """Where standard error is not a terminal; the first line says where it listens."""
    assert web.stop() == 0
    assert [line for line in web.log if line["event"] == "no JSON"] == []
    events = [line["event"] for line in web.log]
    assert events[0] == "agent.listening"
    assert {"identity.proven", "agent.ready", "agent.stopped"} <= set(events)
