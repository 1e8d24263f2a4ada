"""Which engine answers, and which proxy before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.quirks import named, product, proxy
from selfinspect.model import Engine

if TYPE_CHECKING:
    from selfinspect.model import Json

DOCKER: Json = {"Name": "Engine", "Version": "28.5.2"}


@pytest.mark.parametrize(
    ("server", "engine", "before"),
    [
        ("Docker/28.5.2 (linux)", ("Docker", "28.5.2"), None),
        ("nginx/1.22.1", ("Docker", None), "nginx"),
        ("Caddy, Docker/28.5.2 (linux)", ("Docker", "28.5.2"), "Caddy"),
        ("balena-engine", ("balena-engine", None), None),
        ("Libpod/5.8.0 (linux)", ("Docker", None), None),
        ("", ("Docker", None), None),
        ("/// (", ("Docker", None), None),
    ],
)
def test_the_headers_name_engine_and_proxy(
    server: str, engine: tuple[str, str | None], before: str | None
) -> None:
    """Whoever wrote `Server` last, and both where both did."""
    assert product({"Server": server}) == engine
    assert proxy({"Server": server}) == before


@pytest.mark.parametrize(
    ("release", "engine"),
    [
        (None, ("Docker", None)),
        ({}, ("Docker", None)),
        ({"Version": "28.5.2", "Components": [DOCKER]}, ("Docker", "28.5.2")),
        ({"Version": "5.8.6", "Components": [{"Name": "Podman Engine"}]}, ("Podman", "5.8.6")),
        ({"Version": "1.2", "Components": [None, 7, {"Name": ["Engine"]}]}, ("Docker", "1.2")),
        ({"Version": "28.5.2", "Platform": {"Name": "Docker Desktop"}}, ("Docker", "28.5.2")),
    ],
)
def test_the_release_names_what_the_headers_did_not(
    release: Json, engine: tuple[str, str | None]
) -> None:
    """By its components, else by its platform and version."""
    found = named(Engine("unix:///x", "Docker", None, "1.41"), release)
    assert (found.product, found.version) == engine


def test_what_the_headers_named_stays() -> None:
    """An engine's own word in its greeting is the shortest way."""
    greeted = Engine("unix:///x", "Docker", "20.10", "1.41")
    assert named(greeted, {"Components": [DOCKER]}) is greeted
