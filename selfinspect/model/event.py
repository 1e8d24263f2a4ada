"""What happened to the container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfinspect.model.json import Json

EventSource: TypeAlias = Literal["live", "replay", "reconciled"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Whom an event is about."""

    id: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the container, in the order in which it arrived here."""

    cursor: str
    seq: int
    run: int | None
    time: str
    type: str
    action: str
    actor: Actor
    attributes: Mapping[str, Json]
    source: EventSource
