"""What a metric is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from selfinspect.metrics.catalog import CATALOG

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from selfinspect.metrics.catalog import Kind

Labels: TypeAlias = "Mapping[str, str]"


class Point(NamedTuple):
    """A value with the labels it has beyond the container's own.

    `timestamp` is in seconds since the Unix epoch, where the value carries one.
    """

    value: float
    labels: Labels
    timestamp: float | None = None


class Family(NamedTuple):
    """A metric: its name without `_total`, and its points, all with the same label names."""

    name: str
    kind: Kind
    help: str
    points: tuple[Point, ...]


def family(name: str, points: Iterable[Point]) -> Family:
    """A family of these points, with the type and the help that the catalog has for it.

    Args:
        name: as it is exposed: that of a counter ends with `_total`.
        points: none for a family that is absent.

    Raises:
        KeyError: the catalog has no such metric.
    """
    entry = CATALOG[name]
    bare = name.removesuffix("_total") if entry.kind == "counter" else name
    return Family(bare, entry.kind, entry.help, tuple(points))


def point(value: float | None, **labels: str) -> tuple[Point, ...]:
    """One point, none where the value is unknown."""
    return () if value is None else (Point(value, labels),)
