"""JSON Schemas, above all those of the records: made from a dataclass's annotations.

For packagers and tests. The agent serves the file that `__main__` writes, and loads none of this.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from selfinspect import model

if TYPE_CHECKING:
    from selfinspect.model import Json

TEXT: Json = {"type": "string"}
TIME: dict[str, Json] = {"type": "string", "format": "date-time"}
_SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number"}
_TIMES = re.compile(r"time|start|end|.*_at")


class Schemas:
    """The schemas of records by their names, each made when it is first referred to."""

    def __init__(self) -> None:
        self.made: dict[str, Json] = {}

    def of(self, record: type, *, without: tuple[str, ...] = ()) -> Json:
        """A reference to the schema of a record.

        Args:
            record: a dataclass.
            without: fields that its document leaves out.
        """
        name = record.__name__
        if name not in self.made:
            self.made[name] = None
            self.made[name] = self._object(record, without)
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, record: type, without: tuple[str, ...]) -> Json:
        names = [field.name for field in fields(record) if field.name not in without]
        hints = get_type_hints(
            record,
            {**vars(sys.modules[record.__module__]), **vars(model), "Mapping": Mapping},
            {"Json": Any},
        )
        properties = {name: self._member(name, hints[name]) for name in names}
        about = re.split(r"\n\s*\n", record.__doc__ or "")[0]
        return strict(properties, description=" ".join(about.split()))

    def _member(self, name: str, hint: object) -> Json:
        schema = self._schema(hint)
        if isinstance(schema, dict) and _TIMES.fullmatch(name):
            return {**schema, "format": "date-time"}
        return schema

    def _schema(self, hint: object) -> Json:
        if isinstance(hint, type) and is_dataclass(hint):
            return self.of(hint)
        if isinstance(hint, type) and hint in _SCALARS:
            return {"type": _SCALARS[hint]}
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is Literal:
            return {"enum": list(arguments)}
        if origin is tuple:
            return array(self._schema(arguments[0]))
        if origin is Mapping:
            return {"type": "object", "additionalProperties": self._schema(arguments[1])}
        if hint is not Any and origin not in (Union, types.UnionType):
            raise TypeError(f"no schema for {hint}")
        others = [self._schema(one) for one in arguments if one is not type(None)]
        return nullable(*others) if others else {}


def array(items: Json) -> Json:
    """Any number of these."""
    return {"type": "array", "items": items}


def nullable(*schemas: Json) -> Json:
    """One of these, or null where it is unknown."""
    [first, *_] = schemas
    if len(schemas) == 1 and isinstance(first, dict) and isinstance(first.get("type"), str):
        return {**first, "type": [first["type"], "null"]}
    return {"anyOf": [*schemas, {"type": "null"}]}


def strict(
    properties: Mapping[str, Json],
    *,
    optional: Mapping[str, Json] | None = None,
    description: str | None = None,
) -> Json:
    """An object with all of these members, perhaps with the optional ones, and no others."""
    return {
        "type": "object",
        **({"description": description} if description else {}),
        "properties": {**properties, **(optional or {})},
        "required": list(properties),
        "additionalProperties": False,
    }
