"""`/v1/top`, `/v1/changes`, `/v1/image`: what the engine lists of us."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.api.client import Client, Inquiry
from selfinspect.engine.api.connection import connect
from selfinspect.masking import Masking
from tests.support.canned_engine import Answer, recorded
from tests.unit.web.conftest import ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.canned_engine import CannedEngine
    from tests.unit.web.conftest import Ask, World

IMAGE = "sha256:" + "cd" * 32


@pytest.fixture(autouse=True)
def inquiry(world: World, engine: CannedEngine) -> Iterator[None]:
    """An engine that lists everything."""
    engine.answers |= {
        f"/containers/{ID}/top": Answer(body={"Titles": ["PID"], "Processes": [["7"]]}),
        f"/containers/{ID}/changes": Answer(body=[{"Path": "/tmp", "Kind": 0}]),
        f"/images/{IMAGE}/json": Answer(body=recorded("image")),
        f"/images/{IMAGE}/history": Answer(body=[{"CreatedBy": "make", "Size": 5}]),
    }
    connection = connect(engine.url)
    world.inquiry = Inquiry(Client(connection, ID), Masking(), {"Image": IMAGE})
    yield
    connection.transport.close()


def test_the_processes(ask: Ask) -> None:
    """Titles and rows."""
    assert ask("/v1/top").json == {"titles": ["PID"], "processes": [["7"]]}


def test_the_columns_can_be_chosen(engine: CannedEngine, ask: Ask) -> None:
    """As `ps` has them, and no more than that: else 400 with what is possible."""
    assert ask("/v1/top?args=-eo%20pid,comm").status == 200
    assert engine.requests[-1].endswith("/top?ps_args=-eo+pid%2Ccomm")
    for query in ("args=-p%201", "args=", "args=-ef&args=-ef"):
        assert ask(f"/v1/top?{query}").problem["status"] == 400


def test_the_processes_as_the_kernel_has_them(engine: CannedEngine, ask: Ask) -> None:
    """No engine is asked, and there are no columns to choose."""
    assert ask("/v1/top?source=kernel").json == {"titles": ["PID"], "processes": [["1"]]}
    assert engine.matching("/top") == []
    for query in ("source=kernel&args=-ef", "source=ps", "source=kernel&source=kernel"):
        assert ask(f"/v1/top?{query}").problem["status"] == 400


def test_the_changes(ask: Ask) -> None:
    """Each with its kind."""
    assert ask("/v1/changes").json == {"changes": [{"path": "/tmp", "kind": "modified"}]}


def test_the_image(ask: Ask) -> None:
    """With how it was made."""
    document = ask("/v1/image").json
    assert isinstance(document, dict)
    assert document["history"] == [{"created_at": None, "created_by": "make", "size_bytes": 5}]


@pytest.mark.parametrize("path", ["/v1/top", "/v1/changes", "/v1/image"])
def test_what_a_proxy_denies_is_denied(engine: CannedEngine, ask: Ask, path: str) -> None:
    """With the variable that opens it."""
    engine.answers = dict.fromkeys(engine.answers, Answer(403, b"<html>no</html>"))
    problem = ask(path).problem
    assert problem["status"] == 403
    assert problem["type"] == "urn:selfinspect:problem:denied-by-engine"
    assert ("IMAGES=1" if path == "/v1/image" else "CONTAINERS=1") in str(problem["hint"])


@pytest.mark.parametrize("path", ["/v1/top", "/v1/changes", "/v1/image"])
def test_without_an_engine(world: World, ask: Ask, path: str) -> None:
    """503, and when to ask again: the kernel's own answer would not be about us alone."""
    world.inquiry = None
    reply = ask(path)
    assert reply.problem["status"] == 503
    assert "retry-after" in reply.headers
