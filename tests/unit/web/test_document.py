"""`/v1/self` and `/v1/inspect`, whole and drilled into."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selfinspect import times
from selfinspect.engine.describe import without_engine
from selfinspect.model import Candidate, EngineFailure, Identity, Snapshot

if TYPE_CHECKING:
    from tests.unit.web.conftest import Ask, World

UNPROVEN = Candidate("b" * 64, "hostname", "network", "bbbbbbbbbbbb")
GONE = EngineFailure("unix:///engine.sock: the engine went away", "start it again")
DENIED = EngineFailure("403 for inspect", "allow GET /containers/*/json", denied=True)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/self/ports/8080/tcp", b"49153\n"),
        ("/v1/self/ports/9090/tcp", b"\n"),
        ("/v1/self/labels/a%2Fb", b"slashed\n"),
        ("/v1/self/labels/na%C3%AFve", "ünïcode\n".encode()),
        ("/v1/self/labels/", b"empty\n"),
        ("/v1/self/command/1", b"--all\n"),
        ("/v1/self/networks/front/aliases/0", b"web\n"),
        ("/v1/inspect/State/Running", b"true\n"),
        ("/v1/inspect/Mounts/0/Type", b"bind\n"),
    ],
)
def test_a_scalar_is_plain_text(ask: Ask, path: str, body: bytes) -> None:
    """A value is answered raw with a newline, so that a shell can take it as it is."""
    reply = ask(path)
    assert (reply.status, reply.body) == (200, body)
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["vary"] == "Accept"


@pytest.mark.parametrize("accept", ["application/json", "text/html, Application/JSON;q=0.9"])
def test_a_scalar_is_json_where_that_is_asked_for(ask: Ask, accept: str) -> None:
    """Programs ask for JSON and get it for every member."""
    reply = ask("/v1/self/ports/8080/tcp", headers={"accept": accept})
    assert (reply.body, reply.headers["content-type"]) == (b"49153", "application/json")
    assert reply.headers["vary"] == "Accept"


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/v1/self/command", ["serve", "--all"]),
        ("/v1/self/ports", {"8080": {"tcp": 49153}, "9090": {"tcp": None}}),
        ("/v1/self/identity", {"level": "proven", "method": "layer"}),
        ("/v1/inspect/State", {"Running": True, "Pid": 42}),
    ],
)
def test_an_object_or_array_is_json(ask: Ask, path: str, document: object) -> None:
    """What has members is JSON, whatever is asked for."""
    reply = ask(path, headers={"accept": "text/plain"})
    assert (reply.json, reply.headers["content-type"]) == (document, "application/json")
    assert reply.headers["vary"] == "Accept"


def test_no_member_is_left_out(ask: Ask) -> None:
    """What is not known is null, at the first level and below."""
    document = ask("/v1/self").json
    assert isinstance(document, dict)
    assert document["health"] is None
    assert document["image"] == {"reference": None, "id": None, "digests": []}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/self/ports/1", "at /ports: its members are 8080, 9090"),
        ("/v1/self/command/2", "at /command: its indices are 0 to 1"),
        ("/v1/self/id/x", "at /id: it is a single value"),
        ("/v1/self/..", "no member '..' at /"),
        ("/v1/self/%2e%2e/metrics", "no member '..' at /"),
        ("/v1/self//id", "no member '' at /"),
        ("/v1/self/%00", r"no member '\x00' at /"),
        ("/v1/inspect/nope", "at /: its members are Id, State, Mounts"),
    ],
)
def test_an_unknown_member_is_404_with_those_there(ask: Ask, path: str, said: str) -> None:
    """The detail tells what could have been asked for."""
    problem = ask(path).problem
    assert (problem["status"], problem["type"]) == (404, "urn:selfinspect:problem:not-found")
    assert said in str(problem["detail"])


@pytest.mark.parametrize("path", ["/v1/self/%ff", "/v1/inspect/%C3%28"])
def test_a_path_that_is_no_utf_8_is_400(ask: Ask, path: str) -> None:
    """Bytes that are no text are the asker's mistake."""
    assert ask(path).problem["type"] == "urn:selfinspect:problem:bad-request"


@pytest.mark.parametrize("path", ["/v1/%73elf/id", "/v1/self%2Fid", "/v1//self", "/V1/self"])
def test_a_document_has_one_spelling(ask: Ask, path: str) -> None:
    """Other spellings of its path are other paths."""
    assert ask(path).problem["status"] == 404


@pytest.mark.parametrize(
    ("candidates", "slug"), [((), "no-identity"), ((UNPROVEN,), "ambiguous-identity")]
)
@pytest.mark.parametrize("path", ["/v1/self", "/v1/self/id", "/v1/inspect", "/v1/stats"])
def test_without_an_identity_there_is_nothing_to_say(
    world: World, ask: Ask, path: str, candidates: tuple[Candidate, ...], slug: str
) -> None:
    """A refused identity is 503 with the reason, a hint, and when to come back."""
    refused = Identity(None, None, None, reason="two names", candidates=candidates)
    world.snapshot = Snapshot(refused)
    reply = ask(path)
    assert (reply.status, reply.headers["retry-after"]) == (503, "5")
    assert reply.problem["type"] == f"urn:selfinspect:problem:{slug}"
    assert reply.problem["detail"] == "two names"
    assert "--container" in str(reply.problem["hint"])


@pytest.mark.parametrize(
    ("failure", "status", "slug"),
    [(GONE, 503, "engine-unreachable"), (DENIED, 403, "denied-by-engine")],
)
def test_what_only_an_engine_knows_needs_one(
    world: World, ask: Ask, failure: EngineFailure, status: int, slug: str
) -> None:
    """Inspect without an engine says why, and what to do; the rest is answered with nulls."""
    identity = Identity("a" * 64, "observed", "kernel")
    world.snapshot = Snapshot(
        identity, self=without_engine(identity, hostname="here"), failure=failure
    )
    reply = ask("/v1/inspect")
    assert (reply.status, reply.problem["type"]) == (status, f"urn:selfinspect:problem:{slug}")
    assert reply.problem["detail"] == failure.detail
    assert reply.problem["hint"] == failure.hint
    assert ("retry-after" in reply.headers) is (status == 503)
    own = ask("/v1/self").json
    assert isinstance(own, dict)
    assert (own["hostname"], own["name"], own["engine"]) == ("here", None, None)


def test_inspect_outlives_the_engine_and_tells_its_age(world: World, ask: Ask) -> None:
    """While the engine is away its last word is served, with the seconds since."""
    assert "age" not in ask("/v1/inspect/Id").headers
    own = world.snapshot.self
    assert own is not None
    an_hour_ago = times.rfc3339(time.time_ns() - 3600 * 10**9)
    world.snapshot = replace(
        world.snapshot, self=replace(own, inspected_at=an_hour_ago), failure=GONE
    )
    reply = ask("/v1/inspect/Id")
    assert reply.status == 200
    assert 3600 <= int(reply.headers["age"]) < 3700
