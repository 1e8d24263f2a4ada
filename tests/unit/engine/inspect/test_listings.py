"""What an engine lists of a container and its image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from selfinspect.engine.inspect.listings import changes, image
from selfinspect.masking import Masking
from tests.support.canned_engine import recorded

if TYPE_CHECKING:
    from selfinspect.model import Json


def test_each_change_has_its_kind() -> None:
    """As the engine numbers them; another number is unknown."""
    listed: list[Json] = [{"Path": f"/{kind}", "Kind": kind} for kind in range(4)]
    assert changes([*listed, {"Path": "/x"}], Masking()) == {
        "changes": [
            {"path": "/0", "kind": "modified"},
            {"path": "/1", "kind": "added"},
            {"path": "/2", "kind": "deleted"},
            {"path": "/3", "kind": None},
            {"path": "/x", "kind": None},
        ]
    }


@pytest.mark.parametrize("listed", [None, []])
def test_no_changes_are_an_empty_list(listed: Json) -> None:
    """Engines say null."""
    assert changes(listed, Masking()) == {"changes": []}


def test_a_secret_in_a_path_is_masked() -> None:
    """Where there is one."""
    masking = Masking(secrets=frozenset({"hunter2hunter2"}))
    document = changes([{"Path": "/tmp/hunter2hunter2", "Kind": 1}], masking)
    assert document == {"changes": [{"path": "/tmp/[masked]", "kind": "added"}]}


HISTORY: Json = [
    {
        "Created": 1795262555,
        "CreatedBy": "/bin/sh -c #(nop)  ENV API_TOKEN=tok-0123456789abcdef",
        "Size": 0,
    },
    {"Created": 0, "CreatedBy": "RUN setup tok-0123456789abcdef", "Size": 17},
    {"CreatedBy": ""},
    {"Created": 2**62},
    "odd",
]


def test_the_image_and_its_history() -> None:
    """Under our names, with times in our form; what is missing is null."""
    inspect = recorded("image")
    document = image(inspect, HISTORY, reference="app:1", masking=Masking())
    assert isinstance(document, dict)
    history = document.pop("history")
    assert document == {
        "reference": "app:1",
        "id": inspect["Id"],
        "digests": [],
        "created_at": "2026-11-21T12:02:35.841593137Z",
        "size_bytes": 265432573,
        "architecture": "amd64",
        "os": "linux",
        "labels": {},
    }
    assert isinstance(history, list)
    assert history[0] == {
        "created_at": "2026-11-21T12:02:35.000000000Z",
        "created_by": "/bin/sh -c #(nop)  ENV API_TOKEN=[masked]",
        "size_bytes": 0,
    }
    assert isinstance(history[1], dict)
    assert history[1]["created_by"] == "RUN setup [masked]"
    assert history[2:] == [{"created_at": None, "created_by": None, "size_bytes": None}] * 3


def test_what_is_secret_in_the_image_is_masked_in_its_history() -> None:
    """A variable of the image that the container may have set again."""
    inspect: Json = {
        "Id": "sha256:1",
        "Config": {"Env": ["PGPASSWORD=hunter2hunter2"], "Labels": {"a": "1", "api-key": "k3yk3y"}},
    }
    history: Json = [{"CreatedBy": "RUN setup hunter2hunter2"}]
    document = image(inspect, history, reference=None, masking=Masking())
    assert isinstance(document, dict)
    assert document["labels"] == {"a": "1", "api-key": "[masked]"}
    assert "hunter2" not in str(document)


def test_an_unknown_history_is_null() -> None:
    """Not empty."""
    document = image({}, None, reference=None, masking=Masking())
    assert isinstance(document, dict)
    assert set(document) >= {"history", "id", "size_bytes"}
    assert (document["history"], document["digests"], document["labels"]) == (None, [], {})
