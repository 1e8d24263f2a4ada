"""The two applications as wholes: their paths, HEAD, and what goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.errors import (
    BadRequestError,
    EngineDeniedError,
    EngineUnreachableError,
    EngineUnsupportedError,
    NotFoundError,
    SelfinspectError,
    UnknownContainerError,
)
from selfinspect.model import Attempt, Candidate, Identity, Snapshot

if TYPE_CHECKING:
    from tests.unit.web.conftest import Ask, World

PATHS = [
    "/v1/self",
    "/v1/identity",
    "/v1/inspect",
    "/v1/stats",
    "/v1/stats/raw",
    "/v1/events",
    "/metrics",
]


@pytest.mark.parametrize("path", [*PATHS, "/v1/self/id", "/healthz", "/readyz", "/nope"])
def test_head_is_get_without_the_body(ask: Ask, path: str) -> None:
    """Status and headers of HEAD are those of GET; the server leaves the body out."""
    head, get = ask(path, method="HEAD"), ask(path)
    assert head.status == get.status
    headers = {**get.headers, "date": head.headers["date"]}
    assert head.headers == headers


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nope", "//metrics", "/v1/../metrics", "/%00"])
def test_an_unknown_path_is_404_with_those_there(ask: Ask, path: str) -> None:
    """Nothing is redirected or tidied up; the detail lists the paths."""
    problem = ask(path).problem
    assert (problem["status"], problem["type"]) == (404, "urn:selfinspect:problem:not-found")
    assert all(there in str(problem["detail"]) for there in PATHS)


@pytest.mark.parametrize("path", ["/", "/v1/self", "/v1/identity", "/v1/events/stream", "/nope"])
def test_the_metrics_listener_knows_three_paths(ask_metrics: Ask, path: str) -> None:
    """All others are 404, and its answer names those three alone."""
    problem = ask_metrics(path).problem
    assert problem["status"] == 404
    assert problem["detail"] == f"no path {path!r}: there are /metrics, /healthz, /readyz"


def test_metrics_come_in_the_form_that_is_asked_for(ask: Ask, ask_metrics: Ask) -> None:
    """The exposition format is negotiated, and its own content type comes with it."""
    for client in (ask, ask_metrics):
        reply = client("/metrics", headers={"accept": "application/openmetrics-text"})
        assert reply.body == b"# application/openmetrics-text\n"
        assert reply.headers["content-type"] == "text/plain; version=1; timeout=None"


@pytest.mark.parametrize("ready", [True, False])
def test_readiness_lists_its_checks_to_who_is_inside(
    world: World, ask: Ask, ask_metrics: Ask, *, ready: bool
) -> None:
    """200 or 503; the checks are shown on the API alone."""
    world.ready = ready
    inside, outside = ask("/readyz"), ask_metrics("/readyz")
    assert inside.status == outside.status == (200 if ready else 503)
    check = {"name": "identity", "ok": ready, "detail": "by a test"}
    assert inside.json == {"ready": ready, "checks": [check]}
    assert outside.body == (b"ready\n" if ready else b"not ready\n")


def test_health_follows_nothing(world: World, ask: Ask, ask_metrics: Ask) -> None:
    """While the loop turns the agent is well, ready or not."""
    world.ready = False
    world.snapshot = Snapshot(Identity(None, None, None))
    for client in (ask, ask_metrics):
        assert (client("/healthz").status, client("/healthz").body) == (200, b"ok\n")


def test_identity_is_answered_even_when_refused(world: World, ask: Ask) -> None:
    """The evidence and the places tried are there, with null for what does not stand."""
    candidate = Candidate("b" * 64, "hostname", "network", "bbbbbbbbbbbb", "disproved", "no")
    world.snapshot = Snapshot(
        Identity(None, None, None, reason="none is ours", candidates=(candidate,)),
        tried=(Attempt("unix:///run/docker.sock", "missing"),),
    )
    reply = ask("/v1/identity")
    assert reply.status == 200
    assert reply.json == {
        "id": None,
        "name": None,
        "level": None,
        "method": None,
        "reason": "none is ours",
        "engine": None,
        "candidates": [
            {
                "id": "b" * 64,
                "source": "hostname",
                "scope": "network",
                "evidence": "bbbbbbbbbbbb",
                "verdict": "disproved",
                "reason": "no",
            }
        ],
        "tried": [{"endpoint": "unix:///run/docker.sock", "outcome": "missing"}],
    }


def test_stats_are_the_sample_without_what_only_metrics_carry(ask: Ask) -> None:
    """Unknown figures are null, never zero, and `detail` is not shown."""
    document = ask("/v1/stats").json
    assert isinstance(document, dict)
    assert document["source"] == "engine"
    assert document["network"] is None
    assert document["pids"] == {"current": None, "limit": None}
    assert "detail" not in document


def test_stats_that_cannot_be_had_say_why(world: World, ask: Ask) -> None:
    """No figures, or no engine to ask, is 503 with when to come back."""
    for sample in (None, EngineUnreachableError("gone", hint="start it")):
        world.sample = sample
        reply = ask("/v1/stats")
        assert (reply.status, reply.headers["retry-after"]) == (503, "5")
        assert reply.problem["type"] == "urn:selfinspect:problem:engine-unreachable"


@pytest.mark.parametrize(
    "path", ["/v1/self", "/v1/inspect/Id", "/v1/stats", "/v1/stats/raw", "/v1/stats/stream",
             "/v1/events", "/v1/events/stream", "/v1/runs", "/v1/runs/previous"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nobody_in_particular_is_not_reported_on(
    world: World, ask: Ask, path: str, method: str
) -> None:
    """Where the identity does not stand, whatever is about the container is 503."""
    world.snapshot = Snapshot(Identity(None, None, None, reason="none is ours"))
    reply = ask(path, method=method)
    assert (reply.status, reply.headers["retry-after"]) == (503, "5")
    if method == "GET":
        assert reply.problem["type"] == "urn:selfinspect:problem:no-identity"


@pytest.mark.parametrize(
    "error",
    [
        SelfinspectError("failed"),
        BadRequestError("bad"),
        NotFoundError("none"),
        EngineUnreachableError("gone"),
        EngineDeniedError("no", code=403, capability="stats"),
        EngineUnsupportedError("no", code=501, capability="stats"),
        UnknownContainerError("no", code=404, capability="stats"),
    ],
)
def test_no_problem_is_without_a_hint(world: World, ask: Ask, error: SelfinspectError) -> None:
    """Where the error itself has no hint, its kind has one."""
    world.sample = error
    assert str(ask("/v1/stats").problem["hint"] or "") != ""
    error.hint = "unplug it"
    world.sample = error
    assert ask("/v1/stats").problem["hint"] == "unplug it"


def test_a_mistake_of_ours_is_a_problem_too(world: World, ask: Ask) -> None:
    """It is answered without its text, which may hold anything; the server logs it."""
    world.fails()
    reply = ask("/v1/stats")
    assert (reply.status, reply.problem["type"]) == (500, "urn:selfinspect:problem:error")
    assert b"a secret" not in reply.body
    assert reply.headers["x-content-type-options"] == "nosniff"
