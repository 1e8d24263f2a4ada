"""What may be asked of an engine, and what each refusal means."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from selfinspect.engine.api.client import Client, Prober
from selfinspect.engine.api.connection import Connection, connect
from selfinspect.errors import (
    EngineAnswerError,
    EngineDeniedError,
    EngineError,
    EngineUnreachableError,
    EngineUnsupportedError,
    UnknownContainerError,
)
from tests.support.canned_engine import Answer, CannedEngine, recorded
from tests.unit.engine.conftest import ID

NOT_JSON = r"is not a JSON object|cannot be read as JSON"


@pytest.mark.parametrize(
    ("said", "outcome", "detail"),
    [
        (
            "client version 1.51 is too old. Minimum supported API version is 1.52, please upgrade",
            "API too old",
            "requires API version 1.52 or later, and was asked in 1.51",
        ),
        (
            "client version 1.60 is too new. Maximum supported API version is 1.41",
            "API too new",
            "requires API version 1.41 or earlier, and was asked in 1.60",
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
    assert ("a selfinspect that speaks 1.52" in str(caught.value.hint)) is outcome.endswith("old")
    assert ("set it to 1.41" in str(caught.value.hint)) is outcome.endswith("new")


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
    """Denial, absence, inability and plain failure have their own statuses."""
    engine.answers[f"/containers/{ID}/json"] = Answer(status, {"message": "as it is"})
    with pytest.raises(EngineError) as caught:
        client.inspect()
    assert type(caught.value) is kind
    assert caught.value.detail.endswith(f"inspect: the engine answered {status}: as it is")
    assert caught.value.endpoint == engine.url
    if isinstance(caught.value, EngineAnswerError):
        assert (caught.value.code, caught.value.capability) == (status, "inspect")
    assert (caught.value.hint is not None) is (kind is EngineDeniedError)


def test_a_log_that_cannot_be_read_says_which_drivers_can(
    engine: CannedEngine, client: Client
) -> None:
    """As an engine answers for the logging driver `none`."""
    said = "configured logging driver does not support reading"
    engine.answers[f"/containers/{ID}/logs"] = Answer(501, {"message": said})
    with pytest.raises(EngineUnsupportedError) as caught:
        client.logs({})
    assert "--log-driver local" in (caught.value.hint or "")


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
        (b"no way to http://bob:hunter2x@proxy/", ": no way to http://bob:[masked]@proxy/"),
        (b"<" * 2**21, ": " + "<" * 200),
        (b"[" * 100_000, ": " + "[" * 200),
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


def test_an_image_that_is_gone_is_no_container(engine: CannedEngine, client: Client) -> None:
    """The problem's title says which of the two the engine does not have."""
    engine.answers["/images/sha256:cd/json"] = Answer(404, {"message": "No such image"})
    for ask in (client.image, client.history):
        with pytest.raises(UnknownContainerError) as caught:
            ask("sha256:cd")
        assert caught.value.title == "The engine no longer has this image"


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
    with pytest.raises(EngineUnreachableError, match=NOT_JSON):
        ask[path.rpartition("/")[2]]()


@pytest.mark.parametrize("body", [b"null", b"7", b'"x"', b"[{}]", b"[" * 100_000])
def test_an_answer_that_is_no_object_is_no_engines(
    engine: CannedEngine, client: Client, body: bytes
) -> None:
    """JSON alone does not make an engine."""
    asked = {"json": client.inspect, "stats": client.stats, "top": client.top}
    for path, ask in asked.items():
        engine.answers[f"/containers/{ID}/{path}"] = Answer(body=body)
        with pytest.raises(EngineUnreachableError, match=NOT_JSON):
            ask()


def test_a_document_that_is_too_large_is_called_so(engine: CannedEngine, client: Client) -> None:
    """An engine is there: the error says how much is read, and what makes it less."""
    mount = b'{"Type":"","Source":"","Destination":"","Mode":"","RW":true,"Propagation":""}'
    mounts = b",".join([mount] * 60_000)
    engine.answers[f"/containers/{ID}/json"] = Answer(body=b'{"Mounts": [%s]}' % mounts)
    with pytest.raises(EngineUnreachableError, match=r"inspect is too large: .* 32 MiB") as caught:
        client.inspect()
    assert caught.value.outcome == "too large"
    assert "fewer mounts" in str(caught.value.hint)


@pytest.mark.parametrize("body", [b"{}", b"7", b'"x"'])
def test_an_answer_that_is_no_array_is_no_engines(
    engine: CannedEngine, client: Client, body: bytes
) -> None:
    """Where an engine answers with one; an empty one may be null."""
    engine.answers |= {f"/containers/{ID}/changes": Answer(body=body)}
    with pytest.raises(EngineUnreachableError, match="is not a JSON array"):
        client.changes()


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


def test_the_past_is_bounded(engine: CannedEngine, client: Client) -> None:
    """With `until` the answer ends by itself; everybody's events have no filter."""
    with client.own_events("1.000000000", "2.000000000") as own:
        assert list(own.lines()) == []
    with client.all_events(until="2.000000000") as everybodys:
        assert list(everybodys.lines()) == []
    asked, unfiltered = map(_query, engine.requests)
    assert (asked["since"], asked["until"]) == (["1.000000000"], ["2.000000000"])
    assert unfiltered == {"until": ["2.000000000"]}


def test_a_denied_stream_is_a_denial(engine: CannedEngine, client: Client) -> None:
    """A proxy that lets no events through says so, and the connection is not kept."""
    engine.answers["/events"] = Answer(403, b"no events")
    with pytest.raises(EngineDeniedError, match="events: the engine answered 403: no events"):
        client.own_events()
