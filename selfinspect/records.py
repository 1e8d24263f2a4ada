"""Records from the JSON documents that were made of them. Pure.

How a member is read follows from its type in the record, so a new record needs nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from selfinspect import model
from selfinspect.model import Self

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from selfinspect.model import Json

    Record = TypeVar("Record", bound=DataclassInstance)
    Hints: TypeAlias = dict[type[DataclassInstance], Mapping[str, Any]]


def read_self(document: Json) -> Self:
    """The record whose document `/v1/self` answers.

    Raises:
        ValueError: it is not such a document.
    """
    members = _object(document)
    if "id" not in members or not members.get("identity"):
        raise ValueError("not a document of /v1/self")
    return read_record(Self, document)


def read_record(kind: type[Record], document: Json) -> Record:
    """The record of this kind, with the records in it.

    Members that this version does not have are left out; those that the document lacks have their
    default, else None.

    Raises:
        ValueError: an object or an array is expected somewhere, and something else stands there.
    """
    return _record(kind, document, {})


def _record(kind: type[Record], document: Json, hints: Hints) -> Record:
    """Args are those of `read_record`, and the types of members, resolved once for each kind."""
    members = _object(document)
    if kind not in hints:
        hints[kind] = get_type_hints(kind, localns={**vars(model), "Mapping": Mapping})
    values: dict[str, Any] = {}
    for field in fields(kind):
        if field.name in members:
            values[field.name] = _value(hints[kind][field.name], members[field.name], hints)
        elif field.default is MISSING and field.default_factory is MISSING:
            values[field.name] = None
    return kind(**values)


def _value(hint: object, value: Json, hints: Hints) -> object:
    """A member: a record, `tuple[X, ...]`, `Mapping[str, X]` or a scalar, each of it or None."""
    if value is None:
        return None
    if isinstance(hint, type) and is_dataclass(hint):
        return _record(hint, value, hints)
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType) and len(inner) == 2 and type(None) in inner:  # noqa: PLR2004
        return _value(inner[inner[0] is type(None)], value, hints)
    if origin is tuple:
        return tuple(_value(inner[0], each, hints) for each in _array(value))
    if origin is Mapping:
        return {name: _value(inner[1], each, hints) for name, each in _object(value).items()}
    return value


def _array(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise ValueError(f"not an array: {value!r}")  # noqa: TRY004 - a wrong text, no wrong call
    return value


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise ValueError(f"not an object: {value!r}")  # noqa: TRY004 - a wrong text, no wrong call
    return value
