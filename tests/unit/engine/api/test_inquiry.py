"""What is asked of an engine beyond the snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.api.client import Inquiry
from selfinspect.engine.inspect.log import LogQuery
from selfinspect.errors import (
    BadRequestError,
    EngineAnswerError,
    EngineDeniedError,
    EngineUnreachableError,
    EngineUnsupportedError,
)
from selfinspect.masking import Masking
from tests.support.canned_engine import Answer, recorded
from tests.unit.engine.conftest import ID
from tests.unit.engine.inspect.test_frames import frame

if TYPE_CHECKING:
    from selfinspect.engine.api.client import Client
    from selfinspect.model import Json
    from tests.support.canned_engine import CannedEngine

IMAGE = "sha256:" + "cd" * 32


@pytest.fixture
def inquiry(client: Client) -> Inquiry:
    """About a container without a terminal."""
    inspect: Json = {"Id": ID, "Image": IMAGE, "Config": {"Image": "app:1", "Tty": False}}
    return Inquiry(client, Masking(), inspect)


def test_top_asks_for_the_columns_chosen(engine: CannedEngine, inquiry: Inquiry) -> None:
    """And for the engine's own where none are."""
    engine.answers[f"/containers/{ID}/top"] = Answer(body={"Titles": ["PID"], "Processes": [["7"]]})
    assert inquiry.top() == inquiry.top("-eo pid") == {"titles": ["PID"], "processes": [["7"]]}
    path = f"GET /v1.41/containers/{ID}/top"
    assert engine.requests == [path, f"{path}?ps_args=-eo+pid"]


def test_arguments_that_do_more_are_not_asked_with(engine: CannedEngine, inquiry: Inquiry) -> None:
    """The engine does not hear of them."""
    with pytest.raises(BadRequestError):
        inquiry.top("-p 1")
    assert engine.requests == []


def test_a_container_that_does_not_run_has_no_processes(
    engine: CannedEngine, inquiry: Inquiry
) -> None:
    """The engine's 409; another failure is reported as it is."""
    engine.answers[f"/containers/{ID}/top"] = Answer(409, {"message": "is not running"})
    with pytest.raises(EngineUnreachableError, match="there are no processes"):
        inquiry.top()
    engine.answers[f"/containers/{ID}/top"] = Answer(500, {"message": "ps: no"})
    with pytest.raises(EngineAnswerError, match="ps: no"):
        inquiry.top()


def test_an_engine_without_ps_says_nothing(engine: CannedEngine, inquiry: Inquiry) -> None:
    """Podman 4, in an image that has none: it is not asked again at once."""
    engine.answers[f"/containers/{ID}/top"] = Answer(body=b"")
    for _ in range(2):
        with pytest.raises(EngineUnsupportedError):
            inquiry.top()
    assert len(engine.requests) == 1


def test_the_changes(engine: CannedEngine, inquiry: Inquiry) -> None:
    """An engine's null is no changes."""
    engine.answers[f"/containers/{ID}/changes"] = Answer(body=b"null")
    assert inquiry.changes() == {"changes": []}


def test_the_image_without_its_history(engine: CannedEngine, inquiry: Inquiry) -> None:
    """A proxy may let the one through and not the other; the image stays allowed."""
    engine.answers[f"/images/{IMAGE}/json"] = Answer(body=recorded("image"))
    engine.answers[f"/images/{IMAGE}/history"] = Answer(403)
    document = inquiry.image()
    assert isinstance(document, dict)
    assert (document["reference"], document["history"]) == ("app:1", None)
    assert inquiry.client.connection.capabilities.states()["image"] == "allowed"
    engine.answers[f"/images/{IMAGE}/json"] = Answer(403)
    with pytest.raises(EngineDeniedError):
        inquiry.image()


@pytest.mark.parametrize("terminal", [True, False])
def test_the_inspect_document_tells_of_the_terminal(
    engine: CannedEngine,
    client: Client,
    terminal: bool,  # noqa: FBT001
) -> None:
    """And with it how the log is to be read."""
    body = b"one\n" if terminal else frame(1, b"one\n")
    engine.answers[f"/containers/{ID}/logs"] = Answer(body=body)
    inspect: Json = {"Config": {"Tty": terminal}}
    with Inquiry(client, Masking(), inspect).log(LogQuery()) as log:
        assert [each.line for batch in log.batches() for each in batch] == ["one"]
