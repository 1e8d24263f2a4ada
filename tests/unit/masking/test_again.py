"""A document that is mostly as it was is masked as it would be from the start."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from selfinspect.masking import Masking, masked_again

if TYPE_CHECKING:
    from selfinspect.model import Json

SECRET = "correct-horse"
BEFORE: dict[str, Json] = {
    "Name": "/shop",
    "Path": "mysql",
    "Args": ["-p", SECRET],
    "State": {"Running": True, "Error": f"login with {SECRET} failed"},
    "Config": {"Env": [f"DB_PASSWORD={SECRET}", "LANG=C"]},
}
CHANGES: dict[str, dict[str, Json]] = {
    "nothing": {},
    "its name": {"Name": "/shop-2"},
    "its state": {"State": {"Running": False, "Error": SECRET}},
    "its configuration": {"Config": {"Env": ["DB_PASSWORD=another-horse"]}},
    "its program": {"Path": "sleep"},
    "a member more": {"Mounts": [{"Source": f"//u:{SECRET}@nas/x"}]},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_it_is_as_if_masked_from_the_start(change: dict[str, Json]) -> None:
    """Whatever changed, in the order of the new document."""
    masking = Masking().learn(BEFORE)
    now = {**BEFORE, **change}
    again = masked_again(masking, now, BEFORE, masking.inspect(BEFORE))
    assert json.dumps(again) == json.dumps(masking.inspect(now))
    assert SECRET not in json.dumps(again)


def test_what_is_the_same_is_not_looked_at() -> None:
    """It is the very object of the last time."""
    masking = Masking().learn(BEFORE)
    masked = masking.inspect(BEFORE)
    again = masked_again(masking, {**BEFORE, "Name": "/x"}, BEFORE, masked)
    assert isinstance(again, dict)
    assert isinstance(masked, dict)
    assert again["Config"] is masked["Config"]


@pytest.mark.parametrize("document", [None, [], "text", 3])
def test_what_is_no_object_is_masked_whole(document: Json) -> None:
    """As an engine that answers nonsense may send it."""
    assert masked_again(Masking(), document, BEFORE, BEFORE) == document
