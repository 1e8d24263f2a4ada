"""What a metric is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Kind: TypeAlias = Literal["counter", "gauge", "unknown"]
Labels: TypeAlias = "Mapping[str, str]"


class Point(NamedTuple):
    """A value with the labels it has beyond the container's own.

    `timestamp` is in seconds since the Unix epoch, where the value carries one.
    """

    value: float
    labels: Labels
    timestamp: float | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its name without `_total`, and its points, all with the same label names."""

    name: str
    kind: Kind
    help: str
    points: tuple[Point, ...]


def family(name: str, kind: Kind, text: str, points: Iterable[Point]) -> Family:
    """A family of these points."""
    return Family(name, kind, text, tuple(points))


def point(value: float | None, **labels: str) -> tuple[Point, ...]:
    """One point, none where the value is unknown."""
    return () if value is None else (Point(value, labels),)
