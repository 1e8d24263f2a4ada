"""What may be asked of an engine, and what each refusal means."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from selfinspect.engine.client import HIGHEST_API, Client, Connection, Prober, connect
from selfinspect.errors import (
    EngineAnswerError,
    EngineDeniedError,
    EngineError,
    EngineUnreachableError,
    EngineUnsupportedError,
    UnknownContainerError,
)
from tests.canned_engine import PING, Answer, CannedEngine, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selfinspect.model import Json

ID = "ab" * 32


@pytest.fixture
def connection(engine: CannedEngine) -> Iterator[Connection]:
    """A connection to the canned engine, whose requests begin after it."""
    made = connect(engine.url)
    engine.requests.clear()
    yield made
    made.transport.close()


@pytest.fixture
def client(connection: Connection) -> Client:
    """May ask about one container."""
    return Client(connection, ID)


def _connected(engine: CannedEngine, headers: Mapping[str, str], **options: str) -> Connection:
    engine.answers["/_ping"] = Answer(body=b"OK", headers=headers)
    made = connect(engine.url, **options)  # type: ignore[arg-type]  # api_version alone
    made.transport.close()
    return made


@pytest.mark.parametrize(
    ("offered", "spoken"),
    [("1.12", "1.12"), ("1.41", "1.41"), ("1.55", HIGHEST_API)],
)
def test_the_lower_of_both_versions_is_spoken(
    engine: CannedEngine, offered: str, spoken: str
) -> None:
    """Versions are compared as numbers, and neither side is asked for more than it has."""
    assert _connected(engine, {"Api-Version": offered}).engine.api_version == spoken


def test_an_engine_too_old_is_told_at_once(engine: CannedEngine) -> None:
    """1.9 is older than 1.12: versions are compared as numbers."""
    with pytest.raises(EngineUnreachableError) as caught:
        _connected(engine, {"Api-Version": "1.9"})
    assert caught.value.outcome == "API too old"
    assert "1.12 is the oldest" in caught.value.detail


@pytest.mark.parametrize(
    ("said", "outcome", "detail"),
    [
        (
            "client version 1.51 is too old. Minimum supported API version is 1.52, please upgrade",
            "API too old",
            "wants API version at least 1.52, and was spoken to in 1.51",
        ),
        (
            "client version 1.60 is too new. Maximum supported API version is 1.41",
            "API too new",
            "wants API version at most 1.41, and was spoken to in 1.60",
        ),
    ],
)
def test_a_version_that_the_engine_refuses_is_one_clear_error(
    engine: CannedEngine, client: Client, said: str, outcome: str, detail: str
) -> None:
    """The daemon's 400 becomes an error that names both versions and the variable."""
    engine.answers["/info"] = Answer(400, {"message": said})
    with pytest.raises(EngineUnreachableError) as caught:
        client.info()
    assert caught.value.outcome == outcome
    assert caught.value.detail.endswith(detail)
    assert "DOCKER_API_VERSION" in (caught.value.hint or "")


def test_a_given_version_is_not_negotiated(engine: CannedEngine) -> None:
    """DOCKER_API_VERSION is spoken whatever the engine offers."""
    made = _connected(engine, {"Api-Version": "1.51"}, api_version="1.30")
    assert made.engine.api_version == "1.30"


@pytest.mark.parametrize(
    ("headers", "product", "version"),
    [
        ({"Server": "Docker/28.5.2 (linux)"}, "Docker", "28.5.2"),
        ({"Server": "Libpod/5.8.0 (linux)", "Libpod-Api-Version": "5.8.0"}, "Podman", "5.8.0"),
        ({"Server": "balena-engine"}, "balena-engine", None),
        ({}, "Docker", None),
    ],
)
def test_the_product_is_told_by_its_headers(
    engine: CannedEngine, headers: Mapping[str, str], product: str, version: str | None
) -> None:
    """Podman has a header of its own; others name themselves in Server."""
    made = _connected(engine, {"Api-Version": "1.41", **headers})
    assert (made.engine.product, made.engine.version) == (product, version)
    assert made.engine.endpoint == engine.url


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b"OK"),
        Answer(body=b"<html>Welcome</html>", headers={"Content-Type": "text/html"}),
        replace(PING, headers={"Api-Version": "newest"}),
        replace(PING, headers={"Api-Version": "1.41/../.."}),
        Answer(raw=b"HTTP/1.1 200 OK\r\nApi-Ver"),
        Answer(301, headers={"Location": "/elsewhere", "Api-Version": "1.41"}),
    ],
    ids=["no version", "HTML", "a word", "a path", "half a header", "a redirect"],
)
def test_another_server_is_no_engine(engine: CannedEngine, answer: Answer) -> None:
    """Whoever answers /_ping without an API version is not spoken to."""
    engine.answers["/_ping"] = answer
    with pytest.raises(EngineUnreachableError):
        connect(engine.url)


def test_a_proxy_may_deny_the_ping(engine: CannedEngine) -> None:
    """A refusal of the very first request is a denial, not an absent engine."""
    engine.answers["/_ping"] = Answer(403, b"<h1>Forbidden</h1> by  rule\n7")
    with pytest.raises(EngineDeniedError) as caught:
        connect(engine.url)
    assert caught.value.detail == "ping: the engine answered 403: Forbidden by rule 7"
    assert (caught.value.hint or "").endswith("allow GET /_ping")


def test_other_transports_are_told_apart() -> None:
    """An endpoint that cannot be spoken to says so instead of failing oddly."""
    with pytest.raises(EngineUnreachableError) as caught:
        connect("ssh://somewhere")
    assert caught.value.outcome == "unsupported"
    assert caught.value.hint is not None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, EngineDeniedError),
        (403, EngineDeniedError),
        (405, EngineDeniedError),
        (404, UnknownContainerError),
        (501, EngineUnsupportedError),
        (400, EngineAnswerError),
        (409, EngineAnswerError),
        (500, EngineAnswerError),
        (503, EngineAnswerError),
        (201, EngineUnreachableError),
        (302, EngineUnreachableError),
    ],
)
def test_each_status_has_its_error(
    engine: CannedEngine, client: Client, status: int, kind: type[EngineError]
) -> None:
    """A status tells denial, absence, inability and plain failure apart."""
    engine.answers[f"/containers/{ID}/json"] = Answer(status, {"message": "as it is"})
    with pytest.raises(EngineError) as caught:
        client.inspect()
    assert type(caught.value) is kind
    assert caught.value.detail.endswith(f"inspect: the engine answered {status}: as it is")
    assert caught.value.endpoint == engine.url
    if isinstance(caught.value, EngineAnswerError):
        assert (caught.value.code, caught.value.capability) == (status, "inspect")
    assert (caught.value.hint is not None) is (kind is EngineDeniedError)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", ""),
        (b'{"message": "no"}', ": no"),
        (b'{"cause": "x", "message": "no", "response": 500}', ": no"),
        (b'{"reason": "no"}', ': {"reason": "no"}'),
        (b'["no"]', ': ["no"]'),
        (b"no\nway", ": no way"),
        (b"<html><b>no</b></html>", ": no"),
        (b"\xff\xfe", ": \ufffd\ufffd"),
        (b"n" * 1000, ": " + "n" * 200),
    ],
)
def test_an_errors_own_words_are_kept(
    engine: CannedEngine, client: Client, body: bytes, said: str
) -> None:
    """What an engine, Podman or a proxy says is handed on as one short line."""
    engine.answers["/info"] = Answer(500, body)
    with pytest.raises(EngineAnswerError) as caught:
        client.info()
    assert caught.value.detail == f"info: the engine answered 500{said}"


def test_each_path_carries_the_version(engine: CannedEngine, client: Client) -> None:
    """No request but the ping goes without the version agreed on."""
    for ask in (client.inspect, client.info, client.stats, lambda: client.image("sha256:cd")):
        with pytest.raises(UnknownContainerError):
            ask()
    assert engine.requests == [
        f"GET /v1.41/containers/{ID}/json",
        "GET /v1.41/info",
        f"GET /v1.41/containers/{ID}/stats?stream=false&one-shot=true",
        "GET /v1.41/images/sha256:cd/json",
    ]


def test_a_name_cannot_leave_its_place_in_the_path(
    engine: CannedEngine, connection: Connection
) -> None:
    """Whatever a container or image is called, it stays one segment of the path."""
    with pytest.raises(UnknownContainerError):
        Prober(connection).inspect("../info?x#y")
    with pytest.raises(UnknownContainerError):
        Client(connection, ID).image("../../info")
    assert all("/info" not in urlsplit(r.split(" ")[1]).path for r in engine.requests)
    assert engine.requests[0] == "GET /v1.41/containers/..%2Finfo%3Fx%23y/json"


@pytest.mark.parametrize(
    ("version", "query"),
    [("1.40", "stream=false"), ("1.41", "stream=false&one-shot=true"), ("1.12", "stream=false")],
)
def test_one_frame_of_stats_is_asked_for_where_it_can_be(
    engine: CannedEngine, version: str, query: str
) -> None:
    """`one-shot` came with API 1.41."""
    engine.answers["/_ping"] = Answer(headers={"Api-Version": version})
    engine.answers[f"/containers/{ID}/stats"] = Answer(body={"read": "now"})
    made = connect(engine.url)
    assert Client(made, ID).stats() == {"read": "now"}
    made.transport.close()
    assert engine.requests[-1] == f"GET /v{version}/containers/{ID}/stats?{query}"


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_empty_stats_are_an_empty_document(
    engine: CannedEngine, client: Client, body: bytes
) -> None:
    """Podman answers 200 with nothing for a container that does not run."""
    engine.answers[f"/containers/{ID}/stats"] = Answer(body=body)
    assert client.stats() == {}


@pytest.mark.parametrize("path", [f"/containers/{ID}/json", f"/containers/{ID}/stats", "/info"])
def test_an_answer_that_is_no_json_is_no_engines(
    engine: CannedEngine, client: Client, path: str
) -> None:
    """A 200 with HTML comes from somebody else."""
    engine.answers[path] = Answer(body=b"<html>")
    ask = {"json": client.inspect, "stats": client.stats, "info": client.info}
    with pytest.raises(EngineUnreachableError, match="is no JSON"):
        ask[path.rpartition("/")[2]]()


def test_recorded_documents_arrive_as_they_are(engine: CannedEngine) -> None:
    """Inspect, image, info and stats of an engine come through unchanged."""
    inspect, image = recorded("inspect"), recorded("image")
    engine.knows(inspect, image=image, stats=recorded("stats"))
    engine.answers["/info"] = Answer(body=recorded("info"))
    made = connect(engine.url)
    asked = Client(made, str(inspect["Id"]))
    assert asked.inspect() == inspect
    assert asked.image(str(inspect["Image"])) == image
    assert asked.info() == recorded("info")
    assert asked.stats() == recorded("stats")
    made.transport.close()


def _query(request: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(request.split(" ")[1]).query)


def test_events_are_filtered_by_the_engine(engine: CannedEngine, client: Client) -> None:
    """One stream is of the container itself, one of what surrounds it; `since` replays."""
    with client.own_events(since="5.000000001"), client.surrounding_events():
        own, around = map(_query, engine.requests)
    assert json.loads(own["filters"][0]) == {"container": [ID]}
    assert own["since"] == ["5.000000001"]
    assert json.loads(around["filters"][0]) == {"type": ["network", "volume", "daemon"]}
    assert "since" not in around


def test_a_denied_stream_is_a_denial(engine: CannedEngine, client: Client) -> None:
    """A proxy that lets no events through says so, and the connection is not kept."""
    engine.answers["/events"] = Answer(403, b"no events")
    with pytest.raises(EngineDeniedError, match="events: the engine answered 403: no events"):
        client.own_events()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"Titles": ["PID", "COMMAND"], "Processes": [["1", "sh"], ["7", "my app"]]}, 2),
        ({"Processes": [["1"], "odd", ["2", "sh"]]}, 1),
        ({"Processes": None}, 0),
        ([], 0),
    ],
)
def test_the_commands_of_a_candidate(
    engine: CannedEngine, connection: Connection, body: Json, expected: int
) -> None:
    """Names of processes are read from the second column; odd rows are passed over."""
    engine.answers[f"/containers/{ID}/top"] = Answer(body=body)
    assert len(Prober(connection).commands(ID)) == expected
    assert _query(engine.requests[-1]) == {"ps_args": ["-eo pid,comm"]}


def _stat(text: str) -> Mapping[str, str]:
    return {"X-Docker-Container-Path-Stat": base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (_stat('{"mtime": "2026-11-21T12:36:01.1Z"}'), "2026-11-21T12:36:01.1Z"),
        (_stat("{}"), None),
        (_stat("no JSON"), None),
        (_stat("[]"), None),
        ({"X-Docker-Container-Path-Stat": "é"}, None),
        ({"X-Docker-Container-Path-Stat": "abc"}, None),
        ({}, None),
    ],
)
def test_the_stamp_of_a_candidates_file(
    engine: CannedEngine,
    connection: Connection,
    headers: Mapping[str, str],
    expected: str | None,
) -> None:
    """When a file was modified stands in a header; what cannot be read is unknown."""
    engine.answers[f"/containers/{ID}/archive"] = Answer(headers=headers)
    assert Prober(connection).stamp(ID, "/.dockerenv") == expected
    assert engine.requests == [f"HEAD /v1.41/containers/{ID}/archive?path=%2F.dockerenv"]


def test_a_file_that_a_candidate_lacks_has_no_stamp(connection: Connection) -> None:
    """404 is an answer here; a denial is not."""
    assert Prober(connection).stamp(ID, "/.dockerenv") is None


def test_a_denied_stamp_is_a_denial(engine: CannedEngine, connection: Connection) -> None:
    """A proxy that lets no archive through says so."""
    engine.answers[f"/containers/{ID}/archive"] = Answer(405)
    with pytest.raises(EngineDeniedError):
        Prober(connection).stamp(ID, "/.dockerenv")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([{"Id": "a", "Created": 17}, {"Id": 5}, {}, "odd", {"Id": "b"}], {"a": 17, "b": 0}),
        ({}, {}),
    ],
)
def test_the_running_containers(
    engine: CannedEngine, connection: Connection, body: Json, expected: dict[str, int]
) -> None:
    """Their IDs, as far as they are IDs, and when each was created."""
    engine.answers["/containers/json"] = Answer(body=body)
    assert Prober(connection).running() == expected
