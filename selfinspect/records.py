"""Documents as the records they were made from. Pure."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeVar

from selfinspect.model import (
    Compose,
    Engine,
    Health,
    HealthCheck,
    Host,
    IdentitySummary,
    Image,
    Kubernetes,
    Limits,
    MemoryEvents,
    Mount,
    Network,
    PortBinding,
    RestartPolicy,
    Run,
    Self,
    Stop,
    Stopping,
    Swarm,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from selfinspect.model import Json

Record = TypeVar("Record")


def read_self(document: Json) -> Self:
    """The record of which `/v1/self` answers the document.

    Members that this version does not know are left out; those the document lacks are None.

    Raises:
        ValueError: it is no such document.
    """
    members = _members(document)
    if not ("id" in members and members.get("identity")):
        raise ValueError("no document of /v1/self")
    return _record(Self, document)


def _record(kind: type[Record], document: Json) -> Record:
    members = _members(document)
    values: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]  # each is a dataclass
        if field.name in members:
            read = _READERS.get((kind, field.name), _plain)
            value = members[field.name]
            values[field.name] = None if value is None else read(value)
        elif field.default is MISSING:
            values[field.name] = None
    return kind(**values)


def _plain(value: Json) -> object:
    return tuple(value) if isinstance(value, list) else value


def _one(kind: type[object]) -> Callable[[Json], object]:
    return lambda value: _record(kind, value)


def _each(kind: type[object]) -> Callable[[Json], object]:
    return lambda value: tuple(_record(kind, each) for each in _items(value))


def _named(read: Callable[[Json], object]) -> Callable[[Json], object]:
    return lambda value: {name: read(each) for name, each in _members(value).items()}


def _items(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is no array")  # noqa: TRY004 - a wrong text, no wrong call
    return value


def _members(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is no object")  # noqa: TRY004 - a wrong text, no wrong call
    return value


_READERS: dict[tuple[type[object], str], Callable[[Json], object]] = {
    (Self, "image"): _one(Image),
    (Self, "health"): _one(Health),
    (Health, "log"): _each(HealthCheck),
    (Self, "restart_policy"): _one(RestartPolicy),
    (Self, "port_bindings"): _named(_each(PortBinding)),
    (Self, "networks"): _named(_one(Network)),
    (Self, "mounts"): _each(Mount),
    (Self, "limits"): _one(Limits),
    (Self, "compose"): _one(Compose),
    (Self, "swarm"): _one(Swarm),
    (Self, "kubernetes"): _one(Kubernetes),
    (Self, "stop"): _one(Stop),
    (Self, "stopping"): _one(Stopping),
    (Self, "memory_events"): _one(MemoryEvents),
    (Self, "host"): _one(Host),
    (Self, "previous_run"): _one(Run),
    (Self, "identity"): _one(IdentitySummary),
    (Self, "engine"): _one(Engine),
}
