"""Documents as records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

import pytest

from selfinspect import model
from selfinspect.documents import as_document
from selfinspect.model import IdentitySummary, Mount, Self
from selfinspect.records import read_record, read_self

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from selfinspect.model import Json

RECORDS: list[type[DataclassInstance]] = [
    kind for kind in vars(model).values() if isinstance(kind, type) and is_dataclass(kind)
]
PLAIN: Mapping[object, object] = {str: "text", int: 7, float: 0.5, bool: True}
BARE = Self(id="a1" * 32, short_id="a1" * 6, identity=IdentitySummary("proven", "layer"))


def filled(kind: type[DataclassInstance]) -> DataclassInstance:
    """A record with something in every member, at every depth."""
    hints = get_type_hints(kind, localns={**vars(model), "Mapping": Mapping})
    return kind(**{field.name: value(hints[field.name]) for field in fields(kind)})


def value(hint: Any) -> object:
    """Something of a type."""
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return filled(hint)
    inner = get_args(hint)
    origin = get_origin(hint)
    if origin is Literal:
        return inner[0]
    if origin is tuple:
        return tuple(value(each) for each in inner if each is not Ellipsis)
    if origin is Mapping:
        return {"name": value(inner[1])}
    return PLAIN[hint] if hint in PLAIN else value(inner[0]) if inner else "json"


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_every_record_comes_back_from_its_document(kind: type[DataclassInstance]) -> None:
    """Every member of every record of the model, nested ones as the records they were."""
    record = filled(kind)
    assert read_record(kind, as_document(record)) == record


def test_members_without_a_value_come_back_as_none() -> None:
    """As all are where no engine was asked."""
    assert read_self(as_document(BARE)) == BARE


def test_an_agent_of_another_version_is_understood() -> None:
    """A member that only it has is left out, a member that it lacks is None."""
    document: Json = {
        "id": "a1",
        "identity": {"level": "proven", "certainty": 1},
        "mounts": [{"type": "bind"}],
        "colour": "red",
    }
    own = read_self(document)
    assert [own.short_id, own.identity.method] == [None, None]
    assert own.mounts == (Mount("bind", None, None, None, None),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "text",
        {},
        {"id": "a1"},
        {"id": "a1", "identity": "proven"},
        {"id": "a1", "identity": {}, "mounts": {}},
        {"id": "a1", "identity": {"level": "proven"}, "networks": []},
        {"id": "a1", "identity": {"level": "proven"}, "mounts": [1]},
    ],
)
def test_another_document_is_refused(document: Json) -> None:
    """An answer of another shape is not the agent's."""
    with pytest.raises(ValueError, match=r"^not an? "):
        read_self(document)
