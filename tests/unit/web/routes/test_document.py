"""`/v1/self` and `/v1/inspect`, whole and drilled into."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selfinspect import times
from selfinspect.engine.inspect.describe import without_engine
from selfinspect.events.subscribers import Waiting
from selfinspect.model import Candidate, EngineFailure, Identity, Snapshot

if TYPE_CHECKING:
    from tests.unit.web.conftest import Ask, AskUntil, World

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
    """What is unknown is null, at the first level and below."""
    document = ask("/v1/self").json
    assert isinstance(document, dict)
    assert document["health"] is None
    assert document["image"] == {"reference": None, "id": None, "digests": None}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/self/ports/1", "at /ports: its members are 8080, 9090"),
        ("/v1/self/command/2", "at /command: its indices are 0 to 1"),
        ("/v1/self/id/x", "at /id: it is a single value"),
        ("/v1/self/compose/project", "at /compose: it is null"),
        ("/v1/self/..", "no member '..' at /"),
        ("/v1/self/%2e%2e/metrics", "no member '..' at /"),
        ("/v1/self//id", "no member '' at /"),
        ("/v1/self/%00", r"no member '\x00' at /"),
        ("/v1/inspect/nope", "at /: its members are Id, State, Mounts"),
    ],
)
def test_an_unknown_member_is_404_with_those_there(ask: Ask, path: str, said: str) -> None:
    """The detail lists what could have been asked for."""
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


@pytest.mark.parametrize("path", ["/v1/self", "/v1/self/name", "/v1/inspect", "/v1/inspect/Id"])
def test_what_the_client_has_is_304(ask: Ask, path: str) -> None:
    """Every representation has an ETag; who has it gets no body, but the tag again."""
    tag = ask(path).headers["etag"]
    for cached in (tag, f"W/{tag}", "*", f'"a", {tag}', f'W/"a",{tag},"b"'):
        reply = ask(path, headers={"if-none-match": cached})
        assert (reply.status, reply.body) == (304, b"")
        assert (reply.headers["etag"], reply.headers["vary"]) == (tag, "Accept")
        assert reply.headers["cache-control"] == "no-cache"
        assert "content-type" not in reply.headers


@pytest.mark.parametrize("cached", ['"a"', "a", "", "**", '"*"'])
def test_what_the_client_lacks_is_sent(ask: Ask, cached: str) -> None:
    """Another tag, or what is none, changes nothing."""
    assert ask("/v1/self/name", headers={"if-none-match": cached}).body == b"app\n"


def test_the_tag_is_of_the_form_asked_for(ask: Ask) -> None:
    """Text and JSON differ; a tag of the one does not hold for the other."""
    tag = ask("/v1/self/name").headers["etag"]
    reply = ask("/v1/self/name", headers={"accept": "application/json", "if-none-match": tag})
    assert (reply.status, reply.body) == (200, b'"app"')


def test_a_missing_member_is_not_304(ask: Ask) -> None:
    """There is nothing that somebody could have."""
    assert ask("/v1/self/nope", headers={"if-none-match": "*"}).status == 404


def test_whoever_has_something_else_is_answered_at_once(ask: Ask) -> None:
    """Also who has nothing yet, and says so; and who does not wait at all."""
    tag = ask("/v1/self/name").headers["etag"].strip('"')
    for query in ("last_etag=a", "last_etag=", f"last_etag={tag}x"):
        assert ask(f"/v1/self/name?wait_for_change=true&{query}").body == b"app\n"
    assert ask(f"/v1/self/name?wait_for_change=false&last_etag={tag}").body == b"app\n"


@pytest.mark.parametrize("form", ["{}", '"{}"', 'W/"{}"'])
def test_a_change_ends_the_wait(world: World, ask: Ask, ask_until: AskUntil, form: str) -> None:
    """Who has the present value gets the next one, with its own tag."""
    tag = ask("/v1/self/name").headers["etag"]
    query = "wait_for_change=true&last_etag=" + form.format(tag.strip('"'))
    reply = ask_until(f"/v1/self/name?{query}", lambda: _renamed(world))
    assert (reply.status, reply.body) == (200, b"shop\n")
    assert reply.headers["etag"] == ask("/v1/self/name").headers["etag"] != tag


def test_without_a_tag_the_next_change_is_waited_for(world: World, ask_until: AskUntil) -> None:
    """A change elsewhere in the document is none of the member."""
    reply = ask_until(
        "/v1/self/name?wait_for_change=true",
        lambda: _known(world, state="paused"),
        lambda: _renamed(world),
    )
    assert reply.body == b"shop\n"


def test_a_member_not_there_yet_is_waited_for(world: World, ask_until: AskUntil) -> None:
    """Until it appears; and one that goes ends the wait as well."""
    path = "/v1/self/labels/new?wait_for_change=true"
    assert ask_until(path, lambda: _known(world, labels={"new": "there"})).body == b"there\n"
    assert ask_until(path, lambda: _known(world, labels={})).status == 404


def test_an_identity_is_waited_for(world: World, ask_until: AskUntil) -> None:
    """An app that asks before the agent has found out gets its answer as soon as it has."""
    snapshot, world.snapshot = world.snapshot, Snapshot(Identity(None, None, None))
    reply = ask_until(
        "/v1/self/name?wait_for_change=true", lambda: setattr(world, "snapshot", snapshot)
    )
    assert reply.body == b"app\n"


def test_an_inspect_that_changed_nothing_ends_no_wait(world: World, ask_until: AskUntil) -> None:
    """A later `inspected_at` alone does not change the document, only its own member."""
    later = "2026-11-21T09:01:00.000000000Z"
    whole = ask_until(
        "/v1/self?wait_for_change=true",
        lambda: _known(world, inspected_at=later),
        lambda: _renamed(world),
    ).json
    assert isinstance(whole, dict)
    assert (whole["name"], whole["inspected_at"]) == ("shop", later)
    member = "/v1/self/inspected_at?wait_for_change=true"
    assert ask_until(member, lambda: _known(world, inspected_at="now")).body == b"now\n"


def test_after_its_time_a_wait_ends_with_what_there_is(ask: Ask) -> None:
    """The present value with 200, a member that never came with 404, no identity with 503."""
    assert ask("/v1/self/name?wait_for_change=true&timeout_sec=0").body == b"app\n"
    missing = ask("/v1/self/nope?wait_for_change=true&timeout_sec=0.01")
    assert "its members are" in str(missing.problem["detail"])
    tag = ask("/v1/self/name").headers["etag"]
    held = ask("/v1/self/name?wait_for_change=true&timeout_sec=0", headers={"if-none-match": tag})
    assert held.status == 304


@pytest.mark.parametrize("path", ["/v1/self", "/v1/self/nope", "/v1/inspect/Id"])
@pytest.mark.parametrize(
    "query", ["timeout_sec=301", "wait_for_change=1", "last_etag=a&last_etag=a"]
)
def test_a_bad_wait_is_refused(ask: Ask, path: str, query: str) -> None:
    """Before anything is looked at."""
    problem = ask(f"{path}?{query}").problem
    assert problem["type"] == "urn:selfinspect:problem:bad-request"
    assert query.partition("=")[0] in str(problem["detail"])


def test_too_many_waiters_are_refused(world: World, ask: Ask) -> None:
    """The one too many learns that it may come back."""
    world.waiting = Waiting(limit=0)
    reply = ask("/v1/self?wait_for_change=true")
    assert (reply.status, reply.headers["retry-after"]) == (503, "5")
    assert reply.problem["type"] == "urn:selfinspect:problem:too-many-streams"


def _known(world: World, **members: object) -> None:
    assert world.snapshot.self is not None
    own = replace(world.snapshot.self, **members)  # type: ignore[arg-type]
    world.snapshot = replace(world.snapshot, self=own)


def _renamed(world: World) -> None:
    _known(world, name="shop")
