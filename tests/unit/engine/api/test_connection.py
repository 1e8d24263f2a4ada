"""Who is there, and the version agreed with them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.api.connection import HIGHEST_API, Connection, connect
from selfinspect.errors import EngineDeniedError, EngineError, EngineUnreachableError
from tests.support.canned_engine import PING, Answer, CannedEngine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.model import Json


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


def test_an_engine_too_old_is_reported_at_once(engine: CannedEngine) -> None:
    """1.9 is older than 1.12: versions are compared as numbers."""
    with pytest.raises(EngineUnreachableError) as caught:
        _connected(engine, {"Api-Version": "1.9"})
    assert caught.value.outcome == "API too old"
    assert "1.12 is the oldest" in caught.value.detail


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
def test_the_product_follows_from_its_headers(
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
        replace(PING, headers={"Api-Version": "1." + "9" * 5000}),
        Answer(raw=b"HTTP/1.1 200 OK\r\nApi-Ver"),
        Answer(301, headers={"Location": "/elsewhere", "Api-Version": "1.41"}),
    ],
    ids=["no version", "HTML", "a word", "a path", "5000 digits", "half a header", "a redirect"],
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


@pytest.mark.parametrize(
    ("status", "body", "says", "hint"),
    [
        (502, b"<h1>502 Bad Gateway</h1>", "the proxy nginx answered 502", "lead to its socket"),
        (503, b"no server", "the proxy nginx answered 503", "systemctl start docker"),
        (404, b"not here", "the proxy nginx answered 404", "unix://SOCKET/PATH"),
        (407, b"who are you", "answered 407", "is a proxy for the web: name the engine itself"),
        (
            403,
            {"message": "authorization denied by plugin opa-docker: no"},
            "the engine answered 403: authorization denied by plugin opa-docker",
            "let the engine's authorization plugin opa-docker allow GET /_ping",
        ),
        (401, b"Unauthorized", "the proxy nginx answered 401", "PING=1"),
        (500, {"message": "on fire"}, "the engine answered 500: on fire", "None"),
    ],
)
def test_who_answered_in_the_engines_stead_is_reported(
    engine: CannedEngine, status: int, body: Json | bytes, says: str, hint: str
) -> None:
    """A proxy with nobody behind it, one that wants a path, one for the web; a plugin."""
    engine.answers["/_ping"] = Answer(status, body, {"Server": "nginx/1.22.1"})
    with pytest.raises(EngineError) as caught:
        connect(engine.url)
    assert says in caught.value.detail
    assert hint.replace("unix://SOCKET", engine.url) in str(caught.value.hint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "ssh://somewhere",
        "npipe:////./pipe/docker_engine",
        "http://",
        "var/run/docker.sock",
        "tcp://",
        "tcp://[::1",
        "tcp://host:99999",
        "tcp://host:port",
        "tcp://bob:[masked]@host:1",
    ],
)
def test_other_transports_are_refused_as_such(endpoint: str) -> None:
    """An endpoint that cannot be spoken to says so instead of failing oddly."""
    with pytest.raises(EngineUnreachableError) as caught:
        connect(endpoint)
    assert caught.value.outcome == "unsupported"
    assert (caught.value.hint or "").startswith(
        "name the engine's socket: it takes unix:///path/of.sock or tcp://host:port"
    )
